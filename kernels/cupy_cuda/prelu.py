"""PReLU in one pass over memory each way; prelu.cu says what a thread computes."""

import cupy
import numpy as np

from kernels.cupy_cuda.launch import BLOCK, block, divided, function, lanes_of

ROWS = 4  # of a thread in forward; as in prelu.cu
LEAST_ROWS = 8  # of a thread in backward, or `partial` would be as large as y behind a fully connected layer
PARTS = 1024  # blocks of backward at most, each a row of partial sums. A number of its own, not the GPU's: the order
# of the sums is then the same on every GPU
SIDE_BY_SIDE = 2  # packs in a block that adds partial sums: 32 bytes, the least that memory hands out. So all other
# threads of the block share the rows


def prelu_forward(y, a, bias=None, out=None):
    out = cupy.empty_like(y) if out is None else out
    M, C = y.shape
    lanes = lanes_of(C, y, a, bias, out)
    packs = C // lanes
    x, rows = block(packs)
    grid = divided(M, rows * ROWS), divided(packs, x)
    function("prelu", "prelu_forward", y.dtype, lanes)(grid, (x, rows), (y, a, bias, out, np.int64(M), packs))
    return out


def prelu_backward(df, y, a, out=None):
    out = cupy.empty_like(y) if out is None else out
    M, C = y.shape
    if M == 0:
        return out, cupy.zeros(C, y.dtype)
    lanes = lanes_of(C, df, y, a, out)
    packs = C // lanes
    x, rows = block(packs)
    parts = min(PARTS, divided(M, LEAST_ROWS * rows))
    partial, da = cupy.empty((parts, C), y.dtype), cupy.empty(C, y.dtype)
    arguments = df, y, a, out, partial, np.int64(M), packs
    function("prelu", "prelu_backward", y.dtype, lanes)((parts, divided(packs, x)), (x, rows), arguments)
    x = min(packs, SIDE_BY_SIDE)
    grid = divided(packs, x), 1
    function("prelu", "column_sums", y.dtype, lanes)(grid, (x, BLOCK // x), (partial, da, parts, packs))
    return out, da
