"""The functions of kernels/, on raw channels-last arrays: what each is called with.

On the CPU they run on one core: each op's share of the work is one such call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import cache, partial
from typing import Any

from minidelve.backend import array_module, empty_like
from minidelve.backend.precision import as_factor, factors
from minidelve.bench.case import LEVELS, Case, Numbers
from minidelve.bench.work import precision_of, work_of
from minidelve.ops.conv.winograd_matrices import matrices
from minidelve.ops.spatial_pyramid_pool2d import pyramid_bins

Calls = dict[str, tuple[str, partial]]  # by kernel: what it works on, and the call
Family = Callable[[Numbers, Any], Calls]  # kernels that work on each other's results; called with a map x

WINDOW = (2, 2), (1, 1), (0, 0)  # kernel, stride, padding
POOL = (2, 2), (2, 2), (0, 0)
NORM = 5, 1e-4, 0.75  # size, alpha, beta


def by_im2col(numbers: Numbers, x: Any) -> Calls:
    """Convolution as one product of all receptive fields."""
    k, what, channels = numbers.kernels, f"2x2, {numbers.sizes}", x.shape[-1]
    cols = k.im2col(x, *WINDOW)
    rows, W = as_factor(cols.reshape(-1, cols.shape[-1])), as_factor(numbers.normal(channels, cols.shape[-1]))
    y = array_module(x).empty((len(rows), channels), x.dtype)
    return {
        "im2col": (what, partial(k.im2col, x, *WINDOW, out=cols)),
        "col2im": (what, partial(k.col2im, cols, x.shape[1:3], *WINDOW, out=empty_like(x))),
        "matmul": (f"{len(rows)} x {rows.shape[1]} x {channels}", partial(k.matmul, rows, W.T, factors(), out=y)),
    }


def by_winograd(numbers: Numbers, x: Any) -> Calls:
    """small14's tiles: 4 x 4 inputs, 3 x 3 outputs."""
    k, C, size = numbers.kernels, x.shape[-1], x.shape[1:3]
    AT, BT, _ = matrices(3, 2, array_module(x), x.dtype)
    grid, counts = (3, (0, 0)), tuple(-(-length // 3) for length in size)  # a tile every 3 numbers from the corner
    tiles = k.gather_tiles(x, BT, *grid, counts)
    n, rows, _ = tiles.shape
    W = numbers.normal(n, C, C)
    y, dx, dW = k.products(tiles, W), empty_like(x), empty_like(W)
    inputs, outputs = f"4x4 tiles, {numbers.sizes}", f"3x3 tiles, {numbers.sizes}"
    return {
        "gather_tiles": (inputs, partial(k.gather_tiles, x, BT, *grid, counts, out=tiles)),
        "scatter_tiles": (outputs, partial(k.scatter_tiles, tiles, AT, *grid, size, counts, out=dx)),
        "products": (f"{n} of {rows} x {C} x {C}", partial(k.products, tiles, W, out=y)),
        "transposed_products": (f"{n} of {C} x {rows} x {C}", partial(k.transposed_products, tiles, y, dW, False)),
    }


def directly(numbers: Numbers, x: Any) -> Calls:
    """Convolution without a copy of the receptive fields."""
    k, what, channels = numbers.kernels, f"2x2, {numbers.sizes}", x.shape[-1]
    W = numbers.normal(4 * channels, channels)
    f, dW = k.correlate(x, W, *WINDOW), empty_like(W)
    return {
        "correlate": (what, partial(k.correlate, x, W, *WINDOW, out=f)),
        "correlate_weight": (what, partial(k.correlate_weight, x, f, *WINDOW, dW, False)),
    }


def pooling(numbers: Numbers, x: Any) -> Calls:
    """2 x 2 windows, and the bins of the pyramid."""
    k, what, size = numbers.kernels, f"2x2/2, {numbers.sizes}", x.shape[1:3]
    half, bins = tuple(length // 2 for length in size), pyramid_bins(size, LEVELS)
    y, taps = k.max_pool_forward(x, *POOL, half)
    f, argmax = k.bin_max_forward(x, bins)
    return {
        "max_pool_forward": (what, partial(k.max_pool_forward, x, *POOL, half)),
        "max_pool_backward": (what, partial(k.max_pool_backward, y, taps, size, *POOL)),
        "avg_pool_forward": (what, partial(k.avg_pool_forward, x, *POOL, half)),
        "avg_pool_backward": (what, partial(k.avg_pool_backward, y, size, *POOL)),
        "bin_max_forward": (f"{LEVELS}, {numbers.sizes}", partial(k.bin_max_forward, x, bins)),
        "bin_max_backward": (f"{LEVELS}, {numbers.sizes}", partial(k.bin_max_backward, f, argmax, size)),
    }


def by_channel(numbers: Numbers, x: Any) -> Calls:
    """What treats every position alike: a row a position, a column a channel."""
    k, what, y = numbers.kernels, str(numbers.sizes), x.reshape(-1, x.shape[-1])
    a, df, out = numbers.normal(x.shape[-1]), numbers.normal(*y.shape), empty_like(y)
    _, sums = k.local_response_norm_forward(y, *NORM, 1.0)
    return {
        "prelu_forward": (what, partial(k.prelu_forward, y, a, out=out)),
        "prelu_backward": (what, partial(k.prelu_backward, df, y, a, out=out)),
        "leaky_relu_forward": (what, partial(k.leaky_relu_forward, y, 0.01)),
        "leaky_relu_backward": (what, partial(k.leaky_relu_backward, df, y, 0.01)),
        "local_response_norm_forward": (what, partial(k.local_response_norm_forward, y, *NORM, 1.0)),
        "local_response_norm_backward": (what, partial(k.local_response_norm_backward, df, y, sums, *NORM)),
    }


KERNELS: dict[str, Family] = {
    "im2col": by_im2col, "col2im": by_im2col, "gather_tiles": by_winograd, "scatter_tiles": by_winograd,
    "matmul": by_im2col, "products": by_winograd, "transposed_products": by_winograd,
    "correlate": directly, "correlate_weight": directly, "max_pool_forward": pooling, "max_pool_backward": pooling,
    "avg_pool_forward": pooling, "avg_pool_backward": pooling, "bin_max_forward": pooling, "bin_max_backward": pooling,
    "prelu_forward": by_channel, "prelu_backward": by_channel,
    "leaky_relu_forward": by_channel, "leaky_relu_backward": by_channel,
    "local_response_norm_forward": by_channel, "local_response_norm_backward": by_channel,
}  # fmt: skip


def kernel_cases(names: Collection[str], numbers: Numbers) -> Iterator[Case]:
    """The cases of these kernels, one after the other; their arrays live as long as the iterator."""
    batch, side, channels = numbers.sizes.maps
    x = numbers.normal(batch, side, side, channels)
    calls = cache(lambda family: family(numbers, x))
    for name in KERNELS:
        if name in names:
            what, call = calls(KERNELS[name])[name]
            work = work_of(name, call.args, call.keywords, call())
            yield Case("kernel", name, what, call, work, precision=precision_of(name, numbers.precision))
