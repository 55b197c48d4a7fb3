"""Compiling the .cu files and launching what is in them.

    function("prelu", "prelu_forward", y.dtype, lanes)(grid, block, arguments)

CuPy compiles a file with NVRTC, the compiler in the CUDA toolkit's libraries, on its first use, and keeps the result
on disk. source.py says what is compiled; only what is used is.

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
def function(file, name, dtype, lanes=1, **constants):
    """The function `name` of `file`.cu for arrays of this dtype: call it with a grid, a block and its arguments.

    constants are the numbers that the file leaves open (winograd.cu).
    """
    compiled = module(file, options(dtype, lanes, **constants)).get_function(name)

    def launch(grid, block, arguments):
        if all(grid):  # CUDA refuses an empty grid; nothing is to be done
            compiled(grid, block, tuple(map(as_argument, arguments)))

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


def lanes_in_line(*arrays):
    """lanes_of for arrays without rows, numbers in line: load and store of pack.cu see to the last pack."""
    return lanes_of(0, *arrays)


def block(packs, rows=BLOCK, threads=BLOCK):
    """(x, y): threads side by side in a row of `packs`, and at most `rows` of them one below the other.

    At most `threads` in all; a row that is longer is cut into equal pieces.
    """
    x = max(1, divided(packs, max(1, divided(packs, threads))))
    return x, max(1, min(rows, threads // x))


def along_rows(rows, length, packs, threads=BLOCK):
    """(grid, block) where a block has one row of pixels; a thread keeps its pack of channels and walks along the row.

    rows of `length` pixels, each of `packs`. The rows go to the grid's x: y and z end at 65,535.
    """
    x, y = block(packs, length, threads)
    return (rows, divided(packs, x)), (x, y)


def cells(size, stride, padding):
    """(down, across) how many pieces of the size of a stride cover a map, the first beginning where its frame does."""
    return tuple(divided(length + p, s) for length, s, p in zip(size, stride, padding))


def divided(n, size):
    """How many groups of `size` hold n things."""
    return -(-n // size)
