"""Leaky ReLU (slope 0: ReLU) in one pass over memory each way, whatever the shape; see leaky_relu.cu."""

import cupy
import numpy as np

from kernels.cupy_cuda.launch import BLOCK, block, divided, function, lanes_in_line, lanes_of

PACKS = 4  # of a thread in forward; as in leaky_relu.cu


def leaky_relu_forward(y, slope, bias=None, out=None):
    out = cupy.empty_like(y) if out is None else out
    slope = y.dtype.type(slope)
    if bias is None:
        lanes = lanes_in_line(y, out)
        grid, n = (divided(y.size, BLOCK * PACKS * lanes), 1), np.int64(y.size)
        function("leaky_relu", "leaky_relu_forward", y.dtype, lanes)(grid, (BLOCK, 1), (y, out, slope, n))
        return out
    M, C = y.shape
    lanes = lanes_of(C, y, bias, out)
    packs = C // lanes
    x, rows = block(packs)
    grid = divided(M, rows * PACKS), divided(packs, x)
    arguments = y, bias, out, slope, np.int64(M), packs
    function("leaky_relu", "leaky_relu_with_bias", y.dtype, lanes)(grid, (x, rows), arguments)
    return out


def leaky_relu_backward(df, y, slope, out=None):
    out = cupy.empty_like(y) if out is None else out
    lanes = lanes_in_line(df, y, out)
    arguments = df, y, out, y.dtype.type(slope), np.int64(y.size)
    grid = divided(y.size, BLOCK * lanes), 1
    function("leaky_relu", "leaky_relu_backward", y.dtype, lanes)(grid, (BLOCK, 1), arguments)
    return out
