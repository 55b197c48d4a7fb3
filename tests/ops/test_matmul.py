import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from minidelve import Tensor
from minidelve.ops import matmul
from minidelve.testing import check_gradients
from tests.helpers import assert_close, raises, run, zeros


@given(mutually_broadcastable_shapes(signature=np.matmul.signature, max_side=3), st.integers(0, 99))
def test_any_shapes_are_numpys_and_its_derivative(drawn, seed):
    rng = np.random.default_rng(seed)
    x, y = (rng.standard_normal(shape) for shape in drawn.input_shapes)
    assert_close(run(matmul, x, y)[0], np.matmul(x, y))
    check_gradients(matmul, x, y)


@pytest.mark.parametrize("x, y", [((0, 3), (3, 4)), ((2, 0), (0, 4)), ((2, 3), (3, 0))])
def test_empty_matrices_have_gradients_of_their_shape(x, y):
    f, (dx, dy) = run(matmul, np.ones(x), np.ones(y))
    assert_close(f, np.ones(x) @ np.ones(y))
    assert_close(dx, np.zeros(x))
    assert_close(dy, np.zeros(y))


def test_an_array_may_stand_on_either_side(rng):
    x, y = rng.standard_normal((2, 3)), rng.standard_normal((3, 4))
    assert_close((Tensor(x) @ y).data, x @ y)
    assert_close((x @ Tensor(y)).data, x @ y)


def test_wrong_shapes_are_named():
    raises(ValueError, lambda: zeros(2, 3) @ zeros(2, 3), "matmul", "(2, 3)")
    raises(ValueError, lambda: zeros(3) @ zeros(4), "(3,)", "(4,)")
    raises(ValueError, lambda: zeros(5, 2, 3) @ zeros(4, 2), "(5, 2, 3)", "(4, 2)")
    raises(ValueError, lambda: zeros() @ zeros(2, 2), "()", "(2, 2)")
    raises(ValueError, lambda: zeros(2, 2) @ 3.0, "(2, 2)", "()")
    raises(ValueError, lambda: zeros(5, 2, 3) @ zeros(4, 3, 2), "(5, 2, 3)", "(4, 3, 2)")
