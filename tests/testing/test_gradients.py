"""check_gradients itself: it passes right gradients, catches planted wrong ones, and says where."""

import re

import numpy as np
import pytest

from minidelve import Function, Tensor
from minidelve.testing import check_gradients

X = np.arange(6.0).reshape(2, 3) / 4 + 0.3
W = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7], [0.2, 0.9, 1.1]])


def op(forward, backward):
    """An op of two lambdas: forward(*arrays) and backward(df, *arrays)."""

    class Planted(Function):
        def forward(self, *arrays):
            self.save(*arrays)
            return forward(*arrays)

        def backward(self, df):
            return backward(df, *self.saved)

    return Planted.apply


RIGHT = {
    "square": (op(lambda x: x * x, lambda df, x: 2 * x * df), [X]),
    "scale": (op(lambda x, a: a * x, lambda df, x, a: (a * df, (df * x).sum(keepdims=True).reshape(1))), [X, W[0, :1]]),
    "product": (op(lambda x, w: x @ w, lambda df, x, w: (df @ w.T, x.T @ df)), [X, W]),
    "total": (op(lambda x: x.sum(), lambda df, x: df * np.ones_like(x)), [X]),
    "nothing": (op(lambda x: x * x, lambda df, x: 2 * x * df), [X[:0]]),
}
WRONG = {
    "sign": (op(lambda x: x * x, lambda df, x: -2 * x * df), [X]),
    "missing factor": (op(lambda x: x * x, lambda df, x: x * df), [X]),
    "off by a thousandth": (op(lambda x: x * x, lambda df, x: 2.002 * x * df), [X]),
    "swapped axes": (op(lambda x, w: x @ w, lambda df, x, w: (df @ w, x.T @ df)), [X, W]),
    "slope of one row only, not summed over the batch": (
        op(lambda x, a: a * x, lambda df, x, a: (a * df, (df * x)[0])), [X, W[0]]),
    "zeros": (op(lambda x: x * x, lambda df, x: 0 * df), [X]),
    "NaN": (op(lambda x: x * x, lambda df, x: np.nan * df), [X]),
    "infinite": (op(lambda x: x * x, lambda df, x: np.inf * df), [X]),
    "one element": (op(lambda x: x * x, lambda df, x: 2 * x * df * (x != X[1, 2])), [X]),
}  # fmt: skip


@pytest.mark.parametrize("case", RIGHT)
def test_passes_right_gradients(case):
    f, arrays = RIGHT[case]
    assert check_gradients(f, *arrays) < 1e-9


@pytest.mark.parametrize("case", WRONG)
def test_catches_wrong_gradients(case):
    f, arrays = WRONG[case]
    with pytest.raises(AssertionError, match="backward says"):
        check_gradients(f, *arrays)


def test_an_all_ones_cotangent_would_have_missed_swapped_axes():
    """dE/dx of x^T is df^T; df alone has the right shape for square x, and is wrong."""
    transposed = op(lambda x: x.T, lambda df, x: df)
    x = Tensor(W, requires_grad=True)
    transposed(x).backward(np.ones((3, 3)))
    np.testing.assert_array_equal(x.grad, np.ones((3, 3)))  # of sum(x^T), and right: nothing to see
    with pytest.raises(AssertionError):
        check_gradients(transposed, W)


def test_names_the_input_the_element_and_both_values():
    def double_in_one_place(df, x, y):
        factor = np.ones_like(y)
        factor[1, 2] = 2
        return df * y, df * x * factor

    with pytest.raises(AssertionError) as caught:
        check_gradients(op(lambda x, y: x * y, double_in_one_place), X, X + 1)
    message = str(caught.value)
    assert "input 1 at (1, 2)" in message
    claimed, measured = (float(re.search(before + r" (-?[\d.]+)", message)[1]) for before in ("says", "differences"))
    assert claimed / measured == pytest.approx(2)


def test_a_wrong_shape_is_an_error_of_backward():
    with pytest.raises(RuntimeError, match=r"Planted.backward returned shape \(3, 2\)"):
        check_gradients(op(lambda x: x * x, lambda df, x: (2 * x * df).T), X)


def test_an_unused_input_has_gradient_zero():
    assert check_gradients(lambda x, unused: x * x, X, X) < 1e-9


def test_works_in_float64_whatever_it_is_given():
    dtypes = []

    def square(x):
        dtypes.append(x.dtype)
        return x * x

    check_gradients(square, [3, 4])
    check_gradients(square, np.float32([1, 2]))
    assert set(dtypes) == {np.dtype(np.float64)}


def test_leaves_its_arguments_as_they_were():
    x = X.copy()
    check_gradients(lambda x: x * x, x)
    np.testing.assert_array_equal(x, X)


def test_tolerance_is_the_largest_error_that_passes():
    f, arrays = WRONG["off by a thousandth"]
    with pytest.raises(AssertionError, match="1e-05"):
        check_gradients(f, *arrays, tolerance=1e-5)
    assert 1e-4 < check_gradients(f, *arrays, tolerance=1e-2) < 1e-2


def test_the_same_seed_gives_the_same_error():
    f, arrays = RIGHT["product"]
    assert check_gradients(f, *arrays, seed=1) == check_gradients(f, *arrays, seed=1)
    assert check_gradients(f, *arrays, seed=1) != check_gradients(f, *arrays, seed=2)
