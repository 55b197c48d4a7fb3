"""Convolution without im2col's copy.

conv2d.py writes a conv layer's response as a product of the matrix of all receptive fields with W (equation (5)
of He et al., arXiv 1502.01852, section 2.2).  That matrix need not be built.  With channels last, one row of a
receptive field is kw c numbers that lie side by side in x: the matrix is in x already, its rows overlapping,
and a product that knows where each row begins (kernels/numba_cpu/products.py) reads it there.  Letters as in
conv2d.py, with W lying the other way, (k k c, d):

    y[n, i, j, o] = b[o] + sum over u, v, c of  x[n, i s + u - p, j s + v - p, c] W[uvc, o]           (5)

Backward.  The gradient for W is a product with the same rows:

    dE/dW[uvc, o] = sum over n, i, j of  x[n, i s + u - p, j s + v - p, c] df[n, i, j, o]             (dW)
    dE/db[o]      = sum over n, i, j of  df[n, i, j, o]                                               (db)

And dE/dx is a convolution again.  At stride 1 input (a, b) was met by output i at the tap u = a + p - i:

    dE/dx[n, a, b, c] = sum over i, j, o of  df[n, i, j, o] weight[o, c, a + p - i, b + p - j]

Count the taps from the other end, u' = k - 1 - u, and so v': then i = a + u' - (k - 1 - p), which is (5) with
df in the place of x, padding k - 1 - p, and for W the kernel turned by 180 degrees with o and c exchanged

    W'[u'v'o, c] = weight[o, c, k - 1 - u', k - 1 - v']                                               (dx)

At stride s the outputs stand s apart: df is spread out, with zeros between, and the same holds.  This
multiplies by many zeros, so im2col is faster there; where x is the image no one asks for it.

>>> import numpy as np
>>> from minidelve import Tensor
>>> x, w = Tensor(np.arange(9.0).reshape(1, 1, 3, 3)), Tensor(np.ones((1, 1, 2, 2)))
>>> Direct2d.apply(x, w, None, None, stride=(1, 1), padding=(0, 0), leak=None).data.tolist()
[[[[8.0, 12.0], [20.0, 24.0]]]]
"""

from __future__ import annotations

from minidelve.backend import array_module, in_shares, kernels_for
from minidelve.ops.geometry import output_size
from minidelve.ops.in_place_activation import InPlaceActivation
from minidelve.ops.layout import channels_first, channels_last
from minidelve.ops.pieces import pieces, total
from minidelve.tensor import Function

PIECE_BYTES = 1 << 20  # of a response at a time: it is still in the L2 cache when its activation comes


class Direct2d(Function):
    def forward(self, x, weight, bias, a, *, stride, padding, leak):
        xp, kernels = array_module(x, weight, bias), kernels_for(x, weight, bias)
        dtype = xp.result_type(x, weight)
        self.window = weight.shape[2:], stride, padding
        x = channels_last(x).astype(dtype, copy=False)
        w = channels_last(weight).astype(dtype, copy=False)                             # (O, kh, kw, C)
        b = None if bias is None else xp.ascontiguousarray(bias, dtype)
        self.activation = InPlaceActivation(a, leak)
        W = xp.ascontiguousarray(w.reshape(len(w), -1).T)                               # (kh kw C, O)
        y = xp.empty((len(x), *output_size(x.shape[1:3], *self.window), len(w)), dtype)

        def respond(share):
            for part in pieces(share, y[:1].nbytes, PIECE_BYTES):
                kernels.correlate(x[part], W, *self.window, b, out=y[part])                     # (5)
                self.activation.apply(y[part])

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
            for part in pieces(share, df[:1].nbytes, PIECE_BYTES):
                dy, da = self.activation.gradients(df[part], f[part] if self.activation else None)
                das.append(da)
                if dx is not None:
                    outputs = spread(dy, stride, dx.shape[1:3], kernel, padding)
                    kernels.correlate(outputs, turned, kernel, (1, 1), around, out=dx[part])    # (dx)
                if dW is not None:
                    kernels.correlate_weight(x[part], dy, *self.window, dW, part.start > share.start)  # (dW)
                dbs.append(column_sums(dy.reshape(-1, len(w))) if self.needs[2] else None)      # (db)
            return dW, total(dbs), total(das)

        dW, db, da = (total(shares) for shares in zip(*in_shares(gradients, len(x), x), strict=True))
        return (
            None if dx is None else channels_first(dx),
            None if dW is None else channels_first(xp.ascontiguousarray(dW.T).reshape(w.shape)),
            db,
            da,
        )


def column_sums(rows):
    """rows.sum(axis=0) as a product: NumPy's sum takes several times as long on a long, narrow matrix."""
    xp = array_module(rows)
    return xp.matmul(xp.ones(len(rows), rows.dtype), rows)


def spread(df, stride, size, kernel, padding):
    """df (N, OH, OW, O) as it would be at stride 1: a map in which its pixels stand `stride` apart."""
    if stride == (1, 1):
        return df
    xp = array_module(df)
    out = xp.zeros((len(df), *output_size(size, kernel, (1, 1), padding), df.shape[3]), df.dtype)
    out[:, :: stride[0], :: stride[1]][:, : df.shape[1], : df.shape[2]] = df
    return out


LARGE_WEIGHT = 1 << 20  # numbers; W is copied to lie the other way, which must not cost more than the products


def is_possible(weight_shape, padding) -> bool:
    """Whether (dx) holds: no more padding than the kernel reaches beyond its first tap."""
    return all(p < k for p, k in zip(padding, weight_shape[2:], strict=True))


def is_faster(x, weight, stride, padding) -> bool:
    """Whether it beats im2col: measured with examples/conv_layers.py."""
    if not is_possible(weight.shape, padding) or weight.data.size > LARGE_WEIGHT:
        return False
    return tuple(stride) == (1, 1) or not x.requires_grad
