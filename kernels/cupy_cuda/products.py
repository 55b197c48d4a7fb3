"""Matrix products by cuBLAS, NVIDIA's library; those of a convolution with im2col in front.

cuBLAS counts down columns where NumPy counts along rows: what is x to us is x^T to it. So it is asked for
out^T = y^T x^T, with the factors exchanged, and then nothing has to be turned around.

What precision (kernels/contract.py) becomes: "fp32" is arithmetic in float32 throughout, whatever CUPY_TF32 says; for
"tf32" the tensor cores read the float32 factors themselves and keep 10 bits of each (how they round a tie is theirs to
decide); for "fp16" the factors are converted first. Sums are float32 in all three.

The gradient of a weight is a small matrix whose numbers are long sums, over all positions of a map. cuBLAS gives a
block of some 128 x 128 results to each multiprocessor, so a few blocks would leave most of a GPU idle. Such sums are
cut into parts, which make a batch of products, and the parts added up.

cuBLAS has no convolution, so im2col's matrix is built, for as many images at a time as COLS_BYTES allows: what is
written and read again for it is some 2 K numbers a pixel, against 2 K O operations.
"""

import cupy
import numpy as np

from kernels.cupy_cuda.im2col import im2col
from kernels.cupy_cuda.leaky_relu import leaky_relu_forward

COLS_BYTES = 1 << 28  # of im2col's matrix at a time
BLOCK_OF_RESULTS = 128  # rows and columns
ENOUGH_BLOCKS = 256  # for all multiprocessors of a large GPU, about twice
LEAST_TERMS = 512  # of a part of a sum, or adding the parts up would cost as much as is won
COMPUTE = {"fp32": "CUBLAS_COMPUTE_32F", "tf32": "CUBLAS_COMPUTE_32F_FAST_TF32", "fp16": "CUBLAS_COMPUTE_32F"}
NUMBER = {"e": "CUDA_R_16F", "f": "CUDA_R_32F", "d": "CUDA_R_64F"}


def matmul(x, y, precision="fp32", out=None):
    whole = x.dtype == np.float64
    out = cupy.empty((len(x), y.shape[1]), np.float64 if whole else np.float32) if out is None else out
    if precision == "fp16" and not whole:
        x, y = (factor.astype(np.float16, copy=False) for factor in (x, y))
    _multiply(x, y, out, precision=precision)
    return out


def products(x, y, out=None):
    out = cupy.empty((*x.shape[:2], y.shape[2]), x.dtype) if out is None else out
    _multiply(x, y, out)
    return out


def transposed_products(x, y, out, add):
    _multiply(x.transpose(0, 2, 1), y, out, add)


