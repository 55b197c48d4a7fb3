import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidelve import Tensor, leaky_relu
from minidelve.testing import check_gradients
from tests.helpers import assert_close, distinct, run

pytestmark = pytest.mark.usefixtures("kernels")


@given(st.lists(st.integers(1, 4), max_size=4), st.floats(-1, 2), st.integers(0, 99))
def test_gradients_of_any_shape_are_the_differences(shape, slope, seed):
    check_gradients(lambda y: leaky_relu(y, slope), distinct(np.random.default_rng(seed), *shape))


def test_default_slope_is_the_papers():
    assert_close(leaky_relu(Tensor(np.array([-1.0, 2.0]))).data, np.array([-0.01, 2.0]))


def test_zero_counts_as_negative():
    _, (dy,) = run(lambda y: leaky_relu(y, 0.3), np.zeros(2), cotangent=np.array([1.0, 2.0]))
    assert_close(dy, np.array([0.3, 0.6]))


def test_nan_stays_nan():
    f, _ = run(leaky_relu, np.array([np.nan, 1.0]))
    assert np.isnan(f).tolist() == [True, False]


def test_output_keeps_the_memory_order_of_its_input(rng):
    y = distinct(rng, 2, 4, 5, 3).transpose(0, 3, 1, 2)
    f, (dy,) = run(leaky_relu, y, cotangent=np.ones(y.shape))
    assert f.strides == y.strides
    assert dy.strides == y.strides
