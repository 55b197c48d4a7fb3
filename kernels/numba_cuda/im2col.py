"""im2col and col2im: a thread for each number that is *written*, which asks where it comes from.

im2col: a block takes one row (n, i) of the output map. A thread keeps to one k of the K = (u, v, c) numbers of a
receptive field and walks along the row. With channels last, the kw pixels under one row of the kernel lie side by
side in x and in cols: k = u run + t with run = kw C, and t counts from the left edge of the window. So neighbouring
threads read and write neighbouring numbers.

col2im adds copies up. If each cols entry were sent back to its pixel, threads would add to one pixel at the same
time. So the pixel *gathers*: its thread adds what each window that covers it holds for it, in reading order.
No atomic addition, no zero fill before, the same bits each time.

Bytes: cols, written or read once, kh kw / (stride^2) times as many as x; x itself comes from the caches after the
first time.
"""

import numpy as np
from numba import cuda

from kernels.numba_cuda.launch import compiled, empty, launch, over_maps


def im2col(x, kernel, stride, padding, out=None):
    N, H, W, C = x.shape
    OH, OW = ((L + 2 * p - k) // s + 1 for L, k, s, p in zip((H, W), kernel, stride, padding))
    out = empty(x, (N, OH, OW, kernel[0] * kernel[1] * C)) if out is None else out
    # A float16 is copied as a number of 16 bits.
    x, cols = (x.view(np.int16), out.view(np.int16)) if x.dtype == np.float16 else (x, out)
    launch(_im2col, over_maps(out.shape), x.reshape(N, H, W * C), C, kernel[1] * C, stride, padding, cols)
    return out


@compiled
def _im2col(x, C, run, stride, padding, cols):
    N, H, WC = x.shape
    N, OH, OW, K = cols.shape
    n, i = cuda.blockIdx.x // OH, cuda.blockIdx.x % OH
    k = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if k >= K:
        return
    u, t = k // run, k % run
    r = i * stride[0] + u - padding[0]
    for j in range(cuda.threadIdx.y, OW, cuda.blockDim.y):
        at = (j * stride[1] - padding[1]) * C + t
        inside = 0 <= r < H and 0 <= at < WC
        cols[n, i, j, k] = x[n, r, at] if inside else x.dtype.type(0)


def col2im(cols, size, kernel, stride, padding, out=None):
    N, K = len(cols), cols.shape[3]
    out = empty(cols, (N, *size, K // (kernel[0] * kernel[1]))) if out is None else out
    launch(_col2im, over_maps(out.shape), cols, kernel, stride, padding, out)
    return out


@compiled
def _col2im(cols, kernel, stride, padding, dx):
    N, H, W, C = dx.shape
    N, OH, OW, K = cols.shape
    n, r = cuda.blockIdx.x // H, cuda.blockIdx.x % H
    c = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if c >= C:
        return
    # Windows i with i s - p <= r < i s - p + k cover row r.
    first_i = max(0, (r + padding[0] - kernel[0]) // stride[0] + 1)
    last_i = min(OH - 1, (r + padding[0]) // stride[0])
    for w in range(cuda.threadIdx.y, W, cuda.blockDim.y):
        first_j = max(0, (w + padding[1] - kernel[1]) // stride[1] + 1)
        last_j = min(OW - 1, (w + padding[1]) // stride[1])
        total = dx.dtype.type(0)
        for i in range(first_i, last_i + 1):
            u = r + padding[0] - i * stride[0]
            for j in range(first_j, last_j + 1):
                v = w + padding[1] - j * stride[1]
                total += cols[n, i, j, (u * kernel[1] + v) * C + c]
        dx[n, r, w, c] = total
