"""Max pooling: the largest value of each window, and which of its kh * kw taps that was.

    y[n, i, j, c]    = max over (u, v) of x[n, i s + u - p, j s + v - p, c],  -inf outside x
    taps[n, i, j, c] = u kw + v of the first maximum

A maximum starts at -inf, never at 0: PReLU gives negative maps.
"""

import numpy as np

from kernels.reference.into import into
from kernels.reference.windows import windows


def max_pool_forward(x, kernel, stride, padding, out_size, out=None):
    N, C = x.shape[0], x.shape[3]
    fields = windows(x, kernel, stride, padding, out_size, fill=-np.inf)
    fields = fields.reshape(N, *out_size, kernel[0] * kernel[1], C)
    # Only a window of nothing but -inf has its first maximum in the frame: then its first tap inside x counts.
    u, v = (np.maximum(0, p - s * np.arange(O)) for O, s, p in zip(out_size, stride, padding))
    taps = np.maximum(fields.argmax(axis=3), (u[:, None] * kernel[1] + v)[:, :, None])
    y = np.take_along_axis(fields, taps[:, :, :, None], axis=3)[:, :, :, 0]
    return into(out, (y, taps.astype(np.int16)))


def max_pool_backward(dy, taps, size, kernel, stride, padding, out=None):
    N, OH, OW, C = dy.shape
    dx = np.zeros((N, *size, C), dy.dtype)
    n, i, j, c = np.indices(dy.shape)
    u, v = np.divmod(taps, kernel[1])
    np.add.at(dx, (n, i * stride[0] + u - padding[0], j * stride[1] + v - padding[1], c), dy)
    return into(out, dx)