def correlate(x, W, kernel, stride, padding, bias=None, out=None):
    size = tuple((L + 2 * p - k) // s + 1 for L, k, s, p in zip(x.shape[1:3], kernel, stride, padding))
    out = cupy.empty((len(x), *size, W.shape[1]), x.dtype) if out is None else out
    for images, fields in _fields(x, kernel, stride, padding, size):
        rows = out[images].reshape(len(fields), W.shape[1])
        _multiply(fields, W, rows)
        if bias is not None:
            leaky_relu_forward(rows, 1, bias, out=rows)  # with slope 1 all it does is to add the bias
    return out


def correlate_weight(x, dy, kernel, stride, padding, out, add):
    for images, fields in _fields(x, kernel, stride, padding, dy.shape[1:3]):
        _multiply(fields.T, dy[images].reshape(len(fields), dy.shape[3]), out, add or images.start > 0)


def _fields(x, kernel, stride, padding, size):
    """(the images as a slice, im2col's matrix of them), as many images at a time as fit into COLS_BYTES."""
    N, K = len(x), kernel[0] * kernel[1] * x.shape[3]
    if kernel == stride == (1, 1) and padding == (0, 0):
        yield slice(0, N), x.reshape(N * size[0] * size[1], K)  # x is that matrix
        return
    group = max(1, COLS_BYTES // (size[0] * size[1] * K * x.itemsize))
    room = cupy.empty((min(N, group), *size, K), x.dtype)
    for n in range(0, max(1, N), group):  # once for no images at all: a sum over them is 0
        part = x[n : n + group]
        cols = im2col(part, kernel, stride, padding, out=room[: len(part)])
        yield slice(n, n + len(part)), cols.reshape(len(part) * size[0] * size[1], K)


def _multiply(x, y, out, add=False, precision="fp32"):
    """out = x y, or out += x y: x (I, K), y (K, J) and out (I, J), or F of each; out is C-contiguous."""
    if not out.size:
        return
    if not x.size:  # K = 0: sums of nothing
        if not add:
            out.fill(0)
        return
    parts = _parts(x, y)
    if parts > 1:
        _multiply_in_parts(x, y, out, add, precision, parts)
        return
    (I, K), J = x.shape[-2:], y.shape[-1]
    cublas, runtime = cupy.cuda.cublas, cupy.cuda.runtime
    (x, *x_layout), (y, *y_layout) = _as_cublas_takes_it(x), _as_cublas_takes_it(y)
    (x_turned, x_row), (y_turned, y_row) = x_layout, y_layout
    x_type, y_type, out_type = (getattr(runtime, NUMBER[matrix.dtype.char]) for matrix in (x, y, out))
    compute = getattr(cublas, "CUBLAS_COMPUTE_64F" if out.dtype == np.float64 else COMPUTE[precision])
    one, before = np.ones(1, out.dtype), np.full(1, add, out.dtype)  # out = one * product + before * out
    handle = cupy.cuda.device.get_cublas_handle()
    shape = handle, y_turned, x_turned, J, I, K, one.ctypes.data
    if out.ndim == 2:
        cublas.gemmEx(
            *shape, y.data.ptr, y_type, y_row, x.data.ptr, x_type, x_row,
            before.ctypes.data, out.data.ptr, out_type, J, compute, cublas.CUBLAS_GEMM_DEFAULT,
        )  # fmt: skip
        return
    x_step, y_step, out_step = (matrix.strides[0] // matrix.itemsize for matrix in (x, y, out))
    cublas.gemmStridedBatchedEx(
        *shape, y.data.ptr, y_type, y_row, y_step, x.data.ptr, x_type, x_row, x_step,
        before.ctypes.data, out.data.ptr, out_type, J, out_step, len(out), compute, cublas.CUBLAS_GEMM_DEFAULT,
    )  # fmt: skip


def _parts(x, y):
    """In how many parts of one length to cut the sums of x y: 1 unless they are long, few, and lie one below the other.

    It depends on the shapes alone, not on the GPU (cuBLAS's order of adding within a part does).
    """
    (I, K), J = x.shape[-2:], y.shape[-1]
    blocks = (len(x) if x.ndim == 3 else 1) * -(-I // BLOCK_OF_RESULTS) * -(-J // BLOCK_OF_RESULTS)
    most = min(ENOUGH_BLOCKS // blocks, K // LEAST_TERMS)
    if most < 2 or not (x.swapaxes(-1, -2).flags.c_contiguous and y.flags.c_contiguous):
        return 1
    return next((parts for parts in range(most, 1, -1) if K % parts == 0), 1)


def _multiply_in_parts(x, y, out, add, precision, parts):
    """As _multiply; x and y lie as (F K, I) and (F K, J), which is also (F parts, K / parts, ...).

    The parts make enough blocks, or are too short, to be cut again.
    """
    F, (I, K), J = len(x) if x.ndim == 3 else 1, x.shape[-2:], y.shape[-1]
    sums = cupy.empty((F * parts, I, J), out.dtype)
    columns = x.swapaxes(-1, -2).reshape(F * parts, K // parts, I).swapaxes(1, 2)
    _multiply(columns, y.reshape(F * parts, K // parts, J), sums, precision=precision)
    total = sums.reshape(F, parts, I, J).sum(axis=1).reshape(out.shape)
    if add:
        out += total
    else:
        out[...] = total


def _as_cublas_takes_it(x):
    """(x, whether it is the transpose of what lies in memory, numbers from row to row there) of the last two axes.

    Rows may lie apart, and as the transpose columns may; what lies otherwise is copied.
    """
    rows, columns = x.shape[-2:]
    down, across = (stride // x.itemsize for stride in x.strides[-2:])
    if (across == 1 or columns == 1) and (down >= columns or rows == 1):
        return x, 0, columns if rows == 1 else down
    if (down == 1 or rows == 1) and (across >= rows or columns == 1):
        return x, 1, rows if columns == 1 else across
    return cupy.ascontiguousarray(x), 0, columns
