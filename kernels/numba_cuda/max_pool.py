"""Max pooling: a thread for each number that is written.

Forward: a block takes one row (n, i) of y; a thread keeps its channel, walks along the row, and for each window
looks at the taps inside the map, first to last. Backward: a block takes one row (n, r) of dx; a thread asks every
window that covers its pixel whether this pixel was the maximum. The pixel gathers, so nobody else writes to it: no
atomic additions, no zero fill before, the same bits each time.

Bytes: forward reads x and writes y and taps (2 bytes each); backward reads dy and taps and writes dx. Where windows
overlap they read a pixel, or a pixel a window, several times, from the caches.
"""

import numpy as np
from numba import cuda

from kernels.numba_cuda.launch import compiled, empty, launch, over_maps


def max_pool_forward(x, kernel, stride, padding, out_size, out=None):
    shape = (len(x), *out_size, x.shape[3])
    y, taps = (empty(x, shape), empty(x, shape, np.int16)) if out is None else out
    launch(_forward, over_maps(shape), x, kernel, stride, padding, y, taps)
    return y, taps


@compiled
def _forward(x, kernel, stride, padding, y, taps):
    N, H, W, C = x.shape
    N, OH, OW, C = y.shape
    n, i = cuda.blockIdx.x // OH, cuda.blockIdx.x % OH
    c = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if c >= C:
        return
    top = i * stride[0] - padding[0]
    first_u, end_u = max(0, -top), min(kernel[0], H - top)
    for j in range(cuda.threadIdx.y, OW, cuda.blockDim.y):
        left = j * stride[1] - padding[1]
        first_v, end_v = max(0, -left), min(kernel[1], W - left)
        # Not -inf: that is a float64. And of a window of nothing but -inf, the first tap inside x is noted.
        best, tap = x[n, top + first_u, left + first_v, c], first_u * kernel[1] + first_v
        for u in range(first_u, end_u):
            for v in range(first_v, end_v):
                value = x[n, top + u, left + v, c]
                if value > best or value != value:  # a NaN wins and stays
                    best, tap = value, u * kernel[1] + v
        y[n, i, j, c] = best
        taps[n, i, j, c] = tap


def max_pool_backward(dy, taps, size, kernel, stride, padding, out=None):
    out = empty(dy, (len(dy), *size, dy.shape[3])) if out is None else out
    launch(_backward, over_maps(out.shape), dy, taps, kernel, stride, padding, out)
    return out


@compiled
def _backward(dy, taps, kernel, stride, padding, dx):
    N, H, W, C = dx.shape
    N, OH, OW, C = dy.shape
    n, r = cuda.blockIdx.x // H, cuda.blockIdx.x % H
    c = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if c >= C:
        return
    # Windows i with i s - p <= r < i s - p + k cover row r.
    first_i = max(0, (r + padding[0] - kernel[0]) // stride[0] + 1)
    last_i = min(OH - 1, (r + padding[0]) // stride[0])
    for w in range(cuda.threadIdx.y, W, cuda.blockDim.y):
        first_j = max(0, (w + padding[1] - kernel[1]) // stride[1] + 1)
        last_j = min(OW - 1, (w + padding[1]) // stride[1])
        total = dx.dtype.type(0)
        for i in range(first_i, last_i + 1):
            u = r + padding[0] - i * stride[0]
            for j in range(first_j, last_j + 1):
                v = w + padding[1] - j * stride[1]
                if taps[n, i, j, c] == u * kernel[1] + v:
                    total += dy[n, i, j, c]
        dx[n, r, w, c] = total
