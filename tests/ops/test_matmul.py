import numpy as np
import pytest

from minidelve import Tensor
from minidelve.ops import matmul
from minidelve.testing import check_gradients
from tests.ops.helpers import agree_with_torch, assert_close, layout_does_not_matter, raises, run, zeros

SHAPES = [
    ((2, 3), (3, 4)),
    ((1, 1), (1, 1)),
    ((3,), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (6, 3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)),
]


@pytest.fixture(params=SHAPES, ids=str)
def x_and_y(request, rng):
    return [rng.standard_normal(shape) for shape in request.param]


def test_is_numpys(x_and_y):
    assert_close(run(matmul, *x_and_y)[0], np.matmul(*x_and_y))


def test_gradients_are_the_differences(x_and_y):
    check_gradients(matmul, *x_and_y)


def test_agrees_with_torch(x_and_y):
    agree_with_torch(matmul, pytest.importorskip("torch").matmul, *x_and_y)


def test_strides_and_dtype_do_not_matter(x_and_y):
    layout_does_not_matter(matmul, *x_and_y)


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
