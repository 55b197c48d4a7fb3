"""Convolution without im2col's copy.

conv2d.py writes a conv layer's response as a product of the matrix of all receptive fields with W (equation (5)
of He et al., arXiv 1502.01852, section 2.2).  That matrix need not be built.  With channels last, one row of a
receptive field is kw c numbers that lie side by side in x: the matrix is in x already, its rows overlapping,
and a product that knows where each row begins (kernels/numba_cpu/products.py) reads it there.  Letters as in
conv2d.py, with W lying the other way, (k k c, d):

    y[n, i, j, o] = b[o] + sum over u, v, c of  x[n, i s + u - p, j s + v - p, c] W[uvc, o]           (5)

Backward.  The gradient for W is a product with the same rows (dy = dE/dy):

    dE/dW[uvc, o] = sum over n, i, j of  x[n, i s + u - p, j s + v - p, c] dy[n, i, j, o]             (dW)
    dE/db[o]      = sum over n, i, j of  dy[n, i, j, o]                                               (db)

And dE/dx is a convolution again.  At stride 1 input pixel (r, q) was met by output i at the tap u = r + p - i:

    dE/dx[n, r, q, c] = sum over i, j, o of  dy[n, i, j, o] weight[o, c, r + p - i, q + p - j]

Count the taps from the other end, u' = k - 1 - u, and so v': then i = r + u' - (k - 1 - p), which is (5) with
dy in the place of x, padding k - 1 - p, and for W the kernel turned by 180 degrees with o and c exchanged

    W'[u'v'o, c] = weight[o, c, k - 1 - u', k - 1 - v']                                               (dx)

At stride s the outputs stand s apart: dy is spread out, with zeros between, and the same holds.  This
multiplies by many zeros, so im2col is faster there, unless dE/dx is not wanted: the first layer's x is the image.

>>> import numpy as np
>>> from minidelve import Tensor
>>> x, w = Tensor(np.arange(9.0).reshape(1, 1, 3, 3)), Tensor(np.ones((1, 1, 2, 2)))
>>> Direct2d.apply(x, w, None, None, stride=(1, 1), padding=(0, 0), slope=None).data.tolist()
[[[[8.0, 12.0], [20.0, 24.0]]]]
"""

from __future__ import annotations

import numpy as np

from minidelve.backend import KERNEL_DTYPES, array_module, in_shares, kernels_for, precision
from minidelve.ops.geometry import output_size
from minidelve.ops.in_place_activation import InPlaceActivation
from minidelve.ops.layout import channels_first, channels_last
from minidelve.ops.pieces import bytes_at_a_time, column_sums, pieces, total
from minidelve.tensor import Function

PIECE_BYTES = 1 << 20  # of a response at a time: it is still in the L2 cache when its activation comes


class Direct2d(Function):
    def forward(self, x, weight, bias, a, *, stride, padding, slope):
        xp, kernels = array_module(x, weight, bias), kernels_for(x, weight, bias)
        dtype = xp.result_type(x, weight)
        self.window = weight.shape[2:], stride, padding
        x = channels_last(x).astype(dtype, copy=False)
        w = channels_last(weight).astype(dtype, copy=False)  # (O, kh, kw, C)
        b = None if bias is None else xp.ascontiguousarray(bias, dtype)
        self.activation = InPlaceActivation(a, slope)
        W = xp.ascontiguousarray(w.reshape(len(w), -1).T)  # (kh kw C, O)
        y = xp.empty((len(x), *output_size(x.shape[1:3], *self.window), len(w)), dtype)

        def respond(share):
            for piece in pieces(share, y[:1].nbytes, bytes_at_a_time(y, PIECE_BYTES)):
                kernels.correlate(x[piece], W, *self.window, b, out=y[piece])  # (5)
                self.activation.apply(y[piece])

        in_shares(respond, len(x), x)
        self.save(x, w, y if self.activation else None)
        return channels_first(y)

    def backward(self, df):
        x, w, f = self.saved
        xp, kernels = array_module(df, x), kernels_for(df, x)
        df = channels_last(df)
        kernel, stride, padding = self.window
        dx = xp.empty_like(x) if self.needs[0] else None
        around = tuple(k - 1 - p for k, p in zip(kernel, padding, strict=True))
        turned = xp.ascontiguousarray(w[:, ::-1, ::-1].transpose(1, 2, 0, 3)).reshape(-1, w.shape[3])

        def gradients(share):
            dW = xp.empty((w[0].size, len(w)), df.dtype) if self.needs[1] else None
            dbs, das = [], []
            for piece in pieces(share, df[:1].nbytes, bytes_at_a_time(df, PIECE_BYTES)):
                dy, da = self.activation.gradients(df[piece], f[piece] if self.activation else None)
                das.append(da)
                if dx is not None:
                    outputs = spread(dy, stride, dx.shape[1:3], kernel, padding)
                    kernels.correlate(outputs, turned, kernel, (1, 1), around, out=dx[piece])  # (dx)
                if dW is not None:
                    again = piece.start > share.start  # the first piece overwrites dW, the others add to it
                    kernels.correlate_weight(x[piece], dy, *self.window, dW, again)  # (dW)
                dbs.append(column_sums(dy.reshape(-1, len(w))) if self.needs[2] else None)  # (db)
            return dW, total(dbs), total(das)

        dW, db, da = (total(shares) for shares in zip(*in_shares(gradients, len(x), x), strict=True))
        return (
            None if dx is None else channels_first(dx),
            None if dW is None else channels_first(xp.ascontiguousarray(dW.T).reshape(w.shape)),
            db,
            da,
        )


def spread(dy, stride, size, kernel, padding):
    """dy (N, OH, OW, O) as it would be at stride 1: a map in which its pixels stand `stride` apart."""
    if stride == (1, 1):
        return dy
    xp = array_module(dy)
    out = xp.zeros((len(dy), *output_size(size, kernel, (1, 1), padding), dy.shape[3]), dy.dtype)
    out[:, :: stride[0], :: stride[1]][:, : dy.shape[1], : dy.shape[2]] = dy
    return out


LARGE_WEIGHT = 1 << 20  # numbers; W is copied to lie the other way, which must not cost more than the products


def is_possible(weight_shape, padding) -> bool:
    """Whether (dx) holds: no more padding than the kernel reaches beyond its first tap."""
    return all(p < k for p, k in zip(padding, weight_shape[2:], strict=True))


def is_faster(x, weight, stride, padding) -> bool:
    """Whether it beats im2col: measured with examples/conv_layers.py.  Not on a GPU, where it is im2col inside."""
    if x.device == "cuda" or not precision.is_strict():
        return False
    if not is_possible(weight.shape, padding) or weight.data.size > LARGE_WEIGHT:
        return False
    if np.result_type(x.dtype, weight.dtype) not in KERNEL_DTYPES:
        return False
    return tuple(stride) == (1, 1) or not x.requires_grad
