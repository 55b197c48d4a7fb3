"""Matrix products: one, many of one size, and the two of a convolution without im2col's copy.

    out = x y                                                                                          (matmul)
    out[f] = x[f] y[f]                                                                               (products)
    out[f] (+)= x[f]^T y[f]                                                                          (transposed)

    y[n, i, j, o] = bias[o] + sum over u, v, c of  x[n, i s + u - p, j s + v - p, c] W[uvc, o]       (correlate)
    dW[uvc, o]  (+)= sum over n, i, j of            x[n, i s + u - p, j s + v - p, c] dy[n, i, j, o]  (correlate_weight)

x is 0 outside the map. Here they are im2col and a product.
"""

import numpy as np

from kernels.reference.im2col import im2col

BITS = {"fp32": 23, "tf32": 10}  # that a float32 keeps behind its leading one


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
    product = np.matmul(x.transpose(0, 2, 1), y)  # (transposed)
    out[...] = out + product if add else product


def correlate(x, W, kernel, stride, padding, bias=None, out=None):
    y = im2col(x, kernel, stride, padding) @ W  # (correlate)
    return np.add(y, 0 if bias is None else bias, out=out, dtype=x.dtype)


def correlate_weight(x, dy, kernel, stride, padding, out, add):
    cols = im2col(x, kernel, stride, padding)
    product = cols.reshape(-1, cols.shape[3]).T @ dy.reshape(-1, dy.shape[3])  # (correlate_weight)
    out[...] = out + product if add else product
