"""Maxima over rectangular bins, channel innermost.

The bins of a pyramid cover the map several times over, but their edges cut it into few *cells*, and each bin is
a rectangle of whole cells. So every pixel is looked at once, for the maximum of its cell; a bin's maximum is
then that of its cells. Of equal maxima the first in reading order counts: the one at the smaller place.
"""

import numpy as np

from kernels.numba_cpu.compile import compiled


def bin_max_forward(x, bins, out=None):
    shape = (len(x), len(bins), x.shape[3])
    f, argmax = (np.empty(shape, x.dtype), np.empty(shape, np.int32)) if out is None else out
    _forward(x, np.ascontiguousarray(bins), f, argmax)
    return f, argmax


@compiled
def _edges(begins, ends, length):
    """Every edge of a bin in order, and for each position the number of edges before it."""
    is_edge = np.zeros(length + 1, np.bool_)
    for b in range(len(begins)):
        is_edge[begins[b]] = is_edge[ends[b]] = True
    edges, before = np.zeros(length + 1, np.intp), np.empty(length + 1, np.intp)
    count = 0
    for i in range(length + 1):
        before[i] = count
        if is_edge[i]:
            edges[count] = i
            count += 1
    return edges[:count], before


@compiled
def _forward(x, bins, f, argmax):
    N, H, W, C = x.shape
    rows, cell_row = _edges(bins[:, 0], bins[:, 1], H)
    columns, cell_column = _edges(bins[:, 2], bins[:, 3], W)
    high, wide = max(1, len(rows) - 1), max(1, len(columns) - 1)
    cell_best, cell_place = np.empty((high, wide, C), x.dtype), np.empty((high, wide, C), np.int32)
    for n in range(N):
        for i in range(high):
            for j in range(wide):
                first, best, place = x[n, rows[i], columns[j]], cell_best[i, j], cell_place[i, j]
                here = np.int32(rows[i] * W + columns[j])
                for c in range(C):  # no best[:] = first: that compiles NumPy's message about shapes too
                    best[c] = first[c]
                    place[c] = here
            for r in range(rows[i], rows[i + 1]):  # across all cells of a row: memory is read in its order
                for j in range(wide):
                    best, place = cell_best[i, j], cell_place[i, j]
                    for w in range(columns[j], columns[j + 1]):
                        here = np.int32(r * W + w)
                        for c in range(C):
                            value = x[n, r, w, c]
                            larger = (value > best[c]) | (value != value)  # a NaN wins and stays
                            best[c] = value if larger else best[c]
                            place[c] = here if larger else place[c]
        for b in range(len(bins)):
            top, bottom = cell_row[bins[b, 0]], cell_row[bins[b, 1]]
            left, right = cell_column[bins[b, 2]], cell_column[bins[b, 3]]
            best, place = f[n, b], argmax[n, b]
            other, there = cell_best[top, left], cell_place[top, left]
            for c in range(C):
                best[c] = other[c]
                place[c] = there[c]
            for i in range(top, bottom):
                for j in range(left, right):
                    other, there = cell_best[i, j], cell_place[i, j]
                    for c in range(C):
                        equal = (other[c] == best[c]) & (there[c] < place[c])
                        larger = (other[c] > best[c]) | (other[c] != other[c]) | equal
                        best[c] = other[c] if larger else best[c]
                        place[c] = there[c] if larger else place[c]


def bin_max_backward(df, argmax, size, out=None):
    N, B, C = df.shape
    out = np.empty((N, *size, C), df.dtype) if out is None else out
    _backward(df, argmax, out.reshape(N, size[0] * size[1], C))
    return out


@compiled
def _backward(df, argmax, dx):
    N, B, C = df.shape
    for n in range(N):
        image = dx[n].reshape(-1)
        image[:] = 0  # in one piece: a call of the C library
        for b in range(B):
            place, share = argmax[n, b], df[n, b]
            for c in range(C):
                dx[n, place[c], c] += share[c]
