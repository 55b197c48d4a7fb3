import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidelve import Tensor, prelu
from minidelve.testing import check_gradients
from tests.helpers import assert_close, distinct, raises, run, zeros

pytestmark = pytest.mark.usefixtures("kernels")


@given(st.lists(st.integers(1, 4), min_size=2, max_size=4), st.booleans(), st.integers(0, 99))
def test_gradients_of_any_shape_are_the_differences(shape, shared, seed):
    rng = np.random.default_rng(seed)
    check_gradients(prelu, distinct(rng, *shape), rng.standard_normal(1 if shared else shape[1]))


def test_zero_counts_as_negative():
    y, a = np.zeros((1, 2)), np.array([0.25, 0.5])
    f, (dy, da) = run(prelu, y, a, cotangent=np.ones((1, 2)))
    assert_close(f, y)
    assert_close(dy, a[None])
    assert_close(da, np.zeros(2))


def test_each_channel_has_its_own_slope():
    y = -np.ones((1, 2, 1, 2))
    f, (_, da) = run(prelu, y, np.array([0.25, 0.5]), cotangent=np.array([[[[1.0, 2.0]], [[10.0, 20.0]]]]))
    assert f.ravel().tolist() == [-0.25, -0.25, -0.5, -0.5]
    assert da.tolist() == [-3.0, -30.0]


def test_shared_slope_sums_over_batch_channels_and_positions(rng):
    y, r = distinct(rng, 2, 3, 4, 5), rng.standard_normal((2, 3, 4, 5))
    _, (_, da) = run(prelu, y, np.array([0.25]), cotangent=r)
    assert_close(da, np.array([(r * np.minimum(y, 0)).sum()]))


def test_slope_may_be_negative_or_above_one():
    f = prelu(Tensor([[-1.0, -1.0, 2.0, 2.0]]), Tensor([-0.5, 3.0, -0.5, 3.0]))
    assert f.data.tolist() == [[0.5, -3.0, 2.0, 2.0]]


def test_nan_stays_nan():
    f, (dy, da) = run(prelu, np.array([[np.nan, 1.0]]), np.array([0.25, 0.25]), cotangent=np.ones((1, 2)))
    assert np.isnan(f).tolist() == [[True, False]]
    assert np.isnan(da).tolist() == [True, False]


def test_an_input_that_needs_no_gradient_gets_none(rng):
    y, a = Tensor(distinct(rng, 2, 3)), Tensor(np.full(3, 0.25), requires_grad=True)
    prelu(y, a).backward(np.ones((2, 3)))
    assert y.grad is None
    assert_close(a.grad, np.minimum(y.data, 0).sum(axis=0))


def test_wrong_shapes_are_named():
    raises(ValueError, lambda: prelu(zeros(2, 3, 4, 4), zeros(4)), "prelu", "(4,)", "(3,)", "(2, 3, 4, 4)")
    raises(ValueError, lambda: prelu(zeros(2, 3), zeros(3, 1)), "(3, 1)")
    raises(ValueError, lambda: prelu(zeros(2, 3), zeros()), "()")
    raises(ValueError, lambda: prelu(zeros(3), zeros(3)), "(3,)", "y")
    raises(ValueError, lambda: prelu(zeros(3), zeros(1)), "(3,)")
    raises(ValueError, lambda: prelu(zeros(2, 0, 4), zeros(1)), "(2, 0, 4)", "expected")


def test_float32_responses_and_float64_slopes_get_their_own_dtypes():
    y, a = Tensor(np.float32([[-2, 3]]), requires_grad=True), Tensor(np.array([0.5, 0.5]), requires_grad=True)
    f = prelu(y, a)
    f.sum().backward()
    assert (f.dtype, y.grad.dtype, a.grad.dtype) == (np.float64, np.float32, np.float64)
    assert (f.data.tolist(), y.grad.tolist(), a.grad.tolist()) == ([[-1, 3]], [[0.5, 1]], [-2, 0])
