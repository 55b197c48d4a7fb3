"""Local response normalisation over neighbouring channels: x (M, C).

    s[m, c] = k + alpha/size * sum of x[m, e]^2 over the window of c
    y[m, c] = x[m, c] * s[m, c]^(-beta)

The window of channel c is c - size//2 <= e <= c + (size-1)//2, cut at the first and last channel.
"""

import numpy as np

from kernels.reference.into import into


def window_sum(z, below, above):
    """sum over e from c - below to c + above of z[:, e], zeros beyond the first and last channel."""
    framed = np.pad(z, ((0, 0), (below, above)))
    return sum(framed[:, e : e + z.shape[1]] for e in range(below + 1 + above))


def local_response_norm_forward(x, size, alpha, beta, k, out=None):
    s = k + alpha / size * window_sum(x * x, size // 2, (size - 1) // 2)
    return into(out, ((x * s**-beta).astype(x.dtype), s.astype(x.dtype)))


def local_response_norm_backward(dy, x, s, size, alpha, beta, out=None):
    # x_e is in the window of c when c - size//2 <= e <= c + (size-1)//2: the mirrored window of e.
    t = window_sum(dy * x * s ** (-beta - 1), (size - 1) // 2, size // 2)
    return into(out, (dy * s**-beta - 2 * alpha * beta / size * x * t).astype(dy.dtype))
