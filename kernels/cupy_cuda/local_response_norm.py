"""Local response normalisation; local_response_norm.cu says what a thread computes."""

import cupy
import numpy as np

from kernels.cupy_cuda.launch import BLOCK, block, divided, function


def local_response_norm_forward(x, size, alpha, beta, k, out=None):
    y, s = (cupy.empty_like(x), cupy.empty_like(x)) if out is None else out
    number = x.dtype.type
    window = size // 2, (size - 1) // 2, number(alpha / size)
    _launch("local_response_norm_forward", x, (x, y, s, *window, number(beta), number(k)))
    return y, s


def local_response_norm_backward(dy, x, s, size, alpha, beta, out=None):
    out, q = cupy.empty_like(x) if out is None else out, cupy.empty_like(x)
    number = x.dtype.type
    arguments = dy, s, q, number(beta), np.int64(x.size)
    grid = divided(x.size, BLOCK), 1
    function("local_response_norm", "local_response_norm_scaled", x.dtype)(grid, (BLOCK, 1), arguments)
    window = size // 2, (size - 1) // 2, number(2 * alpha * beta / size)
    _launch("local_response_norm_backward", x, (q, x, s, out, *window))
    return out


def _launch(name, x, arguments):
    """A thread for each number of x (M, C)."""
    M, C = x.shape
    width, rows = block(C)
    grid = divided(M, rows), divided(C, width)
    function("local_response_norm", name, x.dtype)(grid, (width, rows), (*arguments, np.int64(M), C))
