"""Claims that both poolings make: geometries, agreement with PyTorch, empty batches, wrong input."""

import numpy as np
from hypothesis import strategies as st

from tests.ops.helpers import raises, zeros

# x, kernel_size, stride, padding, ceil_mode
GEOMETRIES = [
    ((2, 3, 4, 6), 2, None, 0, False),
    ((2, 3, 7, 6), 3, 2, 1, False),  # overlapping windows
    ((2, 3, 7, 6), 3, 2, 1, True),
    ((1, 2, 8, 6), (3, 2), (2, 3), (1, 0), True),
    ((1, 2, 6, 7), (1, 4), (3, 1), (0, 2), False),
    ((2, 1, 5, 5), 2, 3, 0, True),  # the last window hangs over the edge
    ((1, 1, 3, 3), 4, 3, 2, True),  # over the frame, too
    ((1, 2, 3, 4), (3, 4), None, 0, False),  # one window
    ((2, 2, 1, 1), 1, 1, 0, False),
]


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


def refuses_wrong_shapes_and_options(pool, name):
    x = zeros(2, 3, 5, 5)
    raises(ValueError, lambda: pool(zeros(3, 5, 5), 2), name, "(3, 5, 5)", "(N, C, H, W)")
    raises(ValueError, lambda: pool(zeros(2, 3, 0, 5), 2, padding=1), name, "(2, 3, 0, 5)")
    raises(ValueError, lambda: pool(x, 6), "(6, 6)", "(5, 5)")
    raises(ValueError, lambda: pool(x, (2, 6)), "(2, 6)", "(5, 5)")
    raises(ValueError, lambda: pool(x, 3, padding=2), "padding", "(2, 2)", "(3, 3)")
    raises(ValueError, lambda: pool(x, (4, 1), padding=(2, 1)), "(2, 1)", "(4, 1)")
    raises(ValueError, lambda: pool(x, 0), "kernel_size", "0")
    raises(ValueError, lambda: pool(x, 2, 0), "stride", "0")
    raises(ValueError, lambda: pool(x, 2, padding=-1), "padding", "-1")
    raises(ValueError, lambda: pool(x, (2, 2, 2)), "(2, 2, 2)")
