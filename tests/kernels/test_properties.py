"""What holds for every kernel folder by itself: transposes, threads, NaN, and the first of equal maxima."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

from kernels import numba_cpu

GEOMETRIES = [  # size, kernel, stride, padding
    ((7, 6), (3, 2), (2, 1), (1, 0)),
    ((5, 5), (2, 2), (1, 1), (1, 1)),
    ((2, 3), (5, 4), (1, 2), (2, 3)),  # kernel larger than the map
    ((1, 1), (1, 1), (3, 3), (0, 0)),
    ((9, 8), (2, 3), (4, 5), (0, 0)),  # gaps that no window reads
]


@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), GEOMETRIES)
def test_col2im_is_the_transpose_of_im2col(folder, rng, size, kernel, stride, padding):
    x = rng.standard_normal((2, *size, 3))
    cols = folder.im2col(x, kernel, stride, padding)
    c = rng.standard_normal(cols.shape)
    back = folder.col2im(c, size, kernel, stride, padding)
    np.testing.assert_allclose((cols * c).sum(), (x * back).sum(), rtol=1e-12)


def test_im2col_lays_a_receptive_field_out_by_row_column_channel(folder):
    x = np.arange(2 * 4 * 5 * 3.0).reshape(2, 4, 5, 3)
    cols = folder.im2col(x, (2, 3), (1, 2), (0, 0))
    assert np.array_equal(cols[1, 2, 1], x[1, 2:4, 2:5].reshape(-1))


def test_the_compiled_kernels_stay_on_the_thread_that_calls_them():
    """The ops divide the work; a kernel that did so too would use the cores twice, and could not be called by two."""
    names = [path.stem for path in Path(numba_cpu.__file__).parent.glob("*.py")]
    modules = [import_module(f"kernels.numba_cpu.{name}") for name in names if name != "__init__"]
    compiled = [x for module in modules for x in vars(module).values() if isinstance(x, Dispatcher)]
    assert len(compiled) > 20
    assert not any(kernel.targetoptions.get("parallel") for kernel in compiled)


def test_a_nan_is_the_maximum_of_its_window_in_every_folder(folder, rng):
    x = rng.standard_normal((2, 6, 6, 3))
    x[0, 1, 1, 0] = x[1, 4, 2, 2] = x[1, 5, 2, 2] = np.nan
    y, _ = folder.max_pool_forward(x, (2, 2), (2, 2), (0, 0), (3, 3))
    f, _ = folder.bin_max_forward(x, np.array([[0, 6, 0, 6], [0, 3, 0, 3], [3, 6, 3, 6]]))
    assert np.argwhere(np.isnan(y)).tolist() == [[0, 0, 0, 0], [1, 2, 1, 2]]
    assert np.argwhere(np.isnan(f)).tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 2]]


def test_nan_and_infinity_pass_through_the_elementwise_kernels(folder):
    y, a = np.array([[np.nan, np.inf, -np.inf]]), np.array([0.25, 0.25, 0.25])
    for f in (folder.prelu_forward(y, a), folder.leaky_relu_forward(y, 0.25)):
        assert np.isnan(f[0, 0]) and f[0, 1:].tolist() == [np.inf, -np.inf]


@pytest.mark.parametrize("C", [3, 16, 48])
def test_prelu_keeps_a_nan_both_ways(folder, C):
    y, df, a = np.ones((2, C), np.float32), np.ones((2, C), np.float32), np.full(C, 0.25, np.float32)
    y[0, 1] = np.nan
    assert np.isnan(folder.prelu_forward(y, a)[0, 1])
    dy, da = folder.prelu_backward(df, y, a)
    assert dy[0, 1] == 0.25 and np.isnan(da[1]) and np.isfinite(np.delete(da, 1)).all()


@pytest.mark.parametrize("slope", [0.0, 0.25])
def test_leaky_relu_keeps_a_nan_and_takes_minus_infinity_in_place_too(folder, slope):
    y = np.array([np.nan, -np.inf, np.inf], np.float32)
    expected = [np.nan, -np.inf if slope else 0, np.inf]
    np.testing.assert_array_equal(folder.leaky_relu_forward(y, slope), expected)
    np.testing.assert_array_equal(folder.leaky_relu_forward(y, slope, out=y), expected)


@pytest.mark.parametrize(
    ("slope", "expected"), [(0.25, [0.5, 0.5, 0.5, 2]), (-2.0, [-4, -4, -4, 2]), (0.0, [2, 0, 0, 2])]
)
def test_leaky_relu_s_slope_at_a_nan_is_the_fixed_one_and_relu_s_is_1(folder, slope, expected):
    y = np.array([np.nan, -np.inf, 0, np.inf], np.float32)
    assert folder.leaky_relu_backward(np.full_like(y, 2), y, slope).tolist() == expected


def test_the_first_of_equal_maxima_is_noted_and_a_maximum_may_be_negative(folder):
    x = np.full((1, 4, 4, 1), -3.0)
    x[0, 1, 2] = x[0, 2, 1] = -1
    y, taps = folder.max_pool_forward(x, (4, 4), (4, 4), (0, 0), (1, 1))
    assert (y.item(), taps.item()) == (-1, 1 * 4 + 2)
    f, argmax = folder.bin_max_forward(x, np.array([[0, 4, 0, 4], [2, 4, 0, 4], [3, 4, 2, 4]]))
    assert f[0, :, 0].tolist() == [-1, -1, -3] and argmax[0, :, 0].tolist() == [6, 9, 14]


def test_the_frame_never_wins_not_even_against_minus_infinity(folder):
    x = np.full((1, 2, 2, 1), -np.inf)
    y, taps = folder.max_pool_forward(x, (2, 2), (2, 2), (1, 1), (2, 2))  # each window sees one corner of x
    assert np.all(y == -np.inf) and taps[0, :, :, 0].tolist() == [[3, 2], [1, 0]]
    dx = folder.max_pool_backward(np.arange(4.0).reshape(1, 2, 2, 1), taps, (2, 2), (2, 2), (2, 2), (1, 1))
    assert dx[0, :, :, 0].tolist() == [[0, 1], [2, 3]]


def test_zero_counts_as_negative(folder):
    y, df, a = np.zeros((1, 1)), np.ones((1, 1)), np.array([0.25])
    assert folder.prelu_backward(df, y, a)[0] == 0.25
    assert folder.leaky_relu_backward(df, y, 0.25) == 0.25


def test_an_average_counts_the_frame_but_not_what_hangs_over_it(folder):
    x = np.ones((1, 3, 3, 1))
    y = folder.avg_pool_forward(x, (2, 2), (2, 2), (1, 1), (3, 3))  # the third window hangs over
    assert y[0, :, :, 0].tolist() == [[1 / 4, 2 / 4, 0], [2 / 4, 1, 0], [0, 0, 0]]
    y = folder.avg_pool_forward(x, (2, 2), (2, 2), (0, 0), (2, 2))
    assert y[0, :, :, 0].tolist() == [[1, 1], [1, 1]]


def test_local_response_norm_keeps_small_channels_beside_large_ones(folder):
    x = np.array([[1e3, 1e3, 1e-4, 1e-4, 1e-4]], np.float32)
    y, s = folder.local_response_norm_forward(x, 3, 3.0, 0.5, 0.0)
    np.testing.assert_allclose(s[0, 3:], [3e-8, 2e-8], rtol=1e-6)
    np.testing.assert_allclose(y[0, 3:], [3**-0.5, 2**-0.5], rtol=1e-6)
