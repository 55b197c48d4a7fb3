"""2-D convolution as one matrix product (im2col).

He et al., arXiv 1502.01852, section 2.2, write a conv layer's response at one pixel as

    y = W x + b                                                       (5)

where x is that pixel's receptive field, k x k pixels of c channels in one vector of k^2 c numbers
(the paper's n), and W holds d filters as rows.  Do it for all pixels at once and the vectors become
the rows of a matrix.  From here on:

    n   image           i, j  output position       u, v  position in the k x k kernel
    c   input channel   o     output channel        s, p  stride, padding

    cols[nij, uvc] = x[n, c, i s + u - p, j s + v - p]      0 outside the image     (im2col)
    W[o, uvc]      = weight[o, c, u, v]
    y              = cols W^T + b                            (N OH OW, d)           (5)

The products round their factors as precision.py says; x is then kept as the factor that it is in both passes.

The layer may end in an activation, f(y) in the place of y; in_place_activation.py does that, and makes
dy = dE/dy of df = dE/df.  Without one the two are the same.

Backward.  y is linear in x, in W and in b, so each gradient is a transpose:

    y[m, o] = sum_t cols[m, t] W[o, t] + b[o]          m short for nij, t for uvc

    dE/db[o]       = sum_m dy[m, o]                    b[o] was added at every position m     (db)
    dE/dW[o, t]    = sum_m dy[m, o] cols[m, t]         dW = dy^T cols                         (dW)
    dE/dcols[m, t] = sum_o dy[m, o] W[o, t]            dcols = dy W                           (dcols)

and as im2col copied x to up to k^2 rows, dE/dx adds all the copies' gradients: col2im, the
transpose of im2col  (dx).

Memory and cores.  cols is k^2 times as large as x (at stride 1).  It is therefore built for a few images at a
time, so that it stays in the cache until the product has read it, and built again in backward
rather than kept.  Every core takes a share of the images through all of this (threads.py).

This is the definition, and what runs where neither of the others is possible or faster: direct.py gives
the same without cols, winograd.py with fewer multiplications; `conv2d` at the end of this file chooses.

>>> import numpy as np
>>> x = Tensor(np.arange(9.0).reshape(1, 1, 3, 3))
>>> conv2d(x, Tensor(np.ones((1, 1, 2, 2)))).data.tolist()
[[[[8.0, 12.0], [20.0, 24.0]]]]
"""

from __future__ import annotations

import numpy as np

from minidelve.backend import KERNEL_DTYPES, array_module, in_shares, kernels_for, matmul
from minidelve.backend.precision import as_factor
from minidelve.ops import direct, in_place_activation, winograd
from minidelve.ops.geometry import as_pair, output_size
from minidelve.ops.in_place_activation import InPlaceActivation, LookedAt
from minidelve.ops.layout import channels_first, channels_last
from minidelve.ops.leaky_relu import leaky_relu
from minidelve.ops.pieces import bytes_at_a_time, column_sums, pieces, total
from minidelve.ops.prelu import prelu
from minidelve.tensor import Function, Tensor

COLS_BYTES = 1 << 20  # of cols at a time: about what a core's L2 cache holds (docs/measurements.md)


class Conv2d(Function):
    def forward(self, x, weight, bias, a, *, stride, padding, slope):
        xp, kernels = array_module(x, weight, bias), kernels_for(x, weight, bias)
        self.window, self.x_dtype = (weight.shape[2:], stride, padding), x.dtype
        dtype = xp.result_type(x, weight)
        x = as_factor(channels_last(x))
        W = as_factor(channels_last(weight).reshape(len(weight), -1))  # (d, k k c)
        self.activation = InPlaceActivation(a, slope)
        y = xp.empty((len(x), *output_size(x.shape[1:3], *self.window), len(W)), dtype)

        def respond(share):
            for piece, cols in pieces_with_room(share, y, x, W):
                kernels.im2col(x[piece], *self.window, out=cols)
                matmul(matrix(cols), W.T, out=matrix(y[piece]))  # (5), but for b
                self.activation.apply(y[piece], bias)

        in_shares(respond, len(x), x)
        self.save(x, W, y if self.activation else None)
        return channels_first(y)

    def backward(self, df):
        x, W, f = self.saved
        xp, kernels = array_module(df, x), kernels_for(df, x)
        df = channels_last(df)
        dx = xp.empty(x.shape, self.x_dtype) if self.needs[0] else None

        def gradients(share):
            dW = xp.zeros(W.shape, df.dtype) if self.needs[1] else None
            dbs, das = [], []
            for piece, cols in pieces_with_room(share, df, x, W):
                dy, da = self.activation.gradients(df[piece], f[piece] if self.activation else None)
                das.append(da)
                dbs.append(column_sums(matrix(dy)) if self.needs[2] else None)  # (db)
                rows = as_factor(matrix(dy))
                if dW is not None:
                    kernels.im2col(x[piece], *self.window, out=cols)
                    dW += matmul(rows.T, matrix(cols))  # (dW)
                if dx is not None:
                    dcols = cols if cols.dtype == df.dtype else xp.empty(cols.shape, df.dtype)
                    matmul(rows, W, out=matrix(dcols))  # (dcols)
                    kernels.col2im(dcols, x.shape[1:3], *self.window, out=dx[piece])  # (dx)
            return dW, total(dbs), total(das)

        # Each share has summed over its images.
        dW, db, da = (total(shares) for shares in zip(*in_shares(gradients, len(x), x), strict=True))
        return (
            None if dx is None else channels_first(dx),
            None if dW is None else channels_first(dW.reshape(len(W), *self.window[0], -1)),
            db,
            da,
        )


