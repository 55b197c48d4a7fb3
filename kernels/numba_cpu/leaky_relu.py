"""Leaky ReLU (slope 0: ReLU) in one pass over memory each way, on the thread that calls; whatever the shape."""

import numpy as np

from kernels.numba_cpu.compile import compiled


def leaky_relu_forward(y, slope, bias=None, out=None):
    if bias is not None:
        out = np.empty_like(y) if out is None else out
        _add(y, bias, out)
        y = out
    if out is y:
        _in_place(y.reshape(-1), y.dtype.type(slope))
        return y
    out = np.empty_like(y) if out is None else out
    _forward(y.reshape(-1), y.dtype.type(slope), out.reshape(-1))
    return out


@compiled
def _add(y, bias, out):
    M, C = y.shape
    for m in range(M):
        y_m, out_m = y[m], out[m]
        for c in range(C):
            out_m[c] = y_m[c] + bias[c]


@compiled  # apart from _forward: where y and f may be the same array the compiler does not use vectors
def _in_place(f, slope):
    zero = f.dtype.type(0)
    for m in range(len(f)):
        low = slope * f[m] if slope != 0 else zero
        f[m] = low if f[m] <= 0 else f[m]


@compiled
def _forward(y, slope, f):
    zero = y.dtype.type(0)
    for m in range(len(y)):
        low = slope * y[m] if slope != 0 else zero  # 0 * -inf would be NaN
        f[m] = low if y[m] <= 0 else y[m]


def leaky_relu_backward(df, y, slope, out=None):
    out = np.empty_like(y) if out is None else out
    _backward(df.reshape(-1), y.reshape(-1), y.dtype.type(slope), out.reshape(-1))
    return out


@compiled
def _backward(df, y, slope, dy):
    zero = y.dtype.type(0)
    if slope != 0:
        for m in range(len(y)):
            dy[m] = df[m] if y[m] > 0 else slope * df[m]
    else:
        for m in range(len(y)):
            dy[m] = zero if y[m] <= 0 else df[m]
