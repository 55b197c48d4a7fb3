"""Local response normalisation over neighbouring channels: thread (m, c) owns one number.

Neighbouring threads have windows that overlap in all but one channel: what one of them reads, the next finds in the
cache, so a window costs memory one number, not `size`.

Backward needs t_e = dy_e x_e s_e^(-beta - 1) for the whole window, and a power is dear: a first kernel writes t down
once for each channel, a second adds it up.

Bytes: forward reads x and writes y and s; backward reads dy, x and s twice, writes t and reads it, writes dx.
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
    out, t = np.empty_like(x) if out is None else out, np.empty_like(x)
    number = x.dtype.type
    threads = over_rows(x.shape)
    launch(_weights, threads, dy, x, s, number(-beta - 1), t)
    numbers = number(2 * alpha * beta / size), number(beta)
    launch(_backward, threads, dy, x, s, t, size // 2, (size - 1) // 2, *numbers, out)
    return out


@compiled
def _weights(dy, x, s, power, t):
    M, C = x.shape
    m = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    c = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if m < M and c < C:
        t[m, c] = dy[m, c] * x[m, c] * s[m, c] ** power


@compiled
def _backward(dy, x, s, t, below, above, scale, beta, dx):
    M, C = x.shape
    m = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    e = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if m >= M or e >= C:
        return
    total = x.dtype.type(0)
    for c in range(max(0, e - above), min(C, e + below + 1)):            # the windows that e is in
        total += t[m, c]
    dx[m, e] = dy[m, e] * s[m, e] ** -beta - scale * x[m, e] * total
