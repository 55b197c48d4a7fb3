"""Matrix products: the work of cuBLAS, which NumPy's matmul reaches through CuPy's.

There is no kernel of ours here. A product reuses each number many times, and keeping it near the arithmetic all that
while, tile by tile in shared memory and registers, is a craft of its own, which NVIDIA's library has for every GPU.

float32 stays float32: CuPy takes TF32 only with CUPY_TF32=1 in the environment, or where a program asks it to. So the
lower precisions of `matmul` are emulated: the factors are rounded and then multiplied in float32, which shows what a
tensor core would give, at no gain in speed (kernels/cupy_cuda has that).

correlate lays receptive fields out by im2col and multiplies, some images at a time: as many as make COLS_BYTES of
cols, which fills a GPU and is small beside its memory.
"""

import numpy as np

from kernels.numba_cuda.im2col import im2col
from kernels.numba_cuda.launch import empty

BITS = {"fp32": 23, "tf32": 10}  # that a float32 keeps behind its leading one
COLS_BYTES = 1 << 28


def matmul(x, y, precision="fp32", out=None):
    return np.matmul(rounded(x, precision), rounded(y, precision), out=out)  # (matmul)


def rounded(x, precision):
    """The nearest numbers to x that a factor of this precision can be; float64 is left alone."""
    if x.dtype == np.float16 and precision == "fp16":
        return x.astype(np.float32)
    if x.dtype != np.float32 or precision == "fp32":
        return x
    if precision == "fp16":
        with np.errstate(over="ignore"):  # above 65,504 a float16 is infinite: loss scaling looks out for that
            return x.astype(np.float16).astype(np.float32)
    dropped = BITS["fp32"] - BITS[precision]
    bits = x.view(np.int32)
    half = (1 << dropped - 1) - 1 + (bits >> dropped & 1)  # a tie goes to the even neighbour
    nearest = (bits + half & -(1 << dropped)).view(np.float32)  # a carry out of the digits raises the exponent
    return np.where(np.isfinite(x), nearest, x)


def products(x, y, out=None):
    return np.matmul(x, y, out=out)


def transposed_products(x, y, out, add):
    x = x.transpose(0, 2, 1)  # (transposed)
    if add:
        out += np.matmul(x, y)
    else:
        np.matmul(x, y, out=out)


def correlate(x, W, kernel, stride, padding, bias=None, out=None):
    out_size = tuple((L + 2 * p - k) // s + 1 for L, k, s, p in zip(x.shape[1:3], kernel, stride, padding))
    out = empty(x, (len(x), *out_size, W.shape[1])) if out is None else out
    for some in groups(x, len(W) * out_size[0] * out_size[1]):
        cols = im2col(x[some], kernel, stride, padding)
        np.matmul(cols.reshape(-1, len(W)), W, out=out[some].reshape(-1, W.shape[1]))  # (correlate)
    if bias is not None:
        out += bias
    return out


def correlate_weight(x, dy, kernel, stride, padding, out, add):
    if not add:
        out.fill(0)
    for some in groups(x, len(out) * dy.shape[1] * dy.shape[2]):
        cols = im2col(x[some], kernel, stride, padding)
        out += np.matmul(cols.reshape(-1, len(out)).T, dy[some].reshape(-1, dy.shape[3]))  # (correlate_weight)


def groups(x, columns):
    """Slices of images, as many at a time as COLS_BYTES hold; `columns` is how many numbers an image takes."""
    count = max(1, COLS_BYTES // max(1, columns * x.itemsize))
    return [slice(n, n + count) for n in range(0, len(x), count)]
