"""Average pooling, divided among threads as in max_pool.py: a thread for each number that is written.

Forward adds up the taps of a window inside the map and divides by the number of taps inside the map or its frame.
Backward gathers: a pixel adds its share of every window that covers it.

Bytes: forward reads x and writes y, backward reads dy and writes dx; what overlaps is read again from the caches.
"""

from numba import cuda

from kernels.numba_cuda.launch import compiled, empty, launch, over_maps


def avg_pool_forward(x, kernel, stride, padding, out_size, out=None):
    out = empty(x, (len(x), *out_size, x.shape[3])) if out is None else out
    launch(_forward, over_maps(out.shape), x, kernel, stride, padding, out)
    return out


@compiled
def _forward(x, kernel, stride, padding, y):
    N, H, W, C = x.shape
    N, OH, OW, C = y.shape
    n, i = cuda.blockIdx.x // OH, cuda.blockIdx.x % OH
    c = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if c >= C:
        return
    top = i * stride[0] - padding[0]
    high = min(kernel[0], H + padding[0] - top)  # taps inside the map or its frame
    for j in range(cuda.threadIdx.y, OW, cuda.blockDim.y):
        left = j * stride[1] - padding[1]
        wide = min(kernel[1], W + padding[1] - left)
        total = x.dtype.type(0)
        for u in range(max(0, -top), min(high, H - top)):
            for v in range(max(0, -left), min(wide, W - left)):
                total += x[n, top + u, left + v, c]
        y[n, i, j, c] = total / x.dtype.type(high * wide)


def avg_pool_backward(dy, size, kernel, stride, padding, out=None):
    out = empty(dy, (len(dy), *size, dy.shape[3])) if out is None else out
    launch(_backward, over_maps(out.shape), dy, kernel, stride, padding, out)
    return out


@compiled
def _backward(dy, kernel, stride, padding, dx):
    N, H, W, C = dx.shape
    N, OH, OW, C = dy.shape
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
            high = min(kernel[0], H + 2 * padding[0] - i * stride[0])
            for j in range(first_j, last_j + 1):
                wide = min(kernel[1], W + 2 * padding[1] - j * stride[1])
                total += dy[n, i, j, c] / dx.dtype.type(high * wide)
        dx[n, r, w, c] = total
