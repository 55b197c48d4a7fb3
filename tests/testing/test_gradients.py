"""check_gradients itself: it passes right gradients, catches planted wrong ones, and says where."""

import re

import numpy as np
import pytest

from minidelve import Function, Tensor
from minidelve.testing import check_gradients, gradients

X = np.arange(6.0).reshape(2, 3) / 4 + 0.3
W = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7], [0.2, 0.9, 1.1]])
SCALES = np.array([[1e-6, 1e12, 1.0], [1e3, -1e6, 1e9]])


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
    "gradients of 1e-6 to 1e12": (op(lambda x, a: x * a, lambda df, x, a: (a * df, x * df)), [X, SCALES]),
    "x of 1e-6 to 1e12": (op(lambda x: x * x, lambda df, x: 2 * x * df), [SCALES]),
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
    "a large x": (op(lambda x: x * x, lambda df, x: df * [2.002, 2] * x), [np.array([1e12, 1])]),
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


LARGE = np.random.default_rng(1).uniform(0.2, 1, (100, 100)) * np.random.default_rng(2).choice((-1, 1), (100, 100))
SMALL_FAULTS = {
    "one element of 10,000": ((np.s_[37, 81], 1e-3),),
    "the last row": ((np.s_[-1], 1e-4),),
    "two that add up to 0": ((np.s_[3, 4], 1e-3), (np.s_[50, 60], -1e-3)),
    "every column plus or minus": ((np.s_[:, ::2], 1e-4), (np.s_[:, 1::2], -1e-4)),
}


@pytest.mark.parametrize("places", SMALL_FAULTS.values(), ids=SMALL_FAULTS)
def test_a_small_fault_of_a_large_array_is_seen(places):
    fault = np.zeros_like(LARGE)
    for place, size in places:
        fault[place] = size
    f = op(lambda x: x * x, lambda df, x: 2 * x * df + fault)
    assert min(check_gradients(f, LARGE, tolerance=np.inf, seed=seed) for seed in range(30)) > 1e-4


@pytest.mark.parametrize("wrong", [lambda df, x: 2 * x * df * (1 + 1e-4), lambda df, x: 2 * x * df.T])
def test_a_factor_and_swapped_axes_are_seen_in_a_large_array(wrong):
    with pytest.raises(AssertionError, match="input 0 at"):
        check_gradients(op(lambda x: x * x, wrong), LARGE)


def test_one_direction_that_disagrees_is_enough(monkeypatch):
    blind = iter((np.s_[1], np.s_[0], np.s_[1]))  # the row that a direction leaves where it is

    def direction(points, rng):
        d = np.ones_like(X)
        d[next(blind)] = 0
        return [d]

    monkeypatch.setattr(gradients, "_direction", direction)
    with pytest.raises(AssertionError, match=r"input 0 at \(1, 0\)"):
        check_gradients(op(lambda x: x * x, lambda df, x: df * x * [[2], [3]]), X)


def test_what_a_sum_leaves_out_is_seen():
    """The gradient of a bias without the last of 100 images."""
    f = op(lambda x, b: x + b, lambda df, x, b: (df, df[:-1].sum(axis=0)))
    with pytest.raises(AssertionError, match="input 1 at"):
        check_gradients(f, LARGE[:, :5], LARGE[0, :5])


def test_a_fault_beside_a_gradient_a_billion_times_larger_is_named():
    a = np.array([1e9, 1.0, -1e5])
    f = op(lambda x, a: x * a, lambda df, x, a: (df * a * [1, 1.001, 1], df * x))
    with pytest.raises(AssertionError, match=r"input 0 at \(1,\)"):
        check_gradients(f, np.ones(3), a)


@pytest.mark.parametrize("n", [1, 100_000])
def test_right_gradients_cost_the_same_for_any_number_of_elements(n):
    calls = []
    assert check_gradients(lambda x: (calls.append(n), x * x)[1], np.linspace(-2, 2, n)) < 1e-7
    assert len(calls) == 1 + 2 * 3


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
