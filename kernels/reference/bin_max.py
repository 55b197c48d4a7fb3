"""The maximum over rectangular bins of a map: the inner loop of spatial pyramid pooling.

    f[n, b, c]      = max over top_b <= r < bottom_b, left_b <= w < right_b of x[n, r, w, c]
    argmax[n, b, c] = r W + w of the first maximum

bins is (B, 4) int64: top, bottom, left, right of each bin; bins may overlap.
"""

import numpy as np

from kernels.reference.into import into


def bin_max_forward(x, bins, out=None):
    N, H, W, C = x.shape
    f = np.empty((N, len(bins), C), x.dtype)
    argmax = np.empty(f.shape, np.int32)
    place = np.arange(H * W, dtype=np.int32).reshape(H, W)
    for b, (top, bottom, left, right) in enumerate(bins):
        inside = x[:, top:bottom, left:right].reshape(N, (bottom - top) * (right - left), C)
        first = inside.argmax(axis=1)
        f[:, b] = np.take_along_axis(inside, first[:, None], axis=1)[:, 0]
        argmax[:, b] = place[top:bottom, left:right].reshape(-1)[first]
    return into(out, (f, argmax))


def bin_max_backward(df, argmax, size, out=None):
    N, B, C = df.shape
    dx = np.zeros((N, size[0] * size[1], C), df.dtype)
    n, b, c = np.indices(df.shape)
    np.add.at(dx, (n, argmax, c), df)
    return into(out, dx.reshape(N, *size, C))
