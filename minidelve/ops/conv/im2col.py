"""2-D convolution as one matrix product (im2col): the definition.

He et al., arXiv 1502.01852, section 2.2, write a conv layer's response at one pixel as

    y = W x + b                                                       (5)

where x is that pixel's receptive field, k x k pixels of c channels in one vector of k^2 c numbers, and W
holds d filters as rows. Do it for all pixels at once and the vectors become the rows of a matrix. From here
on (the paper's n is k^2 c; here n is the image):

    n   image           i, j  output position       u, v  position in the k x k kernel: a tap
    c   input channel   o     output channel        s, p  stride, padding

    cols[nij, uvc] = x[n, c, i s + u - p, j s + v - p]      0 outside the image     (im2col)
    W[o, uvc]      = weight[o, c, u, v]
    y              = cols W^T + b                            (N OH OW, d)           (5)

With --precision the factors of a product are rounded first (backend/precision.py); x is rounded once and kept so for
backward.

Backward. dy = dE/dy is given. With m short for nij and t for uvc,

    y[m, o] = sum_t cols[m, t] W[o, t] + b[o]

By the chain rule W[o, t] passes on what every y that it enters receives, times the slope there:
dE/dW[o, t] = sum_m dE/dy[m, o] ∂y[m, o]/∂W[o, t]. As y is linear, each slope is the other factor:

    dE/db[o]       = sum_m dy[m, o]                    b[o] was added at every position m     (db)
    dE/dW[o, t]    = sum_m dy[m, o] cols[m, t]         dW = dy^T cols                         (dW)
    dE/dcols[m, t] = sum_o dy[m, o] W[o, t]            dcols = dy W                           (dcols)

and as im2col copied x to up to k^2 rows, dE/dx adds all the copies' gradients: col2im, the
transpose of im2col  (dx).

Memory. cols is k^2 times as large as x (at stride 1). It is therefore built for a few images at a time, so that it
stays in the cache until the product has read it, and built again in backward rather than kept.

>>> import numpy as np
>>> from minidelve import Tensor
>>> x = Tensor(np.arange(9.0).reshape(1, 1, 3, 3))
>>> w = Tensor(np.ones((1, 1, 2, 2)))
>>> Conv2d.apply(x, w, None, None, stride=(1, 1), padding=(0, 0), slope=None).data.tolist()
[[[[8.0, 12.0], [20.0, 24.0]]]]
"""

from __future__ import annotations

from minidelve.backend import array_module, kernels_for, matmul
from minidelve.backend.precision import as_factor
from minidelve.ops.conv.scaffold import Convolution, Layer, matrix
from minidelve.ops.pieces import bytes_at_a_time, pieces

COLS_BYTES = 1 << 20  # of cols at a time: about what a core's L2 cache holds (docs/measurements.md, "What was tried")


class Conv2d(Convolution):
    """The op by its definition, so it bears the op's name.

    scaffold.py's forward calls `respond` and its backward `gradients`, for a few images at a time; `first` is True
    for the first of them.
    """

    def factors(self, x, w):
        return as_factor(x), as_factor(w)

    def respond(self, x, w, bias, y, cols):
        kernels_for(x).im2col(x, *self.window, out=cols)
        matmul(matrix(cols), filters(w).T, out=matrix(y))  # (5), but for b
        self.activation.apply(y, bias)

    def gradients(self, dy, x, w, dx, dw, first, cols):
        kernels, rows = kernels_for(x), as_factor(matrix(dy))
        if dw is not None:
            kernels.im2col(x, *self.window, out=cols)
            if first:
                dw[...] = 0
            dW = filters(dw)
            dW += matmul(rows.T, matrix(cols))  # (dW)
        if dx is not None:
            dcols = cols if cols.dtype == dy.dtype else array_module(cols).empty(cols.shape, dy.dtype)
            matmul(rows, filters(w), out=matrix(dcols))  # (dcols)
            kernels.col2im(dcols, x.shape[1:3], *self.window, out=dx)  # (dx)
        return self.sums(matrix(dy))  # (db)

    def pieces(self, share, x, y, w):
        """As many images at a time as COLS_BYTES allows: (slice, room for their cols)."""
        (OH, OW), K = y.shape[1:3], w[0].size
        cut = pieces(share, OH * OW * K * x.itemsize, bytes_at_a_time(x, COLS_BYTES))
        cols = array_module(x).empty((cut[0].stop - cut[0].start, OH, OW, K), x.dtype)
        for piece in cut:
            yield piece, cols[: piece.stop - piece.start]

    @staticmethod
    def cannot(layer: Layer) -> str | None:
        return None


def filters(w):
    """w (O, kh, kw, C) as the matrix W (O, kh kw C), a view."""
    return w.reshape(len(w), -1)
