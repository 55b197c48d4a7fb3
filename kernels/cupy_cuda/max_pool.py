"""Max pooling; max_pool.cu says what a thread computes."""

import cupy
import numpy as np

from kernels.cupy_cuda.launch import along_rows, cells, function, lanes_of


def max_pool_forward(x, kernel, stride, padding, out_size, out=None):
    (N, H, W, C), (OH, OW) = x.shape, out_size
    shape = N, OH, OW, C
    y, taps = (cupy.empty(shape, x.dtype), cupy.empty(shape, np.int16)) if out is None else out
    lanes = lanes_of(C, x, y, taps)
    arguments = x, y, taps, H, W, C // lanes, OH, OW, *kernel, *stride, *padding
    function("max_pool", "max_pool_forward", x.dtype, lanes)(*along_rows(N * OH, OW, C // lanes), arguments)
    return y, taps


def max_pool_backward(dy, taps, size, kernel, stride, padding, out=None):
    (N, OH, OW, C), (H, W) = dy.shape, size
    out = cupy.empty((N, H, W, C), dy.dtype) if out is None else out
    lanes = lanes_of(C, dy, taps, out)
    down, across = cells(size, stride, padding)
    arguments = dy, taps, out, H, W, C // lanes, OH, OW, *kernel, *stride, *padding, down, across
    function("max_pool", "max_pool_backward", dy.dtype, lanes)(*along_rows(N * down, across, C // lanes), arguments)
    return out
