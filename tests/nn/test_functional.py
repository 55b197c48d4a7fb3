"""nn.functional: the functions of minidelve under the name that PyTorch has for them."""

import pytest

import minidelve
import minidelve.nn.functional as F
from minidelve import ops


def test_it_has_the_functions_that_minidelve_has():
    assert set(F.__all__) == {name for name in minidelve.__all__ if name in ops.__all__}
    assert all(getattr(F, name) is getattr(minidelve, name) for name in F.__all__)
    assert minidelve.nn.functional is F


def test_a_name_of_pytorchs_is_answered():
    with pytest.raises(AttributeError, match=r"functional has no cat; write concat\(tensors, axis=0\)"):
        F.cat  # noqa: B018
