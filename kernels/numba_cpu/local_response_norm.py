"""Local response normalisation; a row of channels is in cache while its windows slide over it."""

import numpy as np

from kernels.numba_cpu.compile import compiled


def local_response_norm_forward(x, size, alpha, beta, k, out=None):
    y, s = (np.empty_like(x), np.empty_like(x)) if out is None else out
    number = x.dtype.type
    _forward(x, size // 2, (size - 1) // 2, number(alpha / size), number(beta), number(k), y, s)
    return y, s


@compiled
def _forward(x, below, above, scale, beta, k, y, s):
    M, C = x.shape
    for m in range(M):
        x_m, y_m, s_m = x[m], y[m], s[m]
        for c in range(C):
            total = x.dtype.type(0)
            for e in range(max(0, c - below), min(C, c + above + 1)):
                total += x_m[e] * x_m[e]
            s_m[c] = k + scale * total
            y_m[c] = x_m[c] * s_m[c] ** -beta


def local_response_norm_backward(dy, x, s, size, alpha, beta, out=None):
    out, t = np.empty_like(x) if out is None else out, np.empty(x.shape[1], x.dtype)
    number = x.dtype.type
    _backward(dy, x, s, size // 2, (size - 1) // 2, number(2 * alpha * beta / size), number(beta), t, out)
    return out


@compiled
def _backward(dy, x, s, below, above, scale, beta, t, dx):
    M, C = x.shape
    for m in range(M):
        dy_m, x_m, s_m, dx_m = dy[m], x[m], s[m], dx[m]
        for c in range(C):
            t[c] = dy_m[c] * x_m[c] * s_m[c] ** (-beta - 1)
        for e in range(C):
            total = x.dtype.type(0)
            for c in range(max(0, e - above), min(C, e + below + 1)):  # the windows that e is in
                total += t[c]
            dx_m[e] = dy_m[e] * s_m[e] ** -beta - scale * x_m[e] * total
