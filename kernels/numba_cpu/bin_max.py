"""Maxima over rectangular bins, channel innermost."""

import numpy as np

from kernels.numba_cpu.compile import compiled


def bin_max_forward(x, bins, out=None):
    shape = (len(x), len(bins), x.shape[3])
    f, argmax = (np.empty(shape, x.dtype), np.empty(shape, np.int32)) if out is None else out
    _forward(x, np.ascontiguousarray(bins, np.int64), f, argmax)
    return f, argmax


@compiled
def _forward(x, bins, f, argmax):
    N, H, W, C = x.shape
    for n in range(N):
        for b in range(len(bins)):
            top, bottom, left, right = bins[b]
            best, place = f[n, b], argmax[n, b]
            best[:] = -np.inf
            place[:] = top * W + left
            for r in range(top, bottom):
                for w in range(left, right):
                    pixel = x[n, r, w]
                    here = np.int32(r * W + w)
                    for c in range(C):
                        larger = (pixel[c] > best[c]) | (pixel[c] != pixel[c])  # a NaN wins and stays
                        best[c] = pixel[c] if larger else best[c]
                        place[c] = here if larger else place[c]


def bin_max_backward(df, argmax, size, out=None):
    N, B, C = df.shape
    out = np.empty((N, *size, C), df.dtype) if out is None else out
    _backward(df, argmax, out.reshape(N, size[0] * size[1], C))
    return out


@compiled
def _backward(df, argmax, dx):
    N, B, C = df.shape
    for n in range(N):
        dx[n] = 0
        for b in range(B):
            place, share = argmax[n, b], df[n, b]
            for c in range(C):
                dx[n, place[c], c] += share[c]
