"""Leaky ReLU and, with slope 0, ReLU. With momentum.py the simplest kernels of this folder.

Thread i owns number i of the array, whatever its shape, taken as one long row: it reads it, bends it, writes it. No
thread needs another. With channels last, number i is of channel i % C.

Bytes: forward reads y and writes f, backward reads df and y and writes dy, each number once. A GPU does tens of
operations in the time of moving one number, and these kernels do three: the speed is that of memory, so all that
matters is that neighbouring threads touch neighbouring numbers.
"""

import numpy as np
from numba import cuda

from kernels.numba_cuda.launch import compiled, launch, over_numbers


def leaky_relu_forward(y, slope, bias=None, out=None):
    out = np.empty_like(y) if out is None else out
    flat = y.reshape(-1)
    shift = flat if bias is None else bias  # a kernel takes no None: any array in its place, and a bool
    launch(_forward, over_numbers(y.size), flat, y.dtype.type(slope), shift, bias is not None, out.reshape(-1))
    return out


@compiled
def _forward(y, slope, bias, with_bias, f):
    i = cuda.grid(1)
    if i >= len(y):
        return  # the last block hangs over the end
    value = y[i]
    if with_bias:
        value += bias[i % len(bias)]
    if value <= 0:  # not so a NaN, which stays
        value = slope * value if slope != 0 else y.dtype.type(0)  # 0 * -inf would be NaN
    f[i] = value


def leaky_relu_backward(df, y, slope, out=None):
    out = np.empty_like(y) if out is None else out
    launch(_backward, over_numbers(y.size), df.reshape(-1), y.reshape(-1), y.dtype.type(slope), out.reshape(-1))
    return out


@compiled
def _backward(df, y, slope, dy):
    i = cuda.grid(1)
    if i >= len(y):
        return
    if slope != 0:
        dy[i] = df[i] if y[i] > 0 else slope * df[i]
    else:
        dy[i] = y.dtype.type(0) if y[i] <= 0 else df[i]
