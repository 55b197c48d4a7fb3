"""PReLU in one pass over memory each way (paper, equations (1) to (3)).

NumPy's where() writes two temporaries as large as y; here each number is read once and written
once.  The slope's gradient is a sum over all rows: fixed blocks of rows are summed apart and then
together, so the result is the same bits whatever the number of threads.
"""

import numpy as np
from numba import prange

from kernels.numba_cpu.compile import compiled

BLOCKS = 64


def prelu_forward(y, a):
    f = np.empty_like(y)
    _forward(y, a, f)
    return f


@compiled
def _forward(y, a, f):
    M, C = y.shape
    for m in prange(M):
        y_m, f_m = y[m], f[m]
        for c in range(C):
            f_m[c] = y_m[c] if y_m[c] > 0 else a[c] * y_m[c]             # (1)


def prelu_backward(df, y, a):
    dy = np.empty_like(y)
    partial = np.zeros((BLOCKS, len(a)), y.dtype)
    _backward(df, y, a, dy, partial)
    return dy, partial.sum(axis=0)


@compiled
def _backward(df, y, a, dy, partial):
    M, C = y.shape
    blocks = len(partial)
    zero = y.dtype.type(0)
    for block in prange(blocks):
        da = partial[block]
        for m in range(block * M // blocks, (block + 1) * M // blocks):
            df_m, y_m, dy_m = df[m], y[m], dy[m]
            for c in range(C):
                positive = y_m[c] > 0
                dy_m[c] = df_m[c] if positive else a[c] * df_m[c]        # (dy)
                da[c] += zero if positive else df_m[c] * y_m[c]          # (2), (3)
