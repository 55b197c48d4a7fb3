import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidelve import Tensor, avg_pool2d
from minidelve.testing import check_gradients
from tests.ops.helpers import agree_with_torch, assert_close, empty_batch, layout_does_not_matter, run
from tests.ops.pooling import GEOMETRIES, any_geometry, by_definition, refuses_wrong_shapes_and_options

pytestmark = pytest.mark.usefixtures("kernels")


@pytest.mark.parametrize("shape, k, s, p, ceil", GEOMETRIES, ids=str)
def test_agrees_with_torch(shape, k, s, p, ceil, rng):
    theirs = pytest.importorskip("torch").nn.functional.avg_pool2d
    f, g = (lambda x, pool=pool: pool(x, k, s, p, ceil_mode=ceil) for pool in (avg_pool2d, theirs))
    agree_with_torch(f, g, rng.standard_normal(shape))


@pytest.mark.parametrize("shape, k, s, p, ceil", GEOMETRIES, ids=str)
def test_gradients_are_the_differences(shape, k, s, p, ceil, rng):
    check_gradients(lambda x: avg_pool2d(x, k, s, p, ceil), rng.standard_normal(shape))


@given(any_geometry(), st.integers(0, 99))
def test_any_geometry_is_the_definition_and_its_derivative(geometry, seed):
    shape, *window, ceil_mode = geometry
    x = np.random.default_rng(seed).standard_normal(shape)
    y = avg_pool2d(Tensor(x), *window, ceil_mode).data
    assert_close(y, by_definition(lambda pixels, taps: pixels.sum() / taps, x, y.shape, *window))
    check_gradients(lambda x: avg_pool2d(x, *window, ceil_mode), x)


def test_strides_and_dtype_do_not_matter(rng):
    layout_does_not_matter(lambda x: avg_pool2d(x, 3, 2, 1), rng.standard_normal((2, 3, 7, 6)))


def test_the_zeros_of_the_frame_count():
    f, (dx,) = run(lambda x: avg_pool2d(x, 2, 2, 1), np.full((1, 1, 2, 2), 8.0), cotangent=np.ones((1, 1, 2, 2)))
    assert_close(f, np.full((1, 1, 2, 2), 2.0))
    assert_close(dx, np.full((1, 1, 2, 2), 0.25))


def test_what_hangs_over_the_frame_does_not_count():
    f, (dx,) = run(lambda x: avg_pool2d(x, 2, ceil_mode=True), np.full((1, 1, 3, 3), 8.0),
                   cotangent=np.ones((1, 1, 2, 2)))  # fmt: skip
    assert_close(f, np.full((1, 1, 2, 2), 8.0))
    assert dx[0, 0].tolist() == [[0.25, 0.25, 0.5], [0.25, 0.25, 0.5], [0.5, 0.5, 1]]


def test_nan_stays_nan():
    x = np.ones((1, 1, 2, 4))
    x[0, 0, 1, 0] = np.nan
    assert np.isnan(avg_pool2d(Tensor(x), 2).data[0, 0]).tolist() == [[True, False]]


def test_empty_batch():
    empty_batch(lambda x: avg_pool2d(x, 2), (3, 4, 6), (3, 2, 3))


def test_wrong_shapes_and_options_are_named():
    refuses_wrong_shapes_and_options(avg_pool2d, "avg_pool2d")
