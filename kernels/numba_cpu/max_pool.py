"""Max pooling with the channel as innermost loop: one SIMD lane a channel.

Windows are cut to the map before the inner loop, so it tests nothing but "is this one larger".
backward gathers: for each pixel it asks every window that covers it whether this pixel was its maximum,
and writes the pixel once. No zero fill first.
"""

import numpy as np

from kernels.numba_cpu.compile import compiled


def max_pool_forward(x, kernel, stride, padding, out_size, out=None):
    shape = (x.shape[0], *out_size, x.shape[3])
    y, taps = (np.empty(shape, x.dtype), np.empty(shape, np.int16)) if out is None else out
    _forward(x, kernel, stride, padding, y, taps)
    return y, taps


@compiled
def _forward(x, kernel, stride, padding, y, taps):
    N, H, W, C = x.shape
    OH, OW = y.shape[1:3]
    for row in range(N * OH):
        n, i = row // OH, row % OH
        top = i * stride[0] - padding[0]
        for j in range(OW):
            left = j * stride[1] - padding[1]
            best, tap = y[n, i, j], taps[n, i, j]
            best[:] = -np.inf
            tap[:] = max(0, -top) * kernel[1] + max(0, -left)
            for u in range(max(0, -top), min(kernel[0], H - top)):
                for v in range(max(0, -left), min(kernel[1], W - left)):
                    pixel = x[n, top + u, left + v]
                    here = np.int16(u * kernel[1] + v)
                    for c in range(C):
                        larger = (pixel[c] > best[c]) | (pixel[c] != pixel[c])  # a NaN wins and stays
                        best[c] = pixel[c] if larger else best[c]
                        tap[c] = here if larger else tap[c]


def max_pool_backward(dy, taps, size, kernel, stride, padding, out=None):
    out = np.empty((dy.shape[0], *size, dy.shape[3]), dy.dtype) if out is None else out
    _backward(dy, taps, kernel, stride, padding, out)
    return out


@compiled
def _backward(dy, taps, kernel, stride, padding, dx):
    N, H, W, C = dx.shape
    OH, OW = dy.shape[1:3]
    zero = dy.dtype.type(0)
    for row in range(N * H):
        n, r = row // H, row % H
        # Windows i with i s - p <= r < i s - p + k cover row r.
        first_i = max(0, (r + padding[0] - kernel[0]) // stride[0] + 1)
        last_i = min(OH - 1, (r + padding[0]) // stride[0])
        for w in range(W):
            first_j = max(0, (w + padding[1] - kernel[1]) // stride[1] + 1)
            last_j = min(OW - 1, (w + padding[1]) // stride[1])
            pixel = dx[n, r, w]
            pixel[:] = 0
            for i in range(first_i, last_i + 1):
                for j in range(first_j, last_j + 1):
                    here = (r + padding[0] - i * stride[0]) * kernel[1] + w + padding[1] - j * stride[1]
                    tap, share = taps[n, i, j], dy[n, i, j]
                    for c in range(C):
                        pixel[c] += share[c] if tap[c] == here else zero
