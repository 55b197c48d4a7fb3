"""Leaky ReLU (slope 0: ReLU) in one pass over memory each way, whatever the shape."""

import numpy as np
from numba import prange

from kernels.numba_cpu.compile import compiled


def leaky_relu_forward(y, slope):
    f = np.empty_like(y)
    _forward(y.reshape(-1), y.dtype.type(slope), f.reshape(-1))
    return f


@compiled
def _forward(y, slope, f):
    zero = y.dtype.type(0)
    for m in prange(len(y)):
        low = slope * y[m] if slope != 0 else zero                          # 0 * -inf would be NaN
        f[m] = low if y[m] <= 0 else y[m]


def leaky_relu_backward(df, y, slope):
    dy = np.empty_like(y)
    _backward(df.reshape(-1), y.reshape(-1), y.dtype.type(slope), dy.reshape(-1))
    return dy


@compiled
def _backward(df, y, slope, dy):
    zero = y.dtype.type(0)
    for m in prange(len(y)):
        low = slope * df[m] if slope != 0 else zero
        dy[m] = low if y[m] <= 0 else df[m]
