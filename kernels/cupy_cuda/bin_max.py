"""Maxima over rectangular bins; bin_max.cu says what a thread computes."""

from functools import lru_cache

import cupy
import numpy as np

from kernels.cupy_cuda.launch import along_rows, divided, function, lanes_of

LONGEST = 6  # pixels of a cell each way: a thread reads them one after the other, while others have none
RUN = 32  # pixels of a thread in backward; as in bin_max.cu, and
OWNERS = 128  # threads of a block
SIDE_BY_SIDE = 32  # channels of a block


def bin_max_forward(x, bins, out=None):
    (N, H, W, C), B = x.shape, len(bins)
    shape = N, B, C
    f, argmax = (cupy.empty(shape, x.dtype), cupy.empty(shape, np.int32)) if out is None else out
    rows, columns, in_cells = _cells(np.ascontiguousarray(bins, np.int64).tobytes())
    R, S = len(rows) - 1, len(columns) - 1
    best, place = cupy.empty((N, R, S, C), x.dtype), cupy.empty((N, R, S, C), np.int32)
    lanes = lanes_of(C, x, f, argmax)
    packs = C // lanes
    to_cells = x, rows, columns, best, place, H, W, packs, R, S
    function("bin_max", "cell_max", x.dtype, lanes)(*along_rows(N * R, S, packs), to_cells)
    to_bins = best, place, in_cells, f, argmax, B, packs, R, S
    function("bin_max", "bin_max", x.dtype, lanes)(*along_rows(N, B, packs), to_bins)
    return f, argmax


def bin_max_backward(df, argmax, size, out=None):
    (N, B, C), (H, W) = df.shape, size
    out = cupy.empty((N, H, W, C), df.dtype) if out is None else out
    x = min(C, SIDE_BY_SIDE)
    runs = divided(H * W, RUN)
    y = min(runs, OWNERS // x)
    grid = N * divided(runs, y), divided(C, x)
    function("bin_max", "bin_max_backward", df.dtype)(grid, (x, y), (df, argmax, out, H * W, B, C, runs))
    return out


@lru_cache(maxsize=64)
def _cells(bins):
    """(edges of the cells' rows, of their columns, the bins counted in cells) on the device.

    bins are the bytes of bin_max_forward's. They are the same for all maps of a size, so they are copied to the device
    once and not in each call, which would wait for it.
    """
    bins = np.frombuffer(bins, np.int64).reshape(-1, 4)
    edges = []
    for begins, ends in ((bins[:, 0], bins[:, 1]), (bins[:, 2], bins[:, 3])):
        between = np.arange(begins.min(), ends.max(), LONGEST)  # else one large bin alone would be one large cell
        edges.append(np.unique(np.concatenate([begins, ends, between])))
    rows, columns = edges
    in_cells = np.stack([np.searchsorted(edges[i // 2], bins[:, i]) for i in range(4)], axis=1)
    table = cupy.asarray(np.concatenate([rows, columns, in_cells.ravel()]).astype(np.int32))
    return table[: len(rows)], table[len(rows) : len(rows) + len(columns)], table[len(rows) + len(columns) :]
