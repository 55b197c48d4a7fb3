"""cuBLAS: matrix products on addresses, C = alpha op(A) op(B) + beta C, column after column as in Fortran.

It refuses what cuBLAS refuses (a leading dimension shorter than a column, types that do not go together), and it sees
what cuBLAS does not: whether each matrix lies within one piece of device memory.  With beta = 0, C is not read.
"""

import ctypes

import numpy as np

from cupy import _memory
from cupy.cuda import runtime

CUBLAS_OP_N, CUBLAS_OP_T, CUBLAS_OP_C = 0, 1, 2
CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_PEDANTIC, CUBLAS_COMPUTE_32F_FAST_16F = 68, 69, 74
CUBLAS_COMPUTE_32F_FAST_TF32, CUBLAS_COMPUTE_64F, CUBLAS_COMPUTE_64F_PEDANTIC = 77, 70, 71
CUBLAS_GEMM_DEFAULT, CUBLAS_GEMM_DEFAULT_TENSOR_OP = -1, 99

_TYPES = {runtime.CUDA_R_16F: np.float16, runtime.CUDA_R_32F: np.float32, runtime.CUDA_R_64F: np.float64}
_IN_32, _IN_64 = np.dtype(np.float32), np.dtype(np.float64)
_SUMS = {
    CUBLAS_COMPUTE_32F: _IN_32, CUBLAS_COMPUTE_32F_PEDANTIC: _IN_32, CUBLAS_COMPUTE_32F_FAST_16F: _IN_32,
    CUBLAS_COMPUTE_32F_FAST_TF32: _IN_32, CUBLAS_COMPUTE_64F: _IN_64, CUBLAS_COMPUTE_64F_PEDANTIC: _IN_64,
}  # fmt: skip


class CUBLASError(RuntimeError):
    pass


def gemmEx(
    handle, transa, transb, m, n, k, alpha, A, Atype, lda, B, Btype, ldb, beta, C, Ctype, ldc, computeType, algo
):
    gemmStridedBatchedEx(handle, transa, transb, m, n, k, alpha, A, Atype, lda, 0, B, Btype, ldb, 0,
                         beta, C, Ctype, ldc, 0, 1, computeType, algo)  # fmt: skip


def gemmStridedBatchedEx(
    handle, transa, transb, m, n, k, alpha, A, Atype, lda, strideA, B, Btype, ldb, strideB,
    beta, C, Ctype, ldc, strideC, batchCount, computeType, algo,
):  # fmt: skip
    if min(m, n, batchCount) == 0:
        return
    sums = _sums(computeType, Atype, Btype, Ctype)
    alpha, beta = (_number_at(address, sums) for address in (alpha, beta))
    a_shape = (m, k) if transa == CUBLAS_OP_N else (k, m)
    b_shape = (k, n) if transb == CUBLAS_OP_N else (n, k)
    for i in range(batchCount):
        a = _matrix("A", A + i * strideA * _size(Atype), *a_shape, lda, _TYPES[Atype])
        b = _matrix("B", B + i * strideB * _size(Btype), *b_shape, ldb, _TYPES[Btype])
        c = _matrix("C", C + i * strideC * _size(Ctype), m, n, ldc, _TYPES[Ctype])
        a, b = (_rounded(x, computeType).astype(sums) for x in (a, b))
        product = alpha * ((a if transa == CUBLAS_OP_N else a.T) @ (b if transb == CUBLAS_OP_N else b.T))
        c[...] = product + beta * c if beta else product
    _memory.check_fences("cuBLAS")


def _sums(computeType, *types):
    """The dtype of the sums, of alpha and of beta."""
    if computeType not in _SUMS:
        raise NotImplementedError(f"the fake does not know the compute type {computeType}")
    sums = _SUMS[computeType]
    a, b, c = (_TYPES[t] for t in types)
    known = a == b == c == sums if sums == _IN_64 else a == b and np.float64 not in (a, c)
    fast = computeType in (CUBLAS_COMPUTE_32F_FAST_16F, CUBLAS_COMPUTE_32F_FAST_TF32)
    if not known or fast and a != np.float32:
        raise CUBLASError(f"CUBLAS_STATUS_NOT_SUPPORTED: A {a}, B {b}, C {c}, compute type {computeType}")
    return sums


def _number_at(address, dtype):
    return np.frombuffer((ctypes.c_char * dtype.itemsize).from_address(address), dtype)[0]


def _size(cuda_type):
    return np.dtype(_TYPES[cuda_type]).itemsize


def _matrix(name, address, rows, columns, ld, dtype):
    """The matrix at an address, its columns ld numbers apart."""
    if ld < max(1, rows):
        raise CUBLASError(f"CUBLAS_STATUS_INVALID_VALUE: {name} has {rows} rows and the leading dimension {ld}")
    if rows * columns == 0:
        return np.empty((rows, columns), dtype)
    numbers = (columns - 1) * ld + rows
    size = numbers * np.dtype(dtype).itemsize
    _memory.check_range(f"cuBLAS, {name}", address, size)
    flat = np.frombuffer((ctypes.c_char * size).from_address(address), dtype)
    return np.lib.stride_tricks.as_strided(flat, (rows, columns), (flat.itemsize, ld * flat.itemsize))


def _rounded(x, computeType):
    """The factors as the tensor cores take them: float32 to 10 bits behind the leading one, or to float16."""
    if x.dtype != np.float32:
        return x
    if computeType == CUBLAS_COMPUTE_32F_FAST_16F:
        with np.errstate(over="ignore"):
            return x.astype(np.float16)
    if computeType == CUBLAS_COMPUTE_32F_FAST_TF32:
        mantissa, exponent = np.frexp(x)  # 0.5 <= |mantissa| < 1: 11 bits with the leading one
        return np.ldexp(np.rint(mantissa * 2048), exponent - 11)
    return x
