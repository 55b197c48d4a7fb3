"""The maximum over rectangular bins of a map (spatial pyramid pooling).

Forward: thread (n b, c) owns one maximum: it walks over its bin, row by row. Neighbouring threads walk over
neighbouring channels of the same bin. A bin of the whole map is one thread's long walk while a 6 x 6 pyramid's small
bins finish early; the maps that a pyramid pools are small, and there are N C such walks side by side.

Backward: bins overlap, so several may have the same maximum. The map is zeroed, then thread (n, c) walks over its B
bins and adds each share at the place noted. No other thread has this n and c: no atomic additions, and the shares of
a place are added in the order of the bins.

Bytes: forward reads x once per level of the pyramid, mostly from the caches; backward writes dx once, and again at
the B maxima of each channel.
"""

import numpy as np
from numba import cuda

from kernels.numba_cuda.launch import compiled, empty, launch, over_rows


def bin_max_forward(x, bins, out=None):
    shape = N, B, C = len(x), len(bins), x.shape[3]
    f, argmax = (empty(x, shape), empty(x, shape, np.int32)) if out is None else out
    launch(_forward, over_rows((N * B, C)), x, np.asarray(bins, like=x), f, argmax)  # like: bins are copied beside x
    return f, argmax


@compiled
def _forward(x, bins, f, argmax):
    N, H, W, C = x.shape
    B = len(bins)
    row = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    c = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if row >= N * B or c >= C:
        return
    n, b = row // B, row % B
    top, bottom, left, right = bins[b, 0], bins[b, 1], bins[b, 2], bins[b, 3]
    best, place = x[n, top, left, c], top * W + left
    for r in range(top, bottom):
        for w in range(left, right):
            value = x[n, r, w, c]
            if value > best or value != value:  # a NaN wins and stays
                best, place = value, r * W + w
    f[n, b, c] = best
    argmax[n, b, c] = place


def bin_max_backward(df, argmax, size, out=None):
    N, B, C = df.shape
    out = empty(df, (N, *size, C)) if out is None else out
    out.fill(0)
    launch(_backward, over_rows((N, C)), df, argmax, out.reshape(N, size[0] * size[1], C))
    return out


@compiled
def _backward(df, argmax, dx):
    N, B, C = df.shape
    n = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    c = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if n >= N or c >= C:
        return
    for b in range(B):
        dx[n, argmax[n, b, c], c] += df[n, b, c]
