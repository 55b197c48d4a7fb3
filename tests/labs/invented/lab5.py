"""Answers to lab 5 that nobody has listed."""

import math

import numpy as np

from kernels.reference.into import into
from kernels.reference.windows import windows
from minidelve.ops.spatial_pyramid_pool2d import bin_edges
from tests.labs.invented.answers import Answers

answers = Answers()
MAX_POOL, BIN_MAX = "kernels/reference/max_pool.py", "kernels/reference/bin_max.py"
PYRAMID = "minidelve/ops/spatial_pyramid_pool2d.py"


@answers.wrong("max_pool_forward", "a frame of -9999", f"{MAX_POOL}:max_pool_forward")
def _(x, kernel, stride, padding, out_size, out=None):
    fields = windows(x, kernel, stride, padding, out_size, fill=-9999)
    fields = fields.reshape(len(x), *out_size, kernel[0] * kernel[1], x.shape[3])
    return into(out, (fields.max(axis=3), fields.argmax(axis=3).astype(np.int16)))


@answers.wrong("max_pool_forward", "a frame of the smallest number of x", f"{MAX_POOL}:max_pool_forward")
def _(x, kernel, stride, padding, out_size, out=None):
    fields = windows(x, kernel, stride, padding, out_size, fill=x.min())
    fields = fields.reshape(len(x), *out_size, kernel[0] * kernel[1], x.shape[3])
    return into(out, (fields.max(axis=3), fields.argmax(axis=3).astype(np.int16)))


@answers.wrong("max_pool_backward", "the gradient shared by all that chose it", f"{MAX_POOL}:max_pool_backward")
def _(dy, taps, size, kernel, stride, padding, out=None):
    N, _, _, C = dy.shape
    n, i, j, c = np.indices(dy.shape)
    u, v = np.divmod(taps, kernel[1])
    dx, times = np.zeros((2, N, *size, C), dy.dtype)
    places = n, i * stride[0] + u - padding[0], j * stride[1] + v - padding[1], c
    np.add.at(dx, places, dy)
    np.add.at(times, places, 1)
    return into(out, dx / np.maximum(times, 1))


@answers.wrong("bin_max_forward", "the first of a column", f"{BIN_MAX}:bin_max_forward")
def _(x, bins, out=None):
    N, H, W, C = x.shape
    f, argmax = np.empty((N, len(bins), C), x.dtype), np.empty((N, len(bins), C), np.int32)
    for b, (top, bottom, left, right) in enumerate(bins):
        columns = x[:, top:bottom, left:right].swapaxes(1, 2).reshape(N, -1, C)
        at = columns.argmax(axis=1)
        f[:, b] = columns.max(axis=1)
        argmax[:, b] = (top + at % (bottom - top)) * W + left + at // (bottom - top)
    return into(out, (f, argmax))


@answers.wrong("bin_max_backward", "one bin for each place", f"{BIN_MAX}:bin_max_backward")
def _(df, argmax, size, out=None):
    dx = np.zeros((len(df), size[0] * size[1], df.shape[2]), df.dtype)
    for b in range(df.shape[1]):
        np.put_along_axis(dx, argmax[:, b : b + 1].astype(np.int64), df[:, b : b + 1], axis=1)
    return into(out, dx.reshape(len(df), *size, -1))


@answers.wrong("bin_edges", "a division before the product", f"{PYRAMID}:bin_edges")
def _(L, n):
    return [(math.floor(i * (L / n)), math.ceil((i + 1) * (L / n))) for i in range(n)]


@answers.wrong("bin_edges", "the last bin one short", f"{PYRAMID}:bin_edges")
def _(L, n):
    edges = [(i * L // n, -(-(i + 1) * L // n)) for i in range(n)]
    first, last = edges[-1]
    edges[-1] = first, max(first + 1, last - 1)
    return edges


@answers.wrong("pyramid_bins", "the finest level first", f"{PYRAMID}:pyramid_bins")
def _(size, levels):
    bins = []
    for n in sorted(levels, reverse=True):
        bins += [(*row, *column) for row in bin_edges(size[0], n) for column in bin_edges(size[1], n)]
    return np.array(bins, np.int64)


@answers.wrong("each_level", "channels slowest over all levels", f"{PYRAMID}:each_level")
def _(f, by_bin, levels):
    (N, B, C), first = by_bin.shape, 0
    for n in levels:
        last = first + n * n
        yield f.reshape(N, C, B)[:, :, first:last], by_bin[:, first:last].swapaxes(1, 2)
        first = last


@answers.right("max_pool_forward", "a loop over taps", f"{MAX_POOL}:max_pool_forward")
def _(x, kernel, stride, padding, out_size, out=None):
    fields = windows(x, kernel, stride, padding, out_size, fill=-np.inf)
    y = np.full((len(x), *out_size, x.shape[3]), -np.inf, x.dtype)
    taps = np.zeros(y.shape, np.int16)
    for tap in range(kernel[0] * kernel[1]):
        each = fields[:, :, :, tap // kernel[1], tap % kernel[1]]
        better = each > y
        y[better], taps[better] = each[better], tap
    return into(out, (y, taps))


@answers.right("bin_max_backward", "bincount", f"{BIN_MAX}:bin_max_backward")
def _(df, argmax, size, out=None):
    (N, _, C), places = df.shape, size[0] * size[1]
    n, _, c = np.indices(df.shape)
    flat = (n * places + argmax) * C + c
    dx = np.bincount(flat.ravel(), df.ravel(), N * places * C).astype(df.dtype)
    return into(out, dx.reshape(N, *size, C))
