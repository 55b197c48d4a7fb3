"""im2col and its transpose; im2col.cu says what a thread computes."""

import cupy

from kernels.cupy_cuda.launch import along_rows, cells, function, lanes_of


def im2col(x, kernel, stride, padding, out=None):
    N, H, W, C = x.shape
    OH, OW = ((L + 2 * p - k) // s + 1 for L, k, s, p in zip((H, W), kernel, stride, padding))
    out = cupy.empty((N, OH, OW, kernel[0] * kernel[1] * C), x.dtype) if out is None else out
    lanes = lanes_of(C, x, out)
    arguments = x, out, H, W, C // lanes, OH, OW, *kernel, *stride, *padding
    function("im2col", "im2col", x.dtype, lanes)(*along_rows(N * OH, OW, out.shape[3] // lanes), arguments)
    return out


def col2im(cols, size, kernel, stride, padding, out=None):
    (N, OH, OW, K), (H, W) = cols.shape, size
    C = K // (kernel[0] * kernel[1])
    out = cupy.empty((N, H, W, C), cols.dtype) if out is None else out
    lanes = lanes_of(C, cols, out)
    down, across = cells(size, stride, padding)
    arguments = cols, out, H, W, C // lanes, OH, OW, *kernel, *stride, *padding, down, across
    function("im2col", "col2im", cols.dtype, lanes)(*along_rows(N * down, across, C // lanes), arguments)
    return out
