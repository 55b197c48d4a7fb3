"""Matrix products: many of one size, and the two of a convolution without im2col's copy.

    out[f] = x[f] y[f]                                                                               (products)
    out[f] (+)= x[f]^T y[f]                                                                          (transposed)

    y[n, i, j, o] = bias[o] + sum over u, v, c of  x[n, i s + u - p, j s + v - p, c] W[uvc, o]       (correlate)
    dW[uvc, o]  (+)= sum over n, i, j of            x[n, i s + u - p, j s + v - p, c] dy[n, i, j, o]  (correlate_weight)

x is 0 outside the map.  Here they are im2col and a product.
"""

import numpy as np

from kernels.reference.im2col import im2col


def products(x, y, out=None):
    return np.matmul(x, y, out=out)


def transposed_products(x, y, out, add):
    product = np.matmul(x.transpose(0, 2, 1), y)                                    # (transposed)
    out[...] = out + product if add else product


def correlate(x, W, kernel, stride, padding, bias=None, out=None):
    y = im2col(x, kernel, stride, padding) @ W                                      # (correlate)
    return np.add(y, 0 if bias is None else bias, out=out, dtype=x.dtype)


def correlate_weight(x, dy, kernel, stride, padding, out, add):
    cols = im2col(x, kernel, stride, padding)
    product = cols.reshape(-1, cols.shape[3]).T @ dy.reshape(-1, dy.shape[3])       # (correlate_weight)
    out[...] = out + product if add else product
