"""Winograd's tiles; winograd.cu says what a thread computes.

The compiler makes a code for each P, Q and step, a few for each kernel size; the matrix itself may hold anything.
"""

import cupy
import numpy as np

from kernels.cupy_cuda.launch import PACK_BYTES, along_rows, cells, divided, function, lanes_of

THREADS = 128  # of a block: with 100 to 200 registers each, large blocks would leave many unused
LARGE = 4  # a side; of a square beyond it packs of 16 bytes need more registers than there are
BAND = 8  # rows of tiles of a thread where they overlap; as in winograd.cu


def gather_tiles(x, matrix, step, padding, counts, out=None):
    (N, H, W, C), (TH, TW) = x.shape, counts
    P = len(matrix)
    out = cupy.empty((P * P, N * TH * TW, C), x.dtype) if out is None else out
    compiled, packs = _compiled("gather_tiles", matrix, step, x, out)
    arguments = x, matrix, out, H, W, packs, TH, TW, *padding, np.int64(out.shape[1])
    compiled(*along_rows(N * TH, TW, packs, THREADS), arguments)
    return out


def scatter_tiles(tiles, matrix, step, padding, size, counts, out=None):
    (H, W), (TH, TW) = size, counts
    T, C = tiles.shape[1:]
    out = cupy.empty((T // (TH * TW), H, W, C), tiles.dtype) if out is None else out
    P = len(matrix)
    step = P if (TH, TW) == (1, 1) else step  # a single tile has no neighbours to overlap with
    down, strips = cells(size, (step, step), padding)
    bands = divided(down, BAND if step < P else 1)
    compiled, packs = _compiled("scatter_tiles", matrix, step, tiles, out)
    arguments = tiles, matrix, out, H, W, packs, TH, TW, *padding, bands, strips, np.int64(T)
    compiled(*along_rows(len(out) * bands, strips, packs, THREADS), arguments)
    return out


def _compiled(name, matrix, step, *arrays):
    """The kernel for this matrix's shape, and how many packs the channels of the arrays make."""
    P, Q = matrix.shape
    C = arrays[0].shape[-1]
    lanes = lanes_of(C, *arrays, pack_bytes=PACK_BYTES if max(P, Q) <= LARGE else PACK_BYTES // 2)
    constants = {"MATRIX_ROWS": P, "MATRIX_COLUMNS": Q, "STEP": step}
    return function("winograd", name, matrix.dtype, lanes, **constants), C // lanes