def pieces_with_room(share, y, x, W):
    """The images of a share, as many at a time as COLS_BYTES allows: (slice, room for their cols)."""
    (OH, OW), K = y.shape[1:3], W.shape[1]
    cut = pieces(share, OH * OW * K * x.itemsize, bytes_at_a_time(x, COLS_BYTES))
    room = array_module(x).empty((cut[0].stop - cut[0].start, OH, OW, K), x.dtype)
    for piece in cut:
        yield piece, room[: piece.stop - piece.start]


def matrix(cols):
    """(N, OH, OW, K) as the matrix (N OH OW, K)."""
    return cols.reshape(-1, cols.shape[-1])


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride=1,
    padding=0,
    algorithm: str = "auto",
    activation: Tensor | LookedAt | float | None = None,
) -> Tensor:
    """Convolve x (N, C, H, W) with weight (O, C, kh, kw), add bias (O,): (N, O, OH, OW).

    stride and padding are an int or a pair (vertical, horizontal);
    OH = floor((H + 2 padding - kh) / stride) + 1.  Like all such frameworks it correlates: the kernel
    is not flipped.  Paper: section 2.2, equation (5).

    algorithm is "im2col" (this file), "direct" (direct.py: padding below the kernel's size), "winograd"
    (winograd.py: stride 1, kernel 2x2 or 3x3) or "auto", the fastest of them for the shape.  All compute the same but
    for rounding; winograd rounds more, so float64 takes it only when asked.

    activation is the slope of a rectifier that the response goes through on its way to memory
    (in_place_activation.py): a Tensor a of shape (O,) or (1,) for prelu(y, a), a number for leaky_relu(y, slope), 0
    for relu(y).  The result is that of the two ops.

    Raises ValueError when shapes do not fit or no output position is left, and when the algorithm cannot do it.
    """
    if x.ndim != 4 or weight.ndim != 4 or x.shape[1] != weight.shape[1] or 0 in weight.shape:
        raise ValueError(
            f"conv2d: x has shape {x.shape} and weight {weight.shape}; expected (N, C, H, W) and (O, C, kh, kw) "
            "with the same C"
        )
    if bias is not None and bias.shape != (len(weight),):
        raise ValueError(f"conv2d: bias has shape {bias.shape}; expected ({len(weight)},)")
    stride, padding = as_pair("conv2d", "stride", stride, 1), as_pair("conv2d", "padding", padding, 0)
    if min(output_size(x.shape[2:], weight.shape[2:], stride, padding)) < 1:
        raise ValueError(
            f"conv2d: kernel {weight.shape[2:]} does not fit the map {x.shape[2:]} with padding {padding}; "
            "give a larger x or more padding"
        )
    if algorithm not in ("auto", "im2col", "direct", "winograd"):
        raise ValueError(
            f"conv2d: algorithm {algorithm!r} is unknown; expected 'auto', 'im2col', 'direct' or 'winograd'"
        )
    if algorithm == "direct" and not direct.is_possible(weight.shape, padding):
        raise ValueError(
            f"conv2d: the direct algorithm needs padding below the kernel's size; got padding {padding} and kernel "
            f"{weight.shape[2:]}: use algorithm='auto'"
        )
    if algorithm == "winograd" and not winograd.is_possible(weight.shape, stride):
        raise ValueError(
            f"conv2d: Winograd's algorithm needs stride 1 and a kernel of 2x2 or 3x3; got stride {stride} and kernel "
            f"{weight.shape[2:]}: use algorithm='auto'"
        )
    a, slope = in_place_activation.learned_or_fixed(activation)
    dtype = np.result_type(x.dtype, weight.dtype)
    if algorithm in ("direct", "winograd") and dtype not in KERNEL_DTYPES:
        raise ValueError(f"conv2d: the {algorithm} algorithm computes float32 and float64; got {dtype}: use 'auto'")
    if a is not None and a.shape not in ((1,), weight.shape[:1]):
        raise ValueError(f"conv2d: activation has slopes of shape {a.shape}; expected (1,) or {weight.shape[:1]}")
    if activation is not None and not in_place_activation.is_possible(activation, dtype):
        y = conv2d(x, weight, bias, stride, padding, algorithm)
        return prelu(y, a) if a is not None else leaky_relu(y, slope or 0.0)
    if algorithm == "winograd" or algorithm == "auto" and winograd.is_faster(x, weight, stride, padding):
        size = output_size(x.shape[2:], weight.shape[2:], stride, padding)
        m = winograd.tile_size(size, weight.shape[2])
        return winograd.Winograd2d.apply(x, weight, bias, a, padding=padding, m=m, slope=slope)
    if algorithm == "direct" or algorithm == "auto" and direct.is_faster(x, weight, stride, padding):
        return direct.Direct2d.apply(x, weight, bias, a, stride=stride, padding=padding, slope=slope)
    return Conv2d.apply(x, weight, bias, a, stride=stride, padding=padding, slope=slope)
