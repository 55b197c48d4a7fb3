"""Winograd's tiles: cut maps into small squares and transform each from both sides, and the way back.

    tiles[(i, j), t, c] = sum over a, b of  L[i, a] L[j, b] x[n, ti s + a - p, tj s + b - p, c]        (gather)

t counts the tiles, (n, ti, tj) in reading order; x is 0 outside the map. scatter is the transpose of
gather with L transposed: a transformed tile is *added* to the map at the place it was cut from.

    x[n, ti s + a - p, tj s + b - p, c] += sum over i, j of  L[a, i] L[b, j] tiles[(i, j), t, c]       (scatter)
"""

import numpy as np


def gather_tiles(x, matrix, step, padding, counts, out=None):
    (N, H, W, C), (P, Q) = x.shape, matrix.shape
    framed = np.zeros((N, *(frame(c, step, Q, L, p) for c, L, p in zip(counts, (H, W), padding)), C), x.dtype)
    framed[:, padding[0] : padding[0] + H, padding[1] : padding[1] + W] = x
    squares = np.empty((N, *counts, Q, Q, C), x.dtype)
    for a in range(Q):
        for b in range(Q):
            squares[:, :, :, a, b] = every(framed, a, b, step, counts)
    tiles = np.einsum("ia,jb,nyxabc->ijnyxc", matrix, matrix, squares, optimize=True)  # (gather)
    tiles = tiles.reshape(P * P, N * counts[0] * counts[1], C)
    out = np.empty(tiles.shape, x.dtype) if out is None else out
    out[:, : tiles.shape[1]] = tiles
    return out


def scatter_tiles(tiles, matrix, step, padding, size, counts, out=None):
    (H, W), (P, Q), C = size, matrix.shape, tiles.shape[2]
    N = tiles.shape[1] // (counts[0] * counts[1]) if out is None else len(out)
    tiles = tiles[:, : N * counts[0] * counts[1]].reshape(Q, Q, N, *counts, C)
    squares = np.einsum("ai,bj,ijnyxc->nyxabc", matrix, matrix, tiles, optimize=True)  # (scatter)
    framed = np.zeros(
        (len(squares), *(frame(c, step, P, L, p) for c, L, p in zip(counts, size, padding)), C), tiles.dtype
    )
    for a in range(P):
        for b in range(P):
            every(framed, a, b, step, counts)[...] += squares[:, :, :, a, b]
    out = np.empty((len(squares), H, W, C), tiles.dtype) if out is None else out
    out[...] = framed[:, padding[0] : padding[0] + H, padding[1] : padding[1] + W]
    return out


def frame(count, step, side, length, padding):
    """The side of a map with its padding that holds the tiles as well."""
    return max((count - 1) * step + side, length + 2 * padding)


def every(framed, a, b, step, counts):
    """The pixel (a, b) of every tile, as a view."""
    return framed[:, a : a + counts[0] * step : step, b : b + counts[1] * step : step][:, : counts[0], : counts[1]]
