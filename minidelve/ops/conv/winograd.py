r"""Convolution with fewer multiplications (Winograd's algorithm), for stride 1.

A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308.

One dimension. winograd_matrices.py derives, for a kernel g of k taps, m outputs y and the e = m + k - 1 inputs d that
they see,

    y[i] = sum over u of  g[u] d[i + u],     y = A^T [ (G g) * (B^T d) ]                           (1w)

where * goes number by number: e multiplications instead of m k.

Two dimensions. Do it along columns, then along rows: a square d of e x e inputs gives m x m outputs

    y = A^T [ (G g G^T) * (B^T d B) ] A                                                            (2w)

with e^2 multiplications instead of (m k)^2: 16 for 36 at m = 3, k = 2; 36 for 144 at m = 4, k = 3.

A layer. Sums over input channels c can be taken before the outer A^T . A, as that is linear. With
q = 0 ... e^2 - 1 the place in a square and t the tile (all m x m squares of all images' outputs)

    U[q, o, c] = (G w[o, c] G^T)[q]         V[q, t, c] = (B^T d[t, c] B)[q]                        (U), (V)
    M[q, t, o] = sum over c of  V[q, t, c] U[q, o, c]       e^2 matrix products                    (M)
    y[t, o]    = A^T M[., t, o] A                                                                  (y)

winograd_tiles.py chooses m.

The bias costs almost nothing. Each place belongs to two of the points at which winograd_matrices.py takes its
polynomials. At the point 1 a polynomial is the sum of its coefficients, so A^T has a column of ones there,
and b[o] added to M[(1, 1), t, o] is added to every output of the tile                              (b)

Backward. Each step is linear in what it reads, so its gradient is its transpose:

    dM = A dy A^T,   dU[q] = sum over t of  dM[q, t]^T V[q, t],   dw = G^T dU G                    (dM), (dU), (dw)
    dV[q, t] = dM[q, t] U[q],   dx += B dV B^T at each tile's place (tiles overlap by k - 1)       (dV), (dx)
    db = sum over t of  dM[(1, 1), t]                                                              (db)

Rounding. The products are sums of terms larger than their result, the more the larger the points, so m = 4 rounds
more than m = 2 or 3, and each more than im2col: docs/measurements.md, "What the constants rest on". Beside the root of
the mean square of its numbers, an error of y and dx (of dw: beside its largest number) is at most

    2e-5 (m = 2, 3),  2e-4 (m = 4)       where no number of x, w, dy is more than 100 times their mean size

and grows with that ratio. An infinite number makes its whole tile infinite or NaN. conv2d(..., algorithm="auto")
therefore looks at x and w, and in backward at dy, and takes im2col where a number stands out (outliers.py): `careful`.
tests/ops/conv/test_outliers.py holds the errors below these bounds.

>>> import numpy as np
>>> from minidelve import Tensor
>>> x, w = Tensor(np.arange(16.0).reshape(1, 1, 4, 4)), Tensor(np.ones((1, 1, 2, 2)))
>>> y = Winograd2d.apply(x, w, None, None, stride=(1, 1), padding=(0, 0), slope=None, m=3)
>>> y.data.round(9).tolist()
[[[[10.0, 14.0, 18.0], [26.0, 30.0, 34.0], [42.0, 46.0, 50.0]]]]
"""

from __future__ import annotations

from minidelve.backend import KERNEL_DTYPES, array_module, device_of, kernels_for
from minidelve.ops.conv.im2col import Conv2d
from minidelve.ops.conv.outliers import is_even
from minidelve.ops.conv.scaffold import Convolution, Layer
from minidelve.ops.conv.winograd_matrices import ONE, matrices, transposed_matrices
from minidelve.ops.conv.winograd_tiles import SIDES, tile_size
from minidelve.ops.geometry import output_size
from minidelve.ops.layout import channels_last
from minidelve.ops.pieces import bytes_at_a_time, pieces

TILE_BYTES = 1 << 23  # of V and M at a time, at least: more tiles for each reading of U (docs/measurements.md)


