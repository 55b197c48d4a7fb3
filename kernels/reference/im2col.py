"""im2col: every receptive field of a convolution as one row of a matrix.

    cols[n, i, j, (u, v, c)] = x[n, i s + u - p, j s + v - p, c],   0 outside x

col2im is its transpose: each cols entry goes back to the x it was copied from, copies add up.
"""

import numpy as np

from kernels.reference.windows import windows


def im2col(x, kernel, stride, padding, out=None):
    N, H, W, C = x.shape
    OH, OW = ((L + 2 * p - k) // s + 1 for L, k, s, p in zip((H, W), kernel, stride, padding))
    fields = windows(x, kernel, stride, padding, (OH, OW), fill=0)
    out = np.empty((N, OH, OW, kernel[0] * kernel[1] * C), x.dtype) if out is None else out
    out[...] = fields.reshape(out.shape)
    return out


def col2im(cols, size, kernel, stride, padding, out=None):
    (kh, kw), (sh, sw), (ph, pw), (H, W) = kernel, stride, padding, size
    N, OH, OW, K = cols.shape
    taps = cols.reshape(N, OH, OW, kh, kw, K // (kh * kw))
    framed = np.zeros((N, H + 2 * ph, W + 2 * pw, K // (kh * kw)), cols.dtype)
    for u in range(kh):
        for v in range(kw):
            framed[:, u : u + OH * sh : sh, v : v + OW * sw : sw] += taps[:, :, :, u, v]
    out = np.empty((N, H, W, framed.shape[3]), cols.dtype) if out is None else out
    out[...] = framed[:, ph : ph + H, pw : pw + W]
    return out
