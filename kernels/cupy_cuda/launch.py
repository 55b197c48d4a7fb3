"""Compiling the .cu files and launching what is in them.

    kernel("prelu", "prelu_forward", y.dtype, lanes)(grid, block, arguments)

CuPy compiles a file with NVRTC, the compiler in the CUDA toolkit's libraries, on its first use, and keeps the result
on disk.  source.py says what is compiled; only what is used is.

Everything is launched on CuPy's current stream and nothing here waits for the device.
"""

from functools import cache

import cupy
import numpy as np

from kernels.cupy_cuda.source import options, source

BLOCK = 256  # threads; as in pack.cu
PACK_BYTES = 16
NO_ARRAY = np.uintp(0)  # in place of an array that is not there: the null pointer


@cache
def module(file, compiler_options):
    """A file, compiled."""
    return cupy.RawModule(code=source(file), options=compiler_options)


@cache
def kernel(file, name, dtype, lanes=1, **constants):
    """The function `name` of `file`.cu for arrays of this dtype: call it with a grid, a block and its arguments.

    constants are the numbers that the file leaves open (winograd.cu's P and Q).
    """
    function = module(file, options(dtype, lanes, **constants)).get_function(name)

    def launch(grid, block, arguments):
        if all(grid):  # CUDA refuses an empty grid; nothing is to be done
            function(grid, block, tuple(map(as_argument, arguments)))

    return launch


def as_argument(value):
    """Arrays pass their address; a Python int becomes C's int, None the null pointer."""
    if value is None:
        return NO_ARRAY
    return np.int32(value) if type(value) is int else value


def lanes_of(C, *arrays, pack_bytes=PACK_BYTES):
    """How many numbers a pack holds for rows of C numbers; the first array is of the call's dtype.

    As many as fill pack_bytes, where that divides a row and no array begins in the middle of its packs; else one.
    """
    lanes = pack_bytes // arrays[0].itemsize
    fits = C % lanes == 0 and all(x.data.ptr % (lanes * x.itemsize) == 0 for x in arrays if x is not None)
    return lanes if fits else 1


def block(packs, rows=BLOCK, threads=BLOCK):
    """(x, y): threads side by side in a row of so many packs, and one below the other in so many rows.

    At most `threads`; a row that is longer is cut into equal pieces.
    """
    x = divided(packs, max(1, divided(packs, threads)))
    return max(1, x), max(1, min(rows, threads // max(1, x)))


def divided(n, size):
    """How many groups of `size` hold n things."""
    return -(-n // size)