class Winograd2d(Convolution):
    def forward(self, x, weight, bias, a, *, stride, padding, slope, m=None, careful=False):
        self.k, self.careful = weight.shape[2], careful
        self.m = m or tile_size(output_size(x.shape[2:], weight.shape[2:], stride, padding), self.k)
        return super().forward(x, weight, bias, a, stride=stride, padding=padding, slope=slope)

    def backward(self, df):
        if self.careful and not is_even(channels_last(df)):
            plain = Conv2d()
            vars(plain).update(vars(self))  # the same layer, and what it saved
            return plain.backward(df)
        return super().backward(df)

    def for_forward(self, w):
        return self.transformed(array_module(w).ascontiguousarray(w.transpose(3, 1, 2, 0)))  # (U), as (q, c, o)

    def respond(self, x, U, bias, y, V, M):
        kernels, m, (_, _, padding) = kernels_for(x), self.m, self.window
        AT, BT, _ = self.matrices(x)
        counts = self.tiles(y)
        kernels.gather_tiles(x, BT, m, padding, counts, out=V)  # (V)
        kernels.products(V, U, out=M)  # (M)
        if bias is not None:
            M[ONE * len(BT) + ONE] += bias  # (b)
        kernels.scatter_tiles(M, AT, m, (0, 0), y.shape[1:3], counts, out=y)  # (y)
        self.activation.apply(y)

    def for_backward(self, w):
        return self.transformed(w)  # (U)

    def gradients(self, dy, x, U, dx, dU, first, V, M):
        kernels, m, (_, _, padding) = kernels_for(x), self.m, self.window
        _, BT, _ = self.matrices(x)
        A, B, _ = self.transposed_matrices(x)
        counts = self.tiles(dy)
        dM = kernels.gather_tiles(dy, A, m, (0, 0), counts, out=M)  # (dM)
        if dU is not None:
            kernels.gather_tiles(x, BT, m, padding, counts, out=V)
            kernels.transposed_products(dM, V, dU, not first)  # (dU)
        if dx is not None:
            dV = kernels.products(dM, U, out=V)  # (dV)
            kernels.scatter_tiles(dV, B, m, padding, x.shape[1:3], counts, out=dx)  # (dx)
        return self.sums(dM[ONE * len(BT) + ONE])  # (db)

    def shape_of_dW(self, w):
        O, k, _, C = w.shape
        return (self.m + k - 1) ** 2, O, C

    def dw_from(self, dU, shape):
        kernel = shape[1:3]
        _, _, GT = self.transposed_matrices(dU)
        return kernels_for(dU).scatter_tiles(dU, GT, 1, (0, 0), kernel, (1, 1))  # (dw)

    def transformed(self, w):
        """w (O, k, k, C) -> U (e e, O, C): each filter is a tile of its own, and G takes the place of B^T."""
        _, _, G = self.matrices(w)
        return kernels_for(w).gather_tiles(w, G, 1, (0, 0), (1, 1))

    def matrices(self, x):
        """A^T, B^T and G as arrays beside x."""
        return matrices(self.m, self.k, array_module(x), x.dtype)

    def transposed_matrices(self, x):
        """A, B and G^T as arrays beside x."""
        return transposed_matrices(self.m, self.k, array_module(x), x.dtype)

    def tiles(self, y):
        """How many tiles cover the map y, down and across."""
        return tuple(-(-length // self.m) for length in y.shape[1:3])

    def pieces(self, share, x, y, U):
        """As many images at a time as fit: (slice, room for their V, room for their M)."""
        xp, Q, C, O = array_module(U), len(U), x.shape[3], y.shape[3]
        down, across = self.tiles(y)
        each = down * across
        # Each piece reads all of U, so it should not be small.
        cut = pieces(share, Q * each * (O + C) * U.itemsize, max(bytes_at_a_time(U, TILE_BYTES), U.nbytes))
        # On a CPU an odd number of tiles, one of them empty if need be. The e e places of a tile are then not a
        # multiple of 4096 bytes apart (unless the channels alone fill 4096 bytes), which would send them all to the
        # same few lines of the cache.
        odd = device_of(U) == "cpu"
        most = (cut[0].stop - cut[0].start) * each | odd
        V, M = (xp.empty(Q * most * n, U.dtype) for n in (C, O))
        for piece in cut:
            used = (piece.stop - piece.start) * each
            T = used | odd
            V_piece, M_piece = (room[: Q * T * n].reshape(Q, T, n) for room, n in ((V, C), (M, O)))
            if used < T:
                V_piece[:, used:], M_piece[:, used:] = 0, 0
            yield piece, V_piece, M_piece

    @staticmethod
    def cannot(layer: Layer) -> str | None:
        kh, kw = layer.weight[2:]
        if kh != kw or kh not in SIDES or layer.stride != (1, 1):
            got = f"stride {layer.stride} and kernel {(kh, kw)}"
            return f"Winograd's algorithm needs stride 1 and a kernel of 2x2 or 3x3; got {got}"
        if layer.dtype not in KERNEL_DTYPES:
            return f"the winograd algorithm computes float32 and float64; got {layer.dtype}"
        return None
