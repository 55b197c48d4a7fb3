"""kernels/cupy_cuda on arrays that are views of others: rows that lie apart, and numbers between two packs."""

import cupy
import numpy as np
import pytest

from kernels import cupy_cuda


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize(("I", "K", "J"), [(5, 7, 3), (1, 4, 6), (4, 1, 1), (3, 5, 1), (1, 1, 2)])
def test_matmul_takes_matrices_whose_rows_lie_apart_and_their_transposes(rng, I, K, J, precision):
    whole = rng.integers(-8, 9, (2, 12, 12)).astype(np.float32)  # exact in float16
    there = cupy.asarray(whole)
    views = {
        "rows": lambda x, a, b: x[2 : 2 + a, 3 : 3 + b],
        "columns": lambda x, a, b: x[2 : 2 + b, 3 : 3 + a].T,
        "neither": lambda x, a, b: x[: a + 1, : 2 * b : 2][1:],
    }
    for left in views.values() if 2 * K <= 12 else [views["rows"]]:
        for right in views.values():
            z = cupy_cuda.matmul(left(there[0], I, K), right(there[1], K, J), precision)
            np.testing.assert_array_equal(z.get(), left(whole[0], I, K) @ right(whole[1], K, J))


@pytest.mark.parametrize("ahead", [1, 2, 3])
def test_an_array_that_begins_between_two_packs_is_taken_number_by_number(rng, ahead):
    """A pack read from there would be a fault."""
    y, a = rng.standard_normal((10, 8), dtype=np.float32), rng.standard_normal(8, dtype=np.float32)
    room = cupy.empty(y.size + ahead, y.dtype)
    shifted = room[ahead:].reshape(y.shape)
    shifted.set(y)
    f = np.where(y > 0, y, a * y)
    np.testing.assert_array_equal(cupy_cuda.prelu_forward(shifted, cupy.asarray(a)).get(), f)
    np.testing.assert_array_equal(cupy_cuda.prelu_forward(cupy.asarray(y), cupy.asarray(a), out=shifted).get(), f)
