"""The stand-in for cuBLAS computes alpha op(A) op(B) + beta C, column after column, and looks where it writes."""

import cupy
import numpy as np
import pytest
from cupy.cuda import cublas, runtime

TYPE = {np.float16: runtime.CUDA_R_16F, np.float32: runtime.CUDA_R_32F, np.float64: runtime.CUDA_R_64F}
HANDLE = cupy.cuda.device.get_cublas_handle()


def columns(rng, rows, count, spare, dtype, batch=1):
    """(device array, matrix): `batch` matrices column after column, with `spare` numbers behind each column."""
    room = rng.standard_normal((batch, count, rows + spare)).astype(dtype)
    return cupy.asarray(room), room[:, :, :rows].transpose(0, 2, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("turned_a", [0, 1])
@pytest.mark.parametrize("turned_b", [0, 1])
def test_products_with_transposes_spare_rows_strides_and_factors(rng, dtype, turned_a, turned_b):
    m, n, k, batch = 3, 4, 5, 2
    A, a = columns(rng, *((k, m) if turned_a else (m, k)), 1, dtype, batch)
    B, b = columns(rng, *((n, k) if turned_b else (k, n)), 2, dtype, batch)
    C, c = columns(rng, m, n, 3, dtype, batch)
    before = C.get()
    alpha, beta = np.full(1, 2, dtype), np.full(1, 0.5, dtype)
    compute = cublas.CUBLAS_COMPUTE_64F if dtype == np.float64 else cublas.CUBLAS_COMPUTE_32F
    cublas.gemmStridedBatchedEx(
        HANDLE, turned_a, turned_b, m, n, k, alpha.ctypes.data,
        A.data.ptr, TYPE[dtype], A.shape[2], A[0].size, B.data.ptr, TYPE[dtype], B.shape[2], B[0].size,
        beta.ctypes.data, C.data.ptr, TYPE[dtype], C.shape[2], C[0].size, batch, compute, -1,
    )  # fmt: skip
    left, right = (a.transpose(0, 2, 1) if turned_a else a), (b.transpose(0, 2, 1) if turned_b else b)
    np.testing.assert_allclose(C.get()[:, :, :m].transpose(0, 2, 1), 2 * left @ right + 0.5 * c, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(C.get()[:, :, m:], before[:, :, m:])


def multiply(A, B, C, lda=2, ldb=2, ldc=2, compute=cublas.CUBLAS_COMPUTE_32F, beta=0):
    """C = A B + beta C for 2 x 2 matrices."""
    one, beta = np.ones(1, np.float32), np.full(1, beta, np.float32)
    types = [TYPE[x.dtype.type] for x in (A, B, C)]
    cublas.gemmEx(HANDLE, 0, 0, 2, 2, 2, one.ctypes.data, A.data.ptr, types[0], lda, B.data.ptr, types[1], ldb,
                  beta.ctypes.data, C.data.ptr, types[2], ldc, compute, -1)  # fmt: skip
    return C.get()


def test_what_is_to_be_overwritten_is_not_read():
    ones, nans = cupy.ones((2, 2), np.float32), cupy.empty((2, 2), np.float32)
    assert (multiply(ones, ones, nans) == 2).all()
    assert np.isnan(multiply(ones, ones, cupy.empty((2, 2), np.float32), beta=1)).all()


@pytest.mark.parametrize("compute", [cublas.CUBLAS_COMPUTE_32F_FAST_TF32, cublas.CUBLAS_COMPUTE_32F_FAST_16F])
def test_the_fast_ways_round_the_factors(compute):
    eye, step = cupy.asarray(np.eye(2, dtype=np.float32)), 2.0**-10
    x = np.float32([[1 + 0.4 * step, 1 + 0.6 * step], [1 + 0.5 * step, 1 + 1.5 * step]])  # the last two are ties
    out = multiply(eye, cupy.asarray(x), cupy.empty((2, 2), np.float32), compute=compute)
    assert out.tolist() == [[1, 1 + step], [1, 1 + 2 * step]]
    assert (multiply(eye, cupy.asarray(x), cupy.empty((2, 2), np.float32)) == x).all()


def test_half_factors_are_added_up_in_float32():
    a = cupy.asarray(np.float16([[2048, 0], [1, 0]]))
    out = multiply(a, cupy.asarray(np.float16([[1, 1], [0, 0]])), cupy.empty((2, 2), np.float32))
    assert out[0, 0] == 2049  # in float16 it would be 2048
    with pytest.raises(cublas.CUBLASError, match="NOT_SUPPORTED"):
        multiply(a, a, cupy.empty((2, 2), np.float32), compute=cublas.CUBLAS_COMPUTE_32F_FAST_TF32)


def test_a_wrong_call_is_refused():
    x, half, room = cupy.ones((2, 2), np.float32), cupy.ones((2, 2), np.float16), cupy.empty((2, 2), np.float32)
    with pytest.raises(cublas.CUBLASError, match="INVALID_VALUE: B has 2 rows and the leading dimension 1"):
        multiply(x, x, room, ldb=1)
    with pytest.raises(cublas.CUBLASError, match="NOT_SUPPORTED"):
        multiply(x, half, room)
    with pytest.raises(RuntimeError, match="cuBLAS, A: the 20 bytes at .* are not all of one array"):
        multiply(x, x, room, lda=3)
    with pytest.raises(RuntimeError, match="cuBLAS, C"):
        multiply(x, x, room, ldc=4)
