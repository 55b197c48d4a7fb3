"""Every folder agrees with reference on arrays that fill more than one block of a GPU's threads, and on its leftovers.

test_contract.py draws small shapes: a block of threads has room for all of a row there, and a thread rarely takes a
second step. Here rows of channels are longer than a block and maps longer than what a thread takes at a time. (Not in
Numba's simulator, where a thread takes a millisecond.)
"""

import numpy as np
import pytest

from minidelve.backend import DEVICE_OF
from minidelve.ops.spatial_pyramid_pool2d import pyramid_bins

SIMULATED = DEVICE_OF["numba_cuda"] == "cpu"
CHANNELS = [3] if SIMULATED else [1040, 517]  # in packs of 16 bytes, or one by one: more than 256 threads in a row
LONG = 7 if SIMULATED else 290


def agree(reference, other, name, *args):
    """Returns the last of reference's results: a gradient, or what tells backward where a maximum was."""
    expected, got = (getattr(folder, name)(*args) for folder in (reference, other))
    pairs = zip(expected, got, strict=True) if isinstance(expected, tuple) else [(expected, got)]
    for e, g in pairs:
        assert g.shape == e.shape and g.dtype == e.dtype
        np.testing.assert_allclose(g, e, rtol=1e-5, atol=1e-4, err_msg=name)
    return e


def numbers(rng, *shape):
    return rng.standard_normal(shape, dtype=np.float32)


@pytest.mark.parametrize("C", CHANNELS)
@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), [
    ((3, 2), (2, 2), (1, 1), (1, 0)), ((4, 3), (3, 2), (2, 2), (1, 1)),
])  # fmt: skip
def test_windows_over_long_rows_of_channels_agree(reference, other, rng, C, size, kernel, stride, padding):
    check_windows(reference, other, numbers(rng, 2, *size, C), rng, kernel, stride, padding)


@pytest.mark.parametrize("size", [(2, LONG), (LONG, 2)])
def test_windows_over_long_maps_agree(reference, other, rng, size):
    check_windows(reference, other, numbers(rng, 2, *size, 1), rng, (2, 2), (1, 1), (0, 0))
    check_windows(reference, other, numbers(rng, 2, *size, 4), rng, (2, 1), (2, 1), (1, 0))


def check_windows(reference, other, x, rng, kernel, stride, padding):
    size = x.shape[1:3]
    cols = agree(reference, other, "im2col", x, kernel, stride, padding)
    agree(reference, other, "col2im", numbers(rng, *cols.shape), size, kernel, stride, padding)
    out_size = cols.shape[1:3]
    taps = agree(reference, other, "max_pool_forward", x, kernel, stride, padding, out_size)
    dy = numbers(rng, *taps.shape)
    agree(reference, other, "max_pool_backward", dy, taps, size, kernel, stride, padding)
    agree(reference, other, "avg_pool_forward", x, kernel, stride, padding, out_size)
    agree(reference, other, "avg_pool_backward", dy, size, kernel, stride, padding)


def test_pixels_beyond_the_last_window_belong_to_none_of_the_next_image(reference, other, rng):
    """Rows and columns are left over on the right and below; a gradient there would be another image's."""
    geometry = (3, 3), (2, 2), (2, 2), (0, 0)
    x = numbers(rng, 3, 3, 3, 8)
    taps = agree(reference, other, "max_pool_forward", x, *geometry[1:], (1, 1))
    dy = numbers(rng, *taps.shape)
    gradients = (
        other.max_pool_backward(dy, taps, *geometry),
        other.max_pool_backward(dy, np.zeros_like(taps), *geometry),  # the tap that a left over pixel would have
        other.avg_pool_backward(dy, *geometry),
        other.col2im(numbers(rng, 3, 1, 1, 32), *geometry),
    )
    for dx in gradients:
        assert (dx[:, 2] == 0).all() and (dx[:, :, 2] == 0).all() and (dx != 0).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("size", [(4, 3) if SIMULATED else (18, 18), (7, 5)])
