"""Winograd's tiles: a thread owns one tile of one channel and transforms it in registers.

A block takes a row (n, ti) of tiles; a thread keeps its channel and walks along the row. Neighbouring threads hold
neighbouring channels, which lie side by side in x and in tiles: every read and write is coalesced, and no thread
needs another. The block puts the matrix L into shared memory first, where all its threads read it.

L square L^T is a sum of outer products, a column of the square at a time:

    gather     column = L square[:, b]     tile   += column L[:, b]^T      square (Q, Q), tile (P, P)
    scatter    column = L tile[:, j]       square += column L[:, j]^T      tile (Q, Q), square (P, P)

So a thread holds the sum and one column. They are arrays of constant size, and with the loops over them unrolled
their numbers become registers, of which a thread has 255. That is why sizes must be known when the code is compiled:
each P, Q has a code of its own. What L holds may change.

Scattered squares overlap by P - step, and two threads adding to one pixel would lose a sum. So a thread of scatter
owns not a tile but a patch of step x step pixels that no other thread writes, from the corner of one tile to that of
the next. It adds the part of its own tile and what hangs over from those above and to the left, in the same order
each time.

    tile 0  [ 0 0 0 0 ]                      step 3, P 4: the fourth row of tile 0 lies in patch 1,
    tile 1        [ 1 1 1 1 ]                which adds it to the first row of tile 1
    patch     0 0 0 1 1 1 2                  (a patch may have no tile of its own: the last)

Bytes: gather reads x, each number Q^2 / step^2 times but mostly from the caches, and writes tiles. scatter reads
tiles, up to four times where they overlap, and writes x once.
"""

from functools import cache

from numba import cuda

from kernels.numba_cuda.launch import compiled, divided, empty, launch, over_maps


def gather_tiles(x, matrix, step, padding, counts, out=None):
    (P, Q), N, C = matrix.shape, len(x), x.shape[3]
    out = empty(x, (P * P, N * counts[0] * counts[1], C)) if out is None else out
    launch(_gather_for(P, Q), over_maps((N, *counts, C)), x, matrix, step, padding, counts, out)
    return out


@cache
def _gather_for(P, Q):
    @compiled
    def gather(x, matrix, step, padding, counts, tiles):
        N, H, W, C = x.shape
        TH, TW = counts
        L = cuda.shared.array((P, Q), x.dtype)
        threads = cuda.blockDim.x * cuda.blockDim.y
        for e in range(cuda.threadIdx.y * cuda.blockDim.x + cuda.threadIdx.x, P * Q, threads):
            L[e // Q, e % Q] = matrix[e // Q, e % Q]
        cuda.syncthreads()  # nobody reads L before all have written their part
        zero = x.dtype.type(0)
        tile, column = cuda.local.array((P, P), x.dtype), cuda.local.array(P, x.dtype)
        n, ti = cuda.blockIdx.x // TH, cuda.blockIdx.x % TH
        c = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
        if c >= C:
            return
        for tj in range(cuda.threadIdx.y, TW, cuda.blockDim.y):
            top, left = ti * step - padding[0], tj * step - padding[1]
            for i in range(P):
                for j in range(P):
                    tile[i, j] = zero
            for b in range(Q):
                for i in range(P):
                    column[i] = zero
                for a in range(Q):
                    inside = 0 <= top + a < H and 0 <= left + b < W
                    value = x[n, top + a, left + b, c] if inside else zero
                    for i in range(P):
                        column[i] += L[i, a] * value
                for i in range(P):
                    for j in range(P):
                        tile[i, j] += column[i] * L[j, b]  # (gather)
            t = (n * TH + ti) * TW + tj
            for i in range(P):
                for j in range(P):
                    tiles[i * P + j, t, c] = tile[i, j]

    return gather


def scatter_tiles(tiles, matrix, step, padding, size, counts, out=None):
    (P, Q), C = matrix.shape, tiles.shape[2]
    if out is None:
        out = empty(tiles, (tiles.shape[1] // (counts[0] * counts[1]), *size, C))
    step = P if counts == (1, 1) else step  # a single tile overlaps nothing: the patch is its whole square
    patches = tuple(divided(L + p, step) for L, p in zip(size, padding))  # that reach into the map
    threads = over_maps((len(out), *patches, C))
    launch(_scatter_for(P, Q, step), threads, tiles, matrix, padding, counts, patches, out)
    return out


@cache
def _scatter_for(P, Q, step):
    reach = divided(P, step)  # tiles that a patch may lie in, each way

    @compiled
    def scatter(tiles, matrix, padding, counts, patches, x):
        N, H, W, C = x.shape
        TH, TW = counts
        L = cuda.shared.array((P, Q), x.dtype)
        threads = cuda.blockDim.x * cuda.blockDim.y
        for e in range(cuda.threadIdx.y * cuda.blockDim.x + cuda.threadIdx.x, P * Q, threads):
            L[e // Q, e % Q] = matrix[e // Q, e % Q]
        cuda.syncthreads()
        zero = x.dtype.type(0)
        patch, column = cuda.local.array((step, step), x.dtype), cuda.local.array(step, x.dtype)
        n, pi = cuda.blockIdx.x // patches[0], cuda.blockIdx.x % patches[0]
        c = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
        if c >= C:
            return
        for pj in range(cuda.threadIdx.y, patches[1], cuda.blockDim.y):
            for a in range(step):
                for b in range(step):
                    patch[a, b] = zero
            for d in range(reach):  # d tiles above, e to the left: their rows from d step on lie in this patch
                for e in range(reach):
                    ti, tj = pi - d, pj - e
                    if 0 <= ti < TH and 0 <= tj < TW:
                        t = (n * TH + ti) * TW + tj
                        for j in range(Q):
                            for a in range(step):
                                column[a] = zero
                            for i in range(Q):
                                value = tiles[i * Q + j, t, c]
                                for a in range(step):  # not min(step, P - d step): only a constant can be unrolled
                                    if d * step + a < P:
                                        column[a] += L[d * step + a, i] * value
                            for a in range(step):
                                for b in range(step):
                                    if d * step + a < P and e * step + b < P:
                                        patch[a, b] += column[a] * L[e * step + b, j]  # (scatter)
            top, left = pi * step - padding[0], pj * step - padding[1]
            for a in range(step):
                for b in range(step):
                    if 0 <= top + a < H and 0 <= left + b < W:
                        x[n, top + a, left + b, c] = patch[a, b]

    return scatter
