"""Local response normalisation over neighbouring channels: thread (m, c) owns one number.

    s_c = k + scale * sum of x_e^2 over the window of c,   y_c = x_c s_c^-beta,   scale = alpha / size

The window of c is c - below <= e <= c + above, cut at the first and last channel. Neighbouring threads have windows
that overlap in all but one channel: what one of them reads, the next finds in the cache, so a window costs memory one
number, not `size`.

Backward. x_e is in the window of each c with e - above <= c <= e + below, the mirrored window of e:

    dx_e = dy_e s_e^-beta - 2 scale beta x_e  sum over those c of  dy_c x_c s_c^(-beta - 1)

A power is dear, and each is wanted by all its neighbours: a first kernel writes q_c = dy_c s_c^-beta down, a second
adds up windows of q_c x_c / s_c.

Bytes: forward reads x and writes y and s; backward reads dy and s, writes q, reads q, x and s and writes dx.
"""

import numpy as np
from numba import cuda

from kernels.numba_cuda.launch import compiled, launch, over_rows


def local_response_norm_forward(x, size, alpha, beta, k, out=None):
    y, s = (np.empty_like(x), np.empty_like(x)) if out is None else out
    number = x.dtype.type
    numbers = number(alpha / size), number(beta), number(k)
    launch(_forward, over_rows(x.shape), x, size // 2, (size - 1) // 2, *numbers, y, s)
    return y, s


@compiled
def _forward(x, below, above, scale, beta, k, y, s):
    M, C = x.shape
    m = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    c = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if m >= M or c >= C:
        return
    total = x.dtype.type(0)
    for e in range(max(0, c - below), min(C, c + above + 1)):
        total += x[m, e] * x[m, e]
    s_c = k + scale * total
    s[m, c] = s_c
    y[m, c] = x[m, c] * s_c**-beta


def local_response_norm_backward(dy, x, s, size, alpha, beta, out=None):
    out, q = np.empty_like(x) if out is None else out, np.empty_like(x)
    number = x.dtype.type
    threads = over_rows(x.shape)
    launch(_powers, threads, dy, s, number(beta), q)
    launch(_backward, threads, q, x, s, size // 2, (size - 1) // 2, number(2 * alpha * beta / size), out)
    return out


@compiled
def _powers(dy, s, beta, q):
    M, C = s.shape
    m = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    c = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if m < M and c < C:
        q[m, c] = dy[m, c] * s[m, c] ** -beta


@compiled
def _backward(q, x, s, below, above, scale, dx):
    M, C = x.shape
    m = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    e = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if m >= M or e >= C:
        return
    total = x.dtype.type(0)
    for c in range(max(0, e - above), min(C, e + below + 1)):  # the windows that e is in
        total += q[m, c] * x[m, c] / s[m, c]
    dx[m, e] = q[m, e] - scale * x[m, e] * total
