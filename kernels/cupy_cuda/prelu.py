"""PReLU in one pass over memory each way; prelu.cu says what a thread computes."""

import cupy
import numpy as np

from kernels.cupy_cuda.launch import block, divided, kernel, lanes_of

ROWS = 8  # of a thread in forward: few enough for many blocks, enough to be worth loading a slope
PARTS = 1024  # blocks of backward at most, each a row of partial sums.  A number of its own, not the GPU's: the order
# of the sums is then the same on every GPU


def prelu_forward(y, a, bias=None, out=None):
    out = cupy.empty_like(y) if out is None else out
    M, C = y.shape
    lanes = lanes_of(C, y, a, bias, out)
    x, rows = block(C // lanes)
    grid = divided(M, rows * ROWS), divided(C // lanes, x)
    kernel("prelu", "prelu_forward", y.dtype, lanes)(grid, (x, rows), (y, a, bias, out, np.int64(M), C // lanes))
    return out


def prelu_backward(df, y, a, out=None):
    out = cupy.empty_like(y) if out is None else out
    M, C = y.shape
    da = cupy.zeros(C, y.dtype)
    lanes = lanes_of(C, df, y, a, out)
    packs = C // lanes
    x, rows = block(packs)
    parts = min(PARTS, divided(M, rows))
    partial = cupy.empty((parts, C), y.dtype)
    arguments = df, y, a, out, partial, np.int64(M), packs
    kernel("prelu", "prelu_backward", y.dtype, lanes)((parts, divided(packs, x)), (x, rows), arguments)
    x = min(packs, 8)  # few packs side by side, so that many threads share the rows of one
    if parts:
        grid = divided(packs, x), 1
        kernel("prelu", "column_sums", y.dtype, lanes)(grid, (x, 256 // x), (partial, da, parts, packs))
    return out, da
