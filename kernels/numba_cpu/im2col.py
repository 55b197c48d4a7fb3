"""im2col and col2im as copies of contiguous runs.

With channels last, the kw pixels that one kernel row covers lie side by side in x, and side by
side again in cols. So a receptive field is kh runs of kw * C numbers, and the innermost loop is a
plain copy (im2col) or sum (col2im) of such a run. Where the frame cuts a run, its bounds are
worked out once per run: no test in an inner loop.

Both run on the thread that calls them: conv2d gives each core its share of the images. im2col
walks output rows; col2im walks *input* rows and gathers what belongs to each, so that a row is
written while it is in the cache.
"""

import numpy as np

from kernels.numba_cpu.compile import compiled


def im2col(x, kernel, stride, padding, out=None):
    N, H, W, C = x.shape
    OH = (H + 2 * padding[0] - kernel[0]) // stride[0] + 1
    OW = (W + 2 * padding[1] - kernel[1]) // stride[1] + 1
    out = np.empty((N, OH, OW, kernel[0] * kernel[1] * C), x.dtype) if out is None else out
    # A float16 is copied as a number of 16 bits: Numba knows no float16 on the CPU.
    x, to = (x.view(np.int16), out.view(np.int16)) if x.dtype == np.float16 else (x, out)
    _im2col(x.reshape(N, H, W * C), to.reshape(N, OH, OW, kernel[0], kernel[1] * C), C, stride, padding)
    return out


@compiled
def _im2col(x, cols, C, stride, padding):
    N, H, WC = x.shape
    OH, OW, kh, run = cols.shape[1:]
    for row in range(N * OH):
        n, i = row // OH, row % OH
        for u in range(kh):
            r = i * stride[0] + u - padding[0]
            if r < 0 or r >= H:
                cols[n, i, :, u] = 0
                continue
            for j in range(OW):
                left = (j * stride[1] - padding[1]) * C  # where the run starts in x[n, r]
                start = max(0, -left)  # first and one past last number inside x
                stop = max(start, min(run, WC - left))
                to = cols[n, i, j, u]
                if stop - start < run:
                    to[:start] = 0
                    to[stop:] = 0
                source = x[n, r, left + start : left + stop]
                for t in range(len(source)):
                    to[start + t] = source[t]


def col2im(cols, size, kernel, stride, padding, out=None):
    N, OH, OW, K = cols.shape
    C = K // (kernel[0] * kernel[1])
    out = np.empty((N, *size, C), cols.dtype) if out is None else out
    _col2im(cols.reshape(N, OH, OW, kernel[0], kernel[1] * C), out.reshape(N, size[0], size[1] * C), C, stride, padding)
    return out


@compiled
def _col2im(cols, dx, C, stride, padding):
    N, H, WC = dx.shape
    OH, OW, kh, run = cols.shape[1:]
    for row in range(N * H):
        n, r = row // H, row % H
        to = dx[n, r]
        to[:] = 0
        for u in range(kh):
            i = (r + padding[0] - u) // stride[0]  # the output row whose tap u reads row r
            if i < 0 or i >= OH or i * stride[0] + u - padding[0] != r:
                continue
            for j in range(OW):
                left = (j * stride[1] - padding[1]) * C
                start = max(0, -left)
                stop = max(start, min(run, WC - left))
                source = cols[n, i, j, u, start:stop]
                part = to[left + start : left + stop]
                for t in range(len(source)):
                    part[t] += source[t]
