"""What the three convolutions share: all but their mathematics.

    forward     each core takes a share of the images, a few of them at a time (ops/pieces.py):
                    y = W x + b, and f(y) in its place          the algorithm's `respond`
    backward    the same images again:
                    dy from df                                  activation.py
                    dx, dW and db from dy                       the algorithm's `gradients`
                dW, db and da are then added up over pieces and shares, always in the same order

Arrays are C-contiguous and channels last in here (ops/layout.py), of one dtype:

    x, dx           (N, H, W, C)            w, dw       (O, kh, kw, C)
    y, dy, f, df    (N, OH, OW, O)          bias, db    (O,)

w is the weight as stored; W is what the algorithm multiplies by: w itself, its transpose, or Winograd's U. A *piece* is
the few images of a share that are computed at a time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minidelve.backend import array_module, in_shares
from minidelve.ops.conv.activation import InPlaceActivation
from minidelve.ops.geometry import Pair, Shape, output_size
from minidelve.ops.layout import channels_first, channels_last
from minidelve.ops.pieces import column_sums, total
from minidelve.tensor import Function


class Layer(NamedTuple):
    """What decides whether an algorithm can compute a layer, and how fast."""

    weight: Shape  # (O, C, kh, kw)
    stride: Pair
    padding: Pair
    size: Shape  # (OH, OW)
    dtype: np.dtype = np.dtype(np.float32)
    device: str = "cpu"
    strict: bool = True  # --precision fp32, which rounds no factors: backend/precision.py
    wants_dx: bool = True  # the first layer's x is the image, whose gradient is not wanted


class Convolution(Function):
    """y = W x + b at every position, f(y) in its place, and back.

    careful   whether an algorithm may look at the numbers and leave them to another (Winograd's: outliers.py)

    An algorithm is a subclass with `pieces`, `respond` and `gradients`; it overrides the others where its W is not w.
    """

    def forward(self, x, weight, bias, a, *, stride, padding, slope, careful=False):
        xp = array_module(x, weight, bias)
        dtype = x.dtype
        x, w = self.factors(channels_last(x), channels_last(weight))
        self.window = w.shape[1:3], stride, padding
        self.activation = InPlaceActivation(a, slope)
        y = xp.empty((len(x), *output_size(x.shape[1:3], *self.window), len(w)), dtype)
        W = self.for_forward(w)

        def respond(share):
            for piece, *room in self.pieces(share, x, y, W):
                self.respond(x[piece], W, bias, y[piece], *room)

        in_shares(respond, len(x), x)
        self.save(x, w, y if self.activation else None)
        return channels_first(y)

    def backward(self, df):
        x, w, f = self.saved
        xp, df, W = array_module(df, x), channels_last(df), self.for_backward(w)
        dx = xp.empty(x.shape, df.dtype) if self.needs[0] else None

        def gradients(share):
            dW = xp.empty(self.shape_of_dW(w), df.dtype) if self.needs[1] else None
            dbs, das = [], []
            for piece, *room in self.pieces(share, x, df, W):
                dy, da = self.activation.gradients(df[piece], None if f is None else f[piece])
                dx_piece, first = None if dx is None else dx[piece], piece.start == share.start
                dbs.append(self.gradients(dy, x[piece], W, dx_piece, dW, first, *room))
                das.append(da)
            return dW, total(dbs), total(das)

        dW, db, da = (total(shares) for shares in zip(*in_shares(gradients, len(x), x), strict=True))
        dx = None if dx is None else channels_first(dx)
        return dx, None if dW is None else channels_first(self.dw_from(dW, w.shape)), db, da

    # -- what an algorithm says --------------------------------------------------------------------
    @staticmethod
    def cannot(layer: Layer) -> str | None:
        """Why the algorithm cannot compute a layer, in words; None if it can."""
        raise NotImplementedError

    def pieces(self, share, x, y, W):
        """The images of a share, a few at a time: (slice, then arrays with room for what is computed on the way)."""
        raise NotImplementedError

    def respond(self, x, W, bias, y, *room):
        """Write the response into y, then self.activation.apply(y)."""
        raise NotImplementedError

    def gradients(self, dy, x, W, dx, dW, first, *room):
        """Write dx, write dW (or add to it what these images give, unless they are the first), return db.

        What is not wanted is None: dx, dW, and db by `sums`.
        """
        raise NotImplementedError

    def factors(self, x, w):
        """x and w as they are multiplied, and kept for backward."""
        return x, w

    def for_forward(self, w):
        """W, in which `respond` finds the numbers of w."""
        return w

    def for_backward(self, w):
        """W, in which `gradients` finds the numbers of w."""
        return w

    def shape_of_dW(self, w):
        """The shape in which `gradients` adds up dW."""
        return w.shape

    def dw_from(self, dW, shape):
        """dw (O, kh, kw, C), the shape given, from dW."""
        return dW

    def sums(self, rows):
        """db, the sums over rows (positions, O), if it is wanted."""
        return column_sums(rows) if self.needs[2] else None


def matrix(maps):
    """(N, OH, OW, K) as the matrix (N OH OW, K), a view."""
    return maps.reshape(-1, maps.shape[-1])
