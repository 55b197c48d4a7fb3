r"""The matrices of Winograd's algorithm, derived in one dimension and computed in fractions.

The algorithm is Toom's and Cook's for multiplying polynomials, turned around.

A kernel g of k taps and a row h of m numbers are polynomials g(t), h(t); their product has m + k - 1 = e coefficients,
so it is known when it is known at e points. With E_n the matrix that evaluates a polynomial of n coefficients at the
points p (row p: 1, p, p^2, ...; the point "infinity" gives the last coefficient alone),

    g h = E_e^-1 [ (E_k g) * (E_m h) ]              *: number by number, e multiplications instead of m k

For a fixed g, h -> g h is a matrix T with T[i + u, i] = g[u]. A conv layer is its transpose, from e inputs d to
m outputs; and a product of three matrices (the middle one is diagonal: it multiplies by E_k g) is transposed
from right to left:

    y[i] = sum over u of  g[u] d[i + u],     y = E_m^T [ (E_k g) * (E_e^-T d) ]

In Winograd's letters, with each row of B^T freed of fractions by a factor that G's row takes over:

    y = A^T [ (G g) * (B^T d) ]                                                                    (1w)

>>> AT, BT, G = map(np.array, exact_matrices(2, 2))     # m = 2 outputs, k = 2 taps, e = 3
>>> g, d = [3, 4], [10, 20, 30]
>>> (AT @ ((G @ g) * (BT @ d))).astype(int).tolist(), [3 * 10 + 4 * 20, 3 * 20 + 4 * 30]
([110, 180], [110, 180])
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import prod

import numpy as np

POINTS = (Fraction(0), Fraction(1), Fraction(-1), Fraction(2), Fraction(-2), Fraction(1, 2))  # and infinity
ONE = 1  # the index of the point 1


def exact_matrices(m: int, k: int) -> tuple[list[list[Fraction]], ...]:
    """A^T (m, e), B^T (e, e) and G (e, k) of (1w), in exact fractions."""
    e = m + k - 1
    points = POINTS[: e - 1]
    AT = transpose(evaluate(points, m))
    BT = transpose(inverse(evaluate(points, e)))
    G = evaluate(points, k)
    for i, p in enumerate(points):
        factor = abs(prod((p - q for q in points if q != p), start=Fraction(1)))
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
def matrices(m, k, xp, dtype):
    """A^T (m, e), B^T (e, e) and G (e, k) as arrays of xp, numpy or cupy."""
    return tuple(xp.asarray(np.array(rows, float).astype(dtype)) for rows in exact_matrices(m, k))


@cache
def transposed_matrices(m, k, xp, dtype):
    """A (e, m), B (e, e) and G^T (k, e), C-contiguous."""
    return tuple(xp.ascontiguousarray(matrix.T) for matrix in matrices(m, k, xp, dtype))
