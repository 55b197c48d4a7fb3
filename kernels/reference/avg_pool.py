"""Average pooling: the mean of each window, zeros of the frame counted in.

    y[n, i, j, c] = 1/m  sum over (u, v) of x[n, i s + u - p, j s + v - p, c]

m counts the taps inside x or its frame of `padding`: kh kw everywhere but in windows that hang
over the frame, which ceil_mode can make.
"""

import numpy as np

from kernels.reference.into import into
from kernels.reference.windows import positions, windows


def avg_pool_forward(x, kernel, stride, padding, out_size, out=None):
    fields = windows(x, kernel, stride, padding, out_size, fill=0)
    counts = taps_inside(x.shape[1:3], kernel, stride, padding, out_size).astype(x.dtype)
    return into(out, fields.sum(axis=(3, 4)) / counts)


def avg_pool_backward(dy, size, kernel, stride, padding, out=None):
    N, OH, OW, C = dy.shape
    (H, W), (ph, pw) = size, padding
    share = dy / taps_inside(size, kernel, stride, padding, (OH, OW)).astype(dy.dtype)
    rows = positions(H, kernel[0], stride[0], ph, OH)
    columns = positions(W, kernel[1], stride[1], pw, OW)
    dx = np.zeros((N, H, W, C), dy.dtype)
    for u in range(kernel[0]):
        for v in range(kernel[1]):
            r, w = rows[:, u], columns[:, v]
            i, j = np.flatnonzero((r >= 0) & (r < H)), np.flatnonzero((w >= 0) & (w < W))
            dx[:, r[i][:, None], w[j]] += share[:, i[:, None], j]  # for one (u, v) all windows read different pixels
    return into(out, dx)


def taps_inside(size, kernel, stride, padding, out_size):
    """(OH, OW, 1) number of taps of each window that lie inside the framed map."""
    rows, columns = (
        (positions(L, k, s, p, O) < L + p).sum(axis=1)  # no window begins before the frame
        for L, k, s, p, O in zip(size, kernel, stride, padding, out_size)
    )
    return (rows[:, None] * columns)[:, :, None]
