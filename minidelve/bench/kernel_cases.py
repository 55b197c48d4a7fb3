"""The functions of kernels/, on raw channels-last arrays.

On the CPU they run on one core: each op's share of the work is one such call.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import prod

from minidelve.backend import array_module, empty_like
from minidelve.backend.precision import as_factor, factors
from minidelve.bench.case import LEVELS, Case, Numbers
from minidelve.ops.conv.winograd_matrices import matrices
from minidelve.ops.spatial_pyramid_pool2d import pyramid_bins


def kernel_cases(numbers: Numbers) -> Iterator[Case]:
    """One after the other; their arrays live as long as the iterator."""
    batch, side, channels = numbers.sizes.maps
    x = numbers.normal(batch, side, side, channels)
    k, xp, size = numbers.kernels, array_module(x), x.nbytes
    make = partial(Case, "kernel")
    shape = str(numbers.sizes)

    window = (2, 2), (1, 1), (0, 0)
    cols = k.im2col(x, *window)
    yield make("im2col", f"2x2, {shape}", lambda: k.im2col(x, *window, out=cols), bytes=size + cols.nbytes)
    dx = xp.empty_like(x)
    yield make(
        "col2im", f"2x2, {shape}", lambda: k.col2im(cols, (side, side), *window, out=dx), bytes=size + cols.nbytes
    )

    AT, BT, _ = matrices(3, 2, xp, x.dtype)  # small14's tiles: 4 x 4 inputs, 3 x 3 outputs
    counts = (-(-side // 3), -(-side // 3))
    tiles = k.gather_tiles(x, BT, 3, (0, 0), counts)
    yield make(
        "gather_tiles",
        f"4x4 tiles, {shape}",
        lambda: k.gather_tiles(x, BT, 3, (0, 0), counts, out=tiles),
        bytes=size + tiles.nbytes,
    )
    yield make(
        "scatter_tiles",
        f"3x3 tiles, {shape}",
        lambda: k.scatter_tiles(tiles, AT, 3, (0, 0), (side, side), counts, out=dx),
        bytes=size + tiles.nbytes,
    )

    rows, W = as_factor(cols.reshape(-1, cols.shape[-1])), as_factor(numbers.normal(channels, cols.shape[-1]))
    y = xp.empty((len(rows), channels), x.dtype)
    yield make(
        "matmul",
        f"{len(rows)} x {rows.shape[1]} x {channels}",
        lambda: k.matmul(rows, W.T, factors(), out=y),
        flops=2.0 * prod(rows.shape) * channels,
        rounds=True,
    )
    square = numbers.normal(len(tiles), channels, channels)
    result = k.products(tiles, square)
    flops = 2.0 * tiles.size * channels
    yield make(
        "products",
        f"{len(tiles)} of {tiles.shape[1]} x {channels} x {channels}",
        lambda: k.products(tiles, square, out=result),
        flops=flops,
    )
    yield make(
        "transposed_products",
        f"{len(tiles)} of {channels} x {tiles.shape[1]} x {channels}",
        lambda: k.transposed_products(tiles, result, square, False),
        flops=flops,
    )

    W = numbers.normal(4 * channels, channels)
    f = k.correlate(x, W, *window)
    flops = 2.0 * f.size * len(W)
    yield make("correlate", f"2x2, {shape}", lambda: k.correlate(x, W, *window, out=f), flops=flops)
    yield make("correlate_weight", f"2x2, {shape}", lambda: k.correlate_weight(x, f, *window, W, False), flops=flops)

    pool = (2, 2), (2, 2), (0, 0)
    y, taps = k.max_pool_forward(x, *pool, (side // 2, side // 2))
    yield make(
        "max_pool_forward",
        f"2x2/2, {shape}",
        lambda: k.max_pool_forward(x, *pool, y.shape[1:3]),
        bytes=size + y.nbytes + taps.nbytes,
    )
    yield make(
        "max_pool_backward",
        f"2x2/2, {shape}",
        lambda: k.max_pool_backward(y, taps, (side, side), *pool),
        bytes=size + y.nbytes + taps.nbytes,
    )

    average = k.avg_pool_forward(x, *pool, y.shape[1:3])
    yield make(
        "avg_pool_forward",
        f"2x2/2, {shape}",
        lambda: k.avg_pool_forward(x, *pool, y.shape[1:3]),
        bytes=size + average.nbytes,
    )
    yield make(
        "avg_pool_backward",
        f"2x2/2, {shape}",
        lambda: k.avg_pool_backward(average, (side, side), *pool),
        bytes=size + average.nbytes,
    )

    bins = pyramid_bins((side, side), LEVELS)
    f, argmax = k.bin_max_forward(x, bins)
    yield make(
        "bin_max_forward",
        f"{LEVELS}, {shape}",
        lambda: k.bin_max_forward(x, bins),
        bytes=size + f.nbytes + argmax.nbytes,
    )
    yield make(
        "bin_max_backward",
        f"{LEVELS}, {shape}",
        lambda: k.bin_max_backward(f, argmax, (side, side)),
        bytes=size + f.nbytes + argmax.nbytes,
    )

    rows, a = x.reshape(-1, channels), numbers.slopes(channels)
    df, out = numbers.normal(*rows.shape), empty_like(rows)
    yield make("prelu_forward", shape, lambda: k.prelu_forward(rows, a, out=out), bytes=2 * size)
    yield make("prelu_backward", shape, lambda: k.prelu_backward(df, rows, a, out=out), bytes=3 * size)
    yield make("leaky_relu_forward", shape, lambda: k.leaky_relu_forward(rows, 0.01), bytes=2 * size)
    yield make("leaky_relu_backward", shape, lambda: k.leaky_relu_backward(df, rows, 0.01), bytes=3 * size)
    norm = 5, 1e-4, 0.75
    _, sums = k.local_response_norm_forward(rows, *norm, 1.0)
    yield make(
        "local_response_norm_forward",
        shape,
        lambda: k.local_response_norm_forward(rows, *norm, 1.0),
        bytes=3 * size,
    )
    yield make(
        "local_response_norm_backward",
        shape,
        lambda: k.local_response_norm_backward(df, rows, sums, *norm),
        bytes=4 * size,
    )
