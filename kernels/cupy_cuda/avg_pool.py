"""Average pooling; avg_pool.cu says what a thread computes."""

import cupy

from kernels.cupy_cuda.launch import along_rows, cells, function, lanes_of


def avg_pool_forward(x, kernel, stride, padding, out_size, out=None):
    (N, H, W, C), (OH, OW) = x.shape, out_size
    out = cupy.empty((N, OH, OW, C), x.dtype) if out is None else out
    lanes = lanes_of(C, x, out)
    arguments = x, out, H, W, C // lanes, OH, OW, *kernel, *stride, *padding
    function("avg_pool", "avg_pool_forward", x.dtype, lanes)(*along_rows(N * OH, OW, C // lanes), arguments)
    return out


def avg_pool_backward(dy, size, kernel, stride, padding, out=None):
    (N, OH, OW, C), (H, W) = dy.shape, size
    out = cupy.empty((N, H, W, C), dy.dtype) if out is None else out
    lanes = lanes_of(C, dy, out)
    down, across = cells(size, stride, padding)
    arguments = dy, out, H, W, C // lanes, OH, OW, *kernel, *stride, *padding, down, across
    function("avg_pool", "avg_pool_backward", dy.dtype, lanes)(*along_rows(N * down, across, C // lanes), arguments)
    return out
