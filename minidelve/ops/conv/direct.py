"""Convolution without im2col's copy.

im2col.py writes a conv layer's response as a product of the matrix of all receptive fields with W (equation (5)
of He et al., arXiv 1502.01852, section 2.2). That matrix need not be built. With channels last, one row of a
receptive field is kw c numbers that lie side by side in x: the matrix is in x already, its rows overlapping,
and a product that knows where each row begins (kernels/numba_cpu/products.py) reads it there. Letters as in
im2col.py, with W lying the other way, (k k c, d):

    y[n, i, j, o] = b[o] + sum over u, v, c of  x[n, i s + u - p, j s + v - p, c] W[uvc, o]           (5)

Backward. The gradient for W is a product with the same rows (dy = dE/dy):

    dE/dW[uvc, o] = sum over n, i, j of  x[n, i s + u - p, j s + v - p, c] dy[n, i, j, o]             (dW)
    dE/db[o]      = sum over n, i, j of  dy[n, i, j, o]                                               (db)

And dE/dx is a convolution again. At stride 1 input pixel (r, q) was met by output i at the tap u = r + p - i:

    dE/dx[n, r, q, c] = sum over i, j, o of  dy[n, i, j, o] weight[o, c, r + p - i, q + p - j]

Count the taps from the other end, u' = k - 1 - u, and so v': then i = r + u' - (k - 1 - p), which is (5) with
dy in the place of x, padding k - 1 - p, and for W the kernel turned by 180 degrees with o and c exchanged

    W'[u'v'o, c] = weight[o, c, k - 1 - u', k - 1 - v']                                               (dx)

At stride s the outputs stand s apart: dy is spread out, with zeros between, and the same holds. This
multiplies by many zeros, so im2col is faster there, unless dE/dx is not wanted: the first layer's x is the image.

>>> import numpy as np
>>> from minidelve import Tensor
>>> x, w = Tensor(np.arange(9.0).reshape(1, 1, 3, 3)), Tensor(np.ones((1, 1, 2, 2)))
>>> Direct2d.apply(x, w, None, None, stride=(1, 1), padding=(0, 0), slope=None).data.tolist()
[[[[8.0, 12.0], [20.0, 24.0]]]]
"""

from __future__ import annotations

from minidelve.backend import array_module, kernels_for
from minidelve.ops.conv.scaffold import Convolution, Layer, matrix
from minidelve.ops.geometry import output_size
from minidelve.ops.pieces import bytes_at_a_time, pieces

PIECE_BYTES = 1 << 20  # of a response at a time: it is still in the L2 cache when its activation comes


class Direct2d(Convolution):
    def for_forward(self, w):
        return array_module(w).ascontiguousarray(w.reshape(len(w), -1).T)  # W (kh kw C, O)

    def respond(self, x, W, bias, y):
        b = None if bias is None else array_module(x).ascontiguousarray(bias, y.dtype)
        kernels_for(x).correlate(x, W, *self.window, b, out=y)  # (5)
        self.activation.apply(y)

    def for_backward(self, w):
        turned = w[:, ::-1, ::-1].transpose(1, 2, 0, 3)
        return array_module(w).ascontiguousarray(turned).reshape(-1, w.shape[3])  # W' (kh kw O, C)

    def gradients(self, dy, x, turned, dx, dW, first):
        kernels, (kernel, stride, padding) = kernels_for(x), self.window
        if dx is not None:
            around = tuple(k - 1 - p for k, p in zip(kernel, padding, strict=True))
            outputs = spread(dy, stride, x.shape[1:3], kernel, padding)
            kernels.correlate(outputs, turned, kernel, (1, 1), around, out=dx)  # (dx)
        if dW is not None:
            kernels.correlate_weight(x, dy, *self.window, dW, not first)  # (dW)
        return self.sums(matrix(dy))  # (db)

    def shape_of_dW(self, w):
        return w[0].size, len(w)

    def dw_from(self, dW, shape):
        return array_module(dW).ascontiguousarray(dW.T).reshape(shape)

    def pieces(self, share, x, y, W):
        for piece in pieces(share, y[:1].nbytes, bytes_at_a_time(y, PIECE_BYTES)):
            yield (piece,)

    @staticmethod
    def cannot(layer: Layer) -> str | None:
        kernel = layer.weight[2:]
        if not all(p < k for p, k in zip(layer.padding, kernel, strict=True)):  # (dx) has padding k - 1 - p
            got = f"padding {layer.padding} and kernel {kernel}"
            return f"the direct algorithm needs padding below the kernel's size; got {got}"
        return None


def spread(dy, stride, size, kernel, padding):
    """dy (N, OH, OW, O) as it would be at stride 1: a map in which its pixels stand `stride` apart."""
    if stride == (1, 1):
        return dy
    xp = array_module(dy)
    out = xp.zeros((len(dy), *output_size(size, kernel, (1, 1), padding), dy.shape[3]), dy.dtype)
    out[:, :: stride[0], :: stride[1]][:, : dy.shape[1], : dy.shape[2]] = dy
    return out