@pytest.mark.parametrize("levels", [(6, 3, 2, 1), (1,)])
def test_a_pyramid_over_a_map_of_many_runs_agrees(reference, other, rng, size, levels):
    bins = pyramid_bins(size, (2, 1) if SIMULATED else levels)
    x = np.round(numbers(rng, 2, *size, 2 if SIMULATED else 40), 1)  # many ties
    argmax = agree(reference, other, "bin_max_forward", x, bins)
    agree(reference, other, "bin_max_backward", numbers(rng, *argmax.shape), argmax, size)


@pytest.mark.parametrize(("P", "Q", "step"), [(4, 4, 2), (6, 6, 4), (3, 4, 3)])  # overlapping twice, and not at all
@pytest.mark.parametrize("counts", [(2, 1) if SIMULATED else (19, 3), (1, 2) if SIMULATED else (3, 40)])
def test_many_tiles_agree_both_ways(reference, other, rng, P, Q, step, counts):
    if SIMULATED:
        P, Q, step = 3, 2, 2
    matrix = rng.integers(-2, 3, (P, Q)).astype(np.float32)
    size = tuple((n - 1) * step + P - 1 for n in counts)
    tiles = numbers(rng, Q * Q, 2 * counts[0] * counts[1], 8 if not SIMULATED else 1)
    x = agree(reference, other, "scatter_tiles", tiles, matrix, step, (1, 0), size, counts)
    agree(reference, other, "gather_tiles", x, np.ascontiguousarray(matrix.T), step, (1, 0), counts)


@pytest.mark.parametrize("C", CHANNELS)
def test_tiles_of_long_rows_of_channels_agree_both_ways(reference, other, rng, C):
    matrix = rng.integers(-2, 3, (3, 2)).astype(np.float32)
    x = agree(reference, other, "scatter_tiles", numbers(rng, 4, 2, C), matrix, 2, (0, 0), (3, 5), (1, 2))
    agree(reference, other, "gather_tiles", x, np.ascontiguousarray(matrix.T), 2, (0, 0), (1, 2))


@pytest.mark.parametrize("C", CHANNELS)
@pytest.mark.parametrize("M", [1, 3 if SIMULATED else 41])
def test_elementwise_kernels_over_long_rows_agree(reference, other, rng, C, M):
    y, df, a, bias = numbers(rng, M, C), numbers(rng, M, C), numbers(rng, C), numbers(rng, C)
    agree(reference, other, "prelu_forward", y, a, bias)
    agree(reference, other, "prelu_backward", df, y, a)
    agree(reference, other, "leaky_relu_forward", y, 0.1, bias)
    agree(reference, other, "leaky_relu_forward", y, 0.1)
    agree(reference, other, "leaky_relu_backward", df, y, 0.1)
    s = agree(reference, other, "local_response_norm_forward", y, 5, 0.5, 0.75, 2.0)
    agree(reference, other, "local_response_norm_backward", df, y, s, 5, 0.5, 0.75)


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_the_momentum_step_keeps_to_its_array_wherever_that_begins(reference, other, rng, ahead):
    """Parameters may be slices of one array: their neighbours are not touched."""
    n = 9 if SIMULATED else 5003
    rows = numbers(rng, 3, n + 8)
    expected, got = rows.copy(), rows.copy()
    for folder, (a, D, gradient) in ((reference, expected), (other, got)):
        folder.momentum_step(*(x[ahead : ahead + n] for x in (a, D, gradient)), 0.9, 0.1, 5e-4)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("F", "K", "I", "J"), [(4, 9000, 5, 7), (2, 3 * 1031, 4, 4), (1, 4096, 200, 300)])
@pytest.mark.parametrize("add", [False, True])
def test_long_sums_agree_however_they_are_cut(reference, other, rng, F, K, I, J, add):
    """A GPU adds the sums of a small product in parts where their number allows it."""
    x, y = numbers(rng, F, K, I), numbers(rng, F, K, J)
    outs = [np.ones((F, I, J), np.float32) for _ in range(2)]
    for folder, out in zip((reference, other), outs, strict=True):
        folder.transposed_products(x, y, out, add)
    np.testing.assert_allclose(outs[1], outs[0], rtol=1e-4, atol=1e-5 * K)
    for precision in ("fp32", "fp16"):
        sums = [folder.matmul(x[0].T, y[0], precision) for folder in (reference, other)]
        np.testing.assert_allclose(sums[1], sums[0], rtol=1e-4, atol=1e-5 * K)
