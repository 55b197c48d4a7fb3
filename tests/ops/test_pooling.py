"""Claims that both poolings make."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidelve import Tensor, avg_pool2d, max_pool2d
from minidelve.testing import check_gradients
from tests.helpers import assert_close, distinct, raises, zeros

pytestmark = pytest.mark.usefixtures("kernels")


@st.composite
def any_geometry(draw):
    """(shape of x, kernel_size, stride, padding, ceil_mode) with room for a window."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    size = tuple(draw(st.integers(max(1, k - 2 * p), 6)) for k, p in zip(kernel, padding, strict=True))
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    return (draw(st.integers(1, 2)), draw(st.integers(1, 3)), *size), kernel, stride, padding, draw(st.booleans())


def by_definition(reduce, x, y_shape, kernel, stride, padding):
    """reduce(the pixels of a window inside the map, taps inside the map or its frame) for every window."""
    (H, W), (kh, kw), (sh, sw), (ph, pw) = x.shape[2:], kernel, stride, padding
    y = np.empty(y_shape)
    for n, c, i, j in np.ndindex(y.shape):
        top, left = i * sh - ph, j * sw - pw
        inside = x[n, c, max(top, 0) : top + kh, max(left, 0) : left + kw]
        y[n, c, i, j] = reduce(inside, (min(kh, H + ph - top)) * min(kw, W + pw - left))
    return y


@pytest.mark.parametrize(
    "pool, reduce",
    [(max_pool2d, lambda pixels, taps: pixels.max()), (avg_pool2d, lambda pixels, taps: pixels.sum() / taps)],
)
@given(any_geometry(), st.integers(0, 99))
def test_any_geometry_is_the_definition_and_its_derivative(pool, reduce, geometry, seed):
    shape, *window, ceil_mode = geometry
    x = distinct(np.random.default_rng(seed), *shape)
    y = pool(Tensor(x), *window, ceil_mode=ceil_mode).data
    assert_close(y, by_definition(reduce, x, y.shape, *window))
    check_gradients(lambda x: pool(x, *window, ceil_mode=ceil_mode), x)


@pytest.mark.parametrize("pool", [max_pool2d, avg_pool2d])
def test_wrong_shapes_and_options_are_named(pool):
    x = zeros(2, 3, 5, 5)
    raises(ValueError, lambda: pool(zeros(3, 5, 5), 2), pool.__name__, "(3, 5, 5)", "(N, C, H, W)")
    raises(ValueError, lambda: pool(zeros(2, 3, 0, 5), 2, padding=1), pool.__name__, "(2, 3, 0, 5)")
    raises(ValueError, lambda: pool(x, 6), "(6, 6)", "(5, 5)")
    raises(ValueError, lambda: pool(x, (2, 6)), "(2, 6)", "(5, 5)")
    raises(ValueError, lambda: pool(x, 3, padding=2), "padding", "(2, 2)", "(3, 3)")
    raises(ValueError, lambda: pool(x, (4, 1), padding=(2, 1)), "(2, 1)", "(4, 1)")
    raises(ValueError, lambda: pool(x, 0), "kernel_size", "0")
    raises(ValueError, lambda: pool(x, 2, 0), "stride", "0")
    raises(ValueError, lambda: pool(x, 2, padding=-1), "padding", "-1")
    raises(ValueError, lambda: pool(x, (2, 2, 2)), "(2, 2, 2)")
