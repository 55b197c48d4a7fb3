"""PReLU and its gradient (paper, equations (1) to (3)).  y, f, df, dy are (M, C); a, bias and da (C,).

Forward: thread (m, c) owns one number, as in leaky_relu.py.

Backward: dy likewise, but da_c is a sum over all M rows, and threads that add to one number at the same time would
lose additions. Atomic additions would not, but come in any order, and then the last bits differ from run to run. So
the sum has two stages, each in a fixed order:

    1. a thread keeps to one channel and walks down the rows in steps, adding up in a register;
       each block adds up the sums of its threads, halving the number of rows in shared memory until one is left,
       and writes that to its own row of `partial`
    2. column_sums adds the rows of `partial` in the same way

    rows    0 1 2 3 4   ->   0+3 1+4 2   ->   0+3+2 1+4   ->   sum

Bytes: forward reads y and writes f; backward reads df and y and writes dy. `partial` is an eighth of y at most, and
far less for a map.
"""

import numpy as np
from numba import cuda

from kernels.numba_cuda.launch import BLOCK, block_of, compiled, divided, empty, launch, over_rows

SUMS = 256  # places in shared memory: BLOCK, but not imported. Numba's cache would not see launch.py change
LEAST_ROWS = 8  # of a thread in stage 1, or `partial` would be as large as y behind a fully connected layer
PARTS = 1024  # blocks side by side in stage 1 at most: a number of its own, so that every GPU adds in the same order


def prelu_forward(y, a, bias=None, out=None):
    out = np.empty_like(y) if out is None else out
    launch(_forward, over_rows(y.shape), y, a, a if bias is None else bias, bias is not None, out)
    return out


@compiled
def _forward(y, a, bias, with_bias, f):
    M, C = y.shape
    m = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    c = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if m >= M or c >= C:
        return
    value = y[m, c]
    if with_bias:
        value += bias[c]
    f[m, c] = value if value > 0 else a[c] * value  # (1)


def prelu_backward(df, y, a, out=None):
    M, C = y.shape
    out, da = np.empty_like(y) if out is None else out, np.zeros_like(a)
    x, rows = block_of(C, M)
    parts = min(PARTS, divided(M, LEAST_ROWS * rows))
    partial = empty(y, (parts, C))
    launch(_backward, ((parts, divided(C, x)), (x, rows)), df, y, a, out, partial)
    # Channels side by side: 32 bytes, the least that memory hands out. The other threads of a block share the rows.
    x = min(C, 8)
    grid = (divided(C, x), 1) if parts else (0, 0)
    launch(_column_sums, (grid, (x, max(1, min(parts, BLOCK // x)))), partial, da)
    return out, da


@compiled
def _backward(df, y, a, dy, partial):
    M, C = y.shape
    c = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    total = y.dtype.type(0)
    if c < C:
        first = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
        for m in range(first, M, cuda.gridDim.x * cuda.blockDim.y):
            df_here, value = df[m, c], y[m, c]
            if value > 0:
                dy[m, c] = df_here
            else:
                dy[m, c] = a[c] * df_here  # (dy)
                total += df_here * value  # (3)
    sums = cuda.shared.array(SUMS, y.dtype)
    total = _sum_of_column(total, sums)  # (2), first stage
    if cuda.threadIdx.y == 0 and c < C:
        partial[cuda.blockIdx.x, c] = total


@compiled
def _column_sums(partial, da):
    parts, C = partial.shape
    c = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    total = partial.dtype.type(0)
    if c < C:
        for m in range(cuda.threadIdx.y, parts, cuda.blockDim.y):
            total += partial[m, c]
    sums = cuda.shared.array(SUMS, partial.dtype)
    total = _sum_of_column(total, sums)  # (2), second stage
    if cuda.threadIdx.y == 0 and c < C:
        da[c] = total


@cuda.jit(device=True)
def _sum_of_column(mine, sums):
    """The sum over the threads of a block with the caller's x; the one with y = 0 gets it.

    For all threads of the block to call, idle ones too: syncthreads waits for every one of them.
    """
    x, y, width = cuda.threadIdx.x, cuda.threadIdx.y, cuda.blockDim.x
    sums[y * width + x] = mine
    cuda.syncthreads()
    rows = cuda.blockDim.y
    while rows > 1:
        half = (rows + 1) // 2
        if y + half < rows:
            sums[y * width + x] += sums[(y + half) * width + x]
        cuda.syncthreads()
        rows = half
    return sums[y * width + x]
