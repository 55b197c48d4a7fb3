import numpy as np
import pytest

from minidelve import Tensor, flatten
from minidelve.testing import check_gradients
from tests.ops.helpers import agree_with_torch, empty_batch, layout_does_not_matter, raises, zeros

SHAPES = [(2, 3, 4, 5), (2, 3), (2, 3, 4), (1, 1, 1, 1)]


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_the_differences(shape, rng):
    check_gradients(flatten, rng.standard_normal(shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_agrees_with_torch(shape, rng):
    torch = pytest.importorskip("torch")
    agree_with_torch(flatten, lambda x: torch.flatten(x, 1), rng.standard_normal(shape))


def test_strides_and_dtype_do_not_matter(rng):
    layout_does_not_matter(flatten, rng.standard_normal((2, 3, 4, 5)))


def test_a_row_holds_channel_then_row_then_column():
    assert flatten(Tensor(np.arange(8.0).reshape(1, 2, 2, 2))).data.tolist() == [list(range(8))]


def test_a_vector_becomes_a_column():
    assert flatten(zeros(3)).shape == (3, 1)


def test_empty_batch():
    empty_batch(flatten, (3, 4, 5), (60,))


def test_a_scalar_is_refused():
    raises(ValueError, lambda: flatten(zeros()), "flatten", "no axes")
