"""How the kernels of this folder are compiled and launched.

Read this first, then momentum.py, leaky_relu.py, prelu.py, max_pool.py, im2col.py and winograd.py.

A *kernel* is what one thread does. A *launch* starts many threads: a grid of blocks, each block a rectangle of at
most BLOCK threads. A thread asks where it stands (cuda.threadIdx in its block, cuda.blockIdx in the grid), works out
from that which numbers are its own, and computes them. Threads of one block can share a table and wait for each other
(prelu.py); blocks cannot, and run in any order.

Where a number can be, from near to far:

    register        a thread's own number; up to 255 of 4 bytes each
    shared memory   a block's own table of some 48 KiB, fast; nothing is in it when the block starts
    L1, L2          caches: L1 of a multiprocessor, which runs a few blocks at a time; L2 of all of them
    memory          where arrays are: gigabytes, hundreds of cycles away, open to all blocks

Two threads that do x += 1 on one number of memory at the same time may both read the old x: one addition is lost. An
*atomic* addition cannot be interrupted, but in what order such additions come is chance, and so is then the last bit
of a sum. No kernel here needs one.

32 threads that follow one another, along x and then row by row, are a *warp* and do each step together. If what they
read or write lies side by side, memory serves them all at once: the access is *coalesced*. Channels lie side by side
in every array here, so x walks the channels of a block and y the rows or pixels:

    over_numbers  (n,): a thread for each number
    over_rows     (M, C): a thread for each number
    over_maps     (N, H, W, C): a block for each row (n, r) of W pixels; a thread keeps its channel and walks columns

Blocks are counted along the grid's x, which takes 2^31 of them, and blocks of channels along y, which takes 65,535.

The same source runs on a GPU, on CuPy's arrays, and on NumPy's in Numba's simulator (NUMBA_ENABLE_CUDASIM=1 in the
environment when numba is imported), a Python thread for each thread of the GPU. So no file here imports CuPy: when
CuPy's arrays are given to NumPy's functions, NumPy hands them on to CuPy's (its __array_function__ protocol).

Arithmetic is in the arrays' dtype. Numba makes float64 of int64 * float32, and a GPU made for games has 1/32 to 1/64
as many units for that: a whole number is made a number of the dtype first, x.dtype.type(m). No fastmath: a NaN stays
a NaN. The compiler still fuses a * b + c into one instruction that rounds once, so a sum can differ from NumPy's in
its last bits.
"""

import warnings
from functools import lru_cache

import numpy as np
from numba import config, cuda

BLOCK = 256  # threads of a block at most


def compiled(function):
    """Compile for the GPU at the first launch; keep the result on disk.

    Numba's cache does not see an edit in another file: helpers and constants live in their kernel's own.
    """
    try:
        return cuda.jit(cache=True)(function)
    except RuntimeError:  # a read-only installation and no home: no place for a cache, compile each time
        return cuda.jit(function)


def divided(n, size):
    """How many groups of `size` hold n things."""
    return -(-n // size)


def block_of(width, height):
    """(x, y): a block for rows of `width` numbers, `height` of them, with as few idle threads as may be."""
    x = divided(width, divided(width, BLOCK)) if width else 1
    return x, max(1, min(height, BLOCK // x))


def over_numbers(n):
    """(grid, block) for n numbers: a thread's is cuda.grid(1)."""
    x = max(1, min(n, BLOCK))
    return (divided(n, x), 1), (x, 1)


def over_rows(shape):
    """(grid, block) for (M, C): the blocks stand below each other along blockIdx.x, beside each other along y."""
    M, C = shape
    x, y = block_of(C, M)
    return (divided(M, y), divided(C, x)), (x, y)


def over_maps(shape):
    """(grid, block) for (N, H, W, C): row blockIdx.x of the N * H, columns from threadIdx.y in steps of blockDim.y."""
    N, H, W, C = shape
    x, y = block_of(C, W)
    return (N * H, divided(C, x)), (x, y)


def launch(kernel, threads, *arguments):
    """Start `kernel` on the threads (grid, block); wait for nothing.

    Outputs come last: the simulator copies arrays back in this order, inputs too, and one may be the other.
    """
    grid, block = threads
    if not all(grid):
        return  # CUDA refuses an empty grid; nothing is to be done
    if config.ENABLE_CUDASIM:
        kernel[grid, block](*arguments)
    else:
        configured(kernel, grid, block)(*map(as_argument, arguments))


@lru_cache(maxsize=1024)
def configured(kernel, grid, block):
    """kernel[grid, block], without Numba's warning of fewer than 128 blocks: small layers have no more."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Grid size")
        return kernel[grid, block]


def as_argument(value):
    """CuPy's arrays as Numba's, over the same memory.

    sync=False: Numba would wait here until CuPy has finished with the array. There is no need to: both launch on
    CUDA's default stream, which does one thing after the other. (Unless somebody makes another stream CuPy's current
    one, which nothing here does.)
    """
    return cuda.as_cuda_array(value, sync=False) if hasattr(value, "__cuda_array_interface__") else value


def empty(like, shape, dtype=None):
    """An array beside `like`, on its device, not filled; of its dtype unless another is given."""
    return np.empty_like(like, dtype, order="C", shape=shape)
