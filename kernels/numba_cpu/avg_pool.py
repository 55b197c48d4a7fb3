"""Average pooling, channel innermost; backward gathers by input row as max_pool's does."""

import numpy as np

from kernels.numba_cpu.compile import compiled


def avg_pool_forward(x, kernel, stride, padding, out_size, out=None):
    out = np.empty((x.shape[0], *out_size, x.shape[3]), x.dtype) if out is None else out
    _forward(x, kernel, stride, padding, out)
    return out


@compiled
def _forward(x, kernel, stride, padding, y):
    N, H, W, C = x.shape
    OH, OW = y.shape[1:3]
    for row in range(N * OH):
        n, i = row // OH, row % OH
        top = i * stride[0] - padding[0]
        high = min(kernel[0], H + padding[0] - top)  # taps inside the map or its frame
        for j in range(OW):
            left = j * stride[1] - padding[1]
            wide = min(kernel[1], W + padding[1] - left)
            mean = y[n, i, j]
            mean[:] = 0
            for u in range(max(0, -top), min(high, H - top)):
                for v in range(max(0, -left), min(wide, W - left)):
                    pixel = x[n, top + u, left + v]
                    for c in range(C):
                        mean[c] += pixel[c]
            m = mean.dtype.type(high * wide)
            for c in range(C):
                mean[c] /= m


def avg_pool_backward(dy, size, kernel, stride, padding, out=None):
    out = np.empty((dy.shape[0], *size, dy.shape[3]), dy.dtype) if out is None else out
    _backward(dy, kernel, stride, padding, out)
    return out


@compiled
def _backward(dy, kernel, stride, padding, dx):
    N, H, W, C = dx.shape
    OH, OW = dy.shape[1:3]
    for row in range(N * H):
        n, r = row // H, row % H
        first_i = max(0, (r + padding[0] - kernel[0]) // stride[0] + 1)
        last_i = min(OH - 1, (r + padding[0]) // stride[0])
        for w in range(W):
            first_j = max(0, (w + padding[1] - kernel[1]) // stride[1] + 1)
            last_j = min(OW - 1, (w + padding[1]) // stride[1])
            pixel = dx[n, r, w]
            pixel[:] = 0
            for i in range(first_i, last_i + 1):
                high = min(kernel[0], H + 2 * padding[0] - i * stride[0])
                for j in range(first_j, last_j + 1):
                    wide = min(kernel[1], W + 2 * padding[1] - j * stride[1])
                    m, share = dy.dtype.type(high * wide), dy[n, i, j]
                    for c in range(C):
                        pixel[c] += share[c] / m
