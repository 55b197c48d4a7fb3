"""Answers to lab 4 that nobody has listed."""

import numpy as np

from kernels.reference.into import into
from minidelve.backend import kernels_for, matmul
from minidelve.ops.conv.im2col import filters
from minidelve.ops.conv.scaffold import matrix
from tests.labs.invented.answers import Answers

answers = Answers()
KERNEL, OP = "kernels/reference/im2col.py", "minidelve/ops/conv/im2col.py"


def fit(size, kernel, stride, padding):
    return [(L + 2 * p - k) // s + 1 for L, k, s, p in zip(size, kernel, stride, padding)]


@answers.wrong("im2col", "a frame of the pixels at the edge", f"{KERNEL}:im2col")
def _(x, kernel, stride, padding, out=None):
    framed = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0)), mode="edge")
    fields = np.lib.stride_tricks.sliding_window_view(framed, kernel, axis=(1, 2))
    fields = fields[:, :: stride[0], :: stride[1]].transpose(0, 1, 2, 4, 5, 3)
    return into(out, fields.reshape(*fields.shape[:3], -1).copy())


@answers.wrong("im2col", "one stride for both axes", f"{KERNEL}:im2col")
def _(x, kernel, stride, padding, out=None):
    framed = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0)))
    OH, OW = fit(x.shape[1:3], kernel, stride, padding)
    taps = [
        framed[:, u : u + OH * stride[0] : stride[0], v : v + OW * stride[0] : stride[0]]
        for u in range(kernel[0])
        for v in range(kernel[1])
    ]
    return into(out, np.concatenate(taps, axis=3))


@answers.wrong("col2im", "the mean of the copies", f"{KERNEL}:col2im")
def _(cols, size, kernel, stride, padding, out=None):
    (kh, kw), (sh, sw), (ph, pw), (H, W) = kernel, stride, padding, size
    N, OH, OW, K = cols.shape
    taps = cols.reshape(N, OH, OW, kh, kw, -1)
    framed = np.zeros((N, H + 2 * ph, W + 2 * pw, K // (kh * kw)), cols.dtype)
    copies = np.zeros_like(framed)
    for u in range(kh):
        for v in range(kw):
            framed[:, u : u + OH * sh : sh, v : v + OW * sw : sw] += taps[:, :, :, u, v]
            copies[:, u : u + OH * sh : sh, v : v + OW * sw : sw] += 1
    framed /= np.maximum(copies, 1)
    return into(out, framed[:, ph : ph + H, pw : pw + W])


@answers.wrong("Conv2d.respond", "cols built once and kept", f"{OP}:Conv2d.respond")
def _(self, x, w, bias, y, cols):
    if not hasattr(self, "kept"):
        self.kept = kernels_for(x).im2col(x, *self.window, out=cols).copy()
    matmul(matrix(self.kept), filters(w).T, out=matrix(y))
    self.activation.apply(y, bias)


@answers.wrong("Conv2d.gradients", "the kernel turned round", f"{OP}:Conv2d.gradients")
def _(self, dy, x, w, dx, dw, first, cols):
    rows = matrix(dy)
    if dw is not None:
        kernels_for(x).im2col(x, *self.window, out=cols)
        if first:
            dw[...] = 0
        filters(dw)[...] += rows.T @ matrix(cols)
    if dx is not None:
        turned = np.ascontiguousarray(w[:, ::-1, ::-1])
        matmul(rows, filters(turned), out=matrix(cols))
        kernels_for(x).col2im(cols, x.shape[1:3], *self.window, out=dx)
    return self.sums(rows)


@answers.right("im2col", "tap by tap", f"{KERNEL}:im2col")
def _(x, kernel, stride, padding, out=None):
    (sh, sw), (ph, pw) = stride, padding
    framed = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)))
    OH, OW = fit(x.shape[1:3], kernel, stride, padding)
    taps = [framed[:, u : u + OH * sh : sh, v : v + OW * sw : sw] for u in range(kernel[0]) for v in range(kernel[1])]
    return into(out, np.concatenate(taps, axis=3))


@answers.right("col2im", "add.at over all places", f"{KERNEL}:col2im")
def _(cols, size, kernel, stride, padding, out=None):
    N, OH, OW, K = cols.shape
    taps = cols.reshape(N, OH, OW, *kernel, -1)
    n, i, j, u, v, c = np.ogrid[tuple(slice(length) for length in taps.shape)]
    framed = np.zeros((N, *(L + 2 * p for L, p in zip(size, padding)), taps.shape[5]), cols.dtype)
    np.add.at(framed, (n, i * stride[0] + u, j * stride[1] + v, c), taps)
    top, left = padding
    return into(out, framed[:, top : top + size[0], left : left + size[1]].copy())
