r"""Convolution with fewer multiplications (Winograd's algorithm), for stride 1.

A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308; the
algorithm is Toom's and Cook's for multiplying polynomials, turned around.

One dimension.  A kernel g of k taps and a row h of m numbers are polynomials g(t), h(t); their product
has m + k - 1 = e coefficients, so it is known when it is known at e points.  With E_n the matrix
that evaluates a polynomial of n coefficients at the points p (row p: 1, p, p^2, ...; the point
"infinity" gives the last coefficient alone),

    g h = E_e^-1 [ (E_k g) * (E_m h) ]              *: number by number, e multiplications instead of m k

For a fixed g, h -> g h is a matrix T with T[i + u, i] = g[u].  A conv layer is its transpose, from e inputs d to
m outputs; and a product of three matrices (the middle one is diagonal: it multiplies by E_k g) is transposed
from right to left:

    y[i] = sum over u of  g[u] d[i + u],     y = E_m^T [ (E_k g) * (E_e^-T d) ]

In Winograd's letters, with each row of B^T freed of fractions by a factor that G's row takes over:

    y = A^T [ (G g) * (B^T d) ]                                                                    (1)

Two dimensions.  Do it along columns, then along rows: a square d of e x e inputs gives m x m outputs

    y = A^T [ (G g G^T) * (B^T d B) ] A                                                            (2)

with e^2 multiplications instead of (m k)^2: 16 for 36 at m = 3, k = 2; 36 for 144 at m = 4, k = 3.

A layer.  Sums over input channels c can be taken before the outer A^T . A, as that is linear.  With
f = 1 ... e^2 the place in a square and t the tile (all m x m squares of all images' outputs)

    U[f, o, c] = (G w[o, c] G^T)[f]         V[f, t, c] = (B^T d[t, c] B)[f]                        (U), (V)
    M[f, t, o] = sum over c of  V[f, t, c] U[f, o, c]       e^2 matrix products                    (M)
    y[t, o]    = A^T M[., t, o] A                                                                  (y)

The bias costs nothing: at the point 1 a polynomial is the sum of its coefficients, so A^T has a column
of ones there, and b[o] added to M[(1, 1), t, o] is added to every output of the tile               (b)

Backward.  Each step is linear in what it reads, so its gradient is its transpose:

    dM = A dy A^T,   dU[f] = sum over t of  dM[f, t]^T V[f, t],   dw = G^T dU G                    (dM), (dU), (dw)
    dV[f, t] = dM[f, t] U[f],   dx += B dV B^T at each tile's place (tiles overlap by k - 1)       (dV), (dx)
    db = sum over t of  dM[(1, 1), t]                                                              (db)

Rounding.  The products are sums of terms larger than their result, the more the larger the points:
in float32 the error relative to the largest number is below 2e-6 with m = 2 or 3, and below 2e-5 with m = 4
(im2col: 5e-7).  tests/ops/test_winograd.py holds it.

>>> import numpy as np
>>> from minidelve import Tensor
>>> x, w = Tensor(np.arange(16.0).reshape(1, 1, 4, 4)), Tensor(np.ones((1, 1, 2, 2)))
>>> Winograd2d.apply(x, w, None, None, padding=(0, 0), m=3, slope=None).data.round(9).tolist()
[[[[10.0, 14.0, 18.0], [26.0, 30.0, 34.0], [42.0, 46.0, 50.0]]]]
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np

from minidelve.backend import array_module, device_of, in_shares, kernels_for, precision
from minidelve.ops.geometry import output_size
from minidelve.ops.in_place_activation import InPlaceActivation
from minidelve.ops.layout import channels_first, channels_last
from minidelve.ops.pieces import bytes_at_a_time, column_sums, pieces, total
from minidelve.tensor import Function

POINTS = (Fraction(0), Fraction(1), Fraction(-1), Fraction(2), Fraction(-2), Fraction(1, 2))  # and infinity
ONE = 1  # the index of the point 1
TILE_BYTES = 1 << 23  # of V and M at a time, at least: more tiles for each reading of U (docs/measurements.md)


class Winograd2d(Function):
    def forward(self, x, weight, bias, a, *, padding, m, slope):
        xp, kernels = array_module(x, weight, bias), kernels_for(x, weight, bias)
        self.padding, self.m, self.k = padding, m, weight.shape[2]
        dtype = xp.result_type(x, weight)
        x = channels_last(x).astype(dtype, copy=False)
        w = channels_last(weight).astype(dtype, copy=False)  # (O, k, k, C)
        self.activation = InPlaceActivation(a, slope)
        AT, BT, G = matrices(m, self.k, xp, dtype)
        U = transformed(xp.ascontiguousarray(w.transpose(3, 1, 2, 0)), G)  # (U), as (f, c, o)
        size = output_size(x.shape[1:3], (self.k, self.k), (1, 1), padding)
        counts = tuple(-(-length // m) for length in size)
        y = xp.empty((len(x), *size, len(w)), U.dtype)

        def respond(share):
            for piece, V, M in pieces_with_room(share, counts, U, x.shape[3], len(w)):
                kernels.gather_tiles(x[piece], BT, m, padding, counts, out=V)  # (V)
                kernels.products(V, U, out=M)  # (M)
                if bias is not None:
                    M[ONE * len(BT) + ONE] += bias  # (b)
                kernels.scatter_tiles(M, AT, m, (0, 0), size, counts, out=y[piece])  # (y)
                self.activation.apply(y[piece])

        in_shares(respond, len(x), x)
        self.save(x, w, y if self.activation else None)
        return channels_first(y)

    def backward(self, df):
        x, w, f = self.saved
        xp, kernels = array_module(df, x), kernels_for(df, x)
        df, padding, m = channels_last(df), self.padding, self.m
        AT, BT, G = matrices(m, self.k, xp, df.dtype)
        A, B = (xp.ascontiguousarray(matrix.T) for matrix in (AT, BT))
        U = transformed(w, G)
        counts = tuple(-(-length // m) for length in df.shape[1:3])
        dx = xp.empty_like(x) if self.needs[0] else None

        def gradients(share):
            dU = xp.empty_like(U) if self.needs[1] else None
            dbs, das = [], []
            for piece, V, M in pieces_with_room(share, counts, U, x.shape[3], len(w)):
                dy, da = self.activation.gradients(df[piece], f[piece] if self.activation else None)
                das.append(da)
                dM = kernels.gather_tiles(dy, A, m, (0, 0), counts, out=M)  # (dM)
                dbs.append(column_sums(dM[ONE * len(BT) + ONE]) if self.needs[2] else None)  # (db)
                if self.needs[1]:
                    kernels.gather_tiles(x[piece], BT, m, padding, counts, out=V)
                    kernels.transposed_products(dM, V, dU, piece.start > share.start)  # (dU)
                if dx is not None:
                    dV = kernels.products(dM, U, out=V)  # (dV)
                    kernels.scatter_tiles(dV, B, m, padding, x.shape[1:3], counts, out=dx[piece])  # (dx)
            return dU, total(dbs), total(das)

        dU, db, da = (total(shares) for shares in zip(*in_shares(gradients, len(x), x), strict=True))
        return (
            None if dx is None else channels_first(dx),
            None if dU is None else channels_first(transformed_back(dU, G)),
            db,
            da,
        )


SIDES = {2: (3,), 3: (2, 4)}  # kernel: the m to choose from
IMAGES = 4  # the batch a core is assumed to have: fixed, so that an image's result does not depend on its batch
READING_U = 24  # reading and writing one matrix of U and dU takes as long as so many tiles
MANY_PLACES = 1.15  # what more than 16 places in a tile cost: as many streams to memory at once


def is_possible(weight_shape, stride) -> bool:
    """Whether the algorithm covers this kernel and stride."""
    kh, kw = weight_shape[2:]
    return kh == kw and kh in SIDES and tuple(stride) == (1, 1)


def is_faster(x, weight, stride, padding) -> bool:
    """Whether it pays: in float32, where rounding is not what one has float64 for, and with factors as they are."""
    if not precision.is_strict() or np.result_type(x.dtype, weight.dtype) != np.float32:
        return False
    return pays(weight.shape, stride, output_size(x.shape[2:], weight.shape[2:], stride, padding))


def pays(weight_shape, stride, size) -> bool:
    """Whether there are channels enough for the products of a map of this size to outweigh the transforms.

    Measured with examples/conv_layers.py: from 64 channels on with less than half of the multiplications.
    """
    if not is_possible(weight_shape, stride) or min(weight_shape[:2]) < 64:
        return False
    k = weight_shape[2]
    return places(size, k) < 0.5 * k * k * size[0] * size[1]


def places(size, k) -> int:
    """The places of all tiles of a map: multiplications for each pair of channels."""
    m = tile_size(size, k)
    return tiles(size, m) * (m + k - 1) ** 2


def tile_size(size, k) -> int:
    """The m for a map of this size.  Large tiles save multiplications, but a small map wastes piece of them."""

    def time(m):
        square = (m + k - 1) ** 2
        return square * (IMAGES * tiles(size, m) + READING_U) * (MANY_PLACES if square > 16 else 1)

    return min(SIDES[k], key=time)


def tiles(size, m) -> int:
    """How many m x m tiles cover a map."""
    return -(-size[0] // m) * -(-size[1] // m)


def transformed(w, G):
    """w (O, k, k, C) -> U (e e, O, C): each weight is a tile of its own, and G takes the place of B^T."""
    return kernels_for(w).gather_tiles(w, G, 1, (0, 0), (1, 1))


def transformed_back(dU, G):
    """The transpose of `transformed`: dU (e e, O, C) -> dw (O, k, k, C)."""
    k = G.shape[1]
    back = array_module(dU).ascontiguousarray(G.T)
    return kernels_for(dU).scatter_tiles(dU, back, 1, (0, 0), (k, k), (1, 1))  # (dw)


def pieces_with_room(share, counts, U, C, O):
    """The images of a share, as many at a time as fit: (slice, room for their V, room for their M)."""
    xp, F, each = array_module(U), len(U), counts[0] * counts[1]
    # Each piece reads all of U: make it worth while.
    cut = pieces(share, F * each * (O + C) * U.itemsize, max(bytes_at_a_time(U, TILE_BYTES), U.nbytes))
    # On a CPU an odd number of tiles, one of them empty if need be: the e e places of a tile are then not a multiple of
    # 4096 bytes apart, which would send them all to the same few lines of the cache (1.0 -> 0.6 microseconds a tile).
    odd = device_of(U) == "cpu"
    most = (cut[0].stop - cut[0].start) * each | odd
    V, M = (xp.empty(F * most * n, U.dtype) for n in (C, O))
    for piece in cut:
        used = (piece.stop - piece.start) * each
        T = used | odd
        V_piece, M_piece = (room[: F * T * n].reshape(F, T, n) for room, n in ((V, C), (M, O)))
        if used < T:
            V_piece[:, used:], M_piece[:, used:] = 0, 0
        yield piece, V_piece, M_piece


def exact_matrices(m: int, k: int) -> tuple[list[list[Fraction]], ...]:
    """A^T (m, e), B^T (e, e) and G (e, k) of (1), in exact fractions."""
    e = m + k - 1
    points = POINTS[: e - 1]
    AT = transpose(evaluate(points, m))
    BT = transpose(inverse(evaluate(points, e)))
    G = evaluate(points, k)
    for i, p in enumerate(points):
        factor = Fraction(1)
        for q in points:
            factor *= p - q if q != p else 1
        factor = abs(factor)
        BT[i] = [factor * b for b in BT[i]]
        G[i] = [g / factor for g in G[i]]
    return AT, BT, G


def evaluate(points: tuple[Fraction, ...], n: int) -> list[list[Fraction]]:
    """E_n: a row of powers for each point, and for infinity the last coefficient."""
    return [[p**j for j in range(n)] for p in points] + [[Fraction(j == n - 1) for j in range(n)]]


def transpose(rows: list[list[Fraction]]) -> list[list[Fraction]]:
    """Rows as columns."""
    return [list(column) for column in zip(*rows, strict=True)]


def inverse(rows: list[list[Fraction]]) -> list[list[Fraction]]:
    """Gauss and Jordan, without rounding."""
    n = len(rows)
    work = [list(row) + [Fraction(i == j) for j in range(n)] for i, row in enumerate(rows)]
    for i in range(n):
        pivot = next(r for r in range(i, n) if work[r][i])
        work[i], work[pivot] = work[pivot], work[i]
        work[i] = [v / work[i][i] for v in work[i]]
        for r in range(n):
            if r != i:
                work[r] = [v - work[r][i] * u for v, u in zip(work[r], work[i], strict=True)]
    return [row[n:] for row in work]


@cache
def _rounded(m: int, k: int, dtype: np.dtype) -> tuple[np.ndarray, ...]:
    return tuple(np.array(matrix, float).astype(dtype) for matrix in exact_matrices(m, k))


def matrices(m, k, xp, dtype):
    """A^T, B^T and G as arrays."""
    return _on_device(m, k, xp, np.dtype(dtype))


@cache
def _on_device(m, k, xp, dtype):
    return tuple(xp.asarray(matrix) for matrix in _rounded(m, k, dtype))
