import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidelve import Tensor, leaky_relu
from minidelve.testing import check_gradients
from tests.ops.helpers import agree_with_torch, assert_close, distinct, empty_batch, layout_does_not_matter, run

pytestmark = pytest.mark.usefixtures("kernels")


@given(st.lists(st.integers(1, 4), max_size=4), st.floats(-1, 2), st.integers(0, 99))
def test_gradients_of_any_shape_are_the_differences(shape, slope, seed):
    check_gradients(lambda y: leaky_relu(y, slope), distinct(np.random.default_rng(seed), *shape))


@pytest.mark.parametrize("slope", [0.01, 0.3])
@pytest.mark.parametrize("shape", [(), (5,), (4, 3), (2, 3, 4, 5)])
def test_agrees_with_torch(shape, slope, rng):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.functional.leaky_relu
    agree_with_torch(lambda y: leaky_relu(y, slope), lambda y: theirs(y, slope), distinct(rng, *shape))


@pytest.mark.parametrize("shape", [(7,), (4, 3), (2, 3, 4, 5)])
def test_strides_and_dtype_do_not_matter(shape, rng):
    layout_does_not_matter(leaky_relu, distinct(rng, *shape))


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


def test_empty_batch():
    empty_batch(leaky_relu, (3, 2, 2), (3, 2, 2))
