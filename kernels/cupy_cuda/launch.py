"""Compiling the .cu files and launching what is in them.

    kernel("prelu", "prelu_forward", y.dtype, lanes)(grid, block, arguments)

CuPy compiles a file with NVRTC, the compiler in the CUDA toolkit's libraries, on its first use, and keeps the result
on disk.  Each file is compiled for float and double and, where it works on packs (pack.cu), for packs of one number
and of 16 bytes; so four times at most, and only what is used.

Everything is launched on CuPy's current stream and nothing here waits for the device.
"""

from functools import cache
from pathlib import Path

import cupy
import numpy as np

BLOCK = 256  # threads; as in pack.cu
PACK_BYTES = 16
HERE = Path(__file__).parent
NUMBERS = {"f": "float", "d": "double"}
NO_ARRAY = np.uintp(0)  # in place of an array that is not there: the null pointer


def source(file):
    """The text of a .cu file as it is compiled: pack.cu first.

    Not an #include: CuPy's cache on disk would not notice an edit of the included file.
    """
    pack, text = (HERE / "pack.cu").read_text(), (HERE / f"{file}.cu").read_text()
    return f'{pack}\n#line 1 "{file}.cu"\n{text}'


def options(dtype, lanes):
    """What makes a file one for float or double, and for packs of so many."""
    return "--std=c++17", f"-Dnumber={NUMBERS[np.dtype(dtype).char]}", f"-DLANES={lanes}"


@cache
def module(file, dtype, lanes):
    """A file, compiled."""
    return cupy.RawModule(code=source(file), options=options(dtype, lanes))


@cache
def kernel(file, name, dtype, lanes=1):
    """The function `name` of `file`.cu for arrays of this dtype: call it with a grid, a block and its arguments."""
    function = module(file, dtype, lanes).get_function(name)

    def launch(grid, block, arguments):
        if all(grid):  # CUDA refuses an empty grid; nothing is to be done
            function(grid, block, tuple(map(as_argument, arguments)))

    return launch


def as_argument(value):
    """Arrays pass their address; a Python int becomes C's int, None the null pointer."""
    if value is None:
        return NO_ARRAY
    return np.int32(value) if type(value) is int else value


def lanes_of(C, *arrays):
    """How many numbers a pack holds for rows of C channels: 16 bytes where all rows of all arrays begin on such."""
    lanes = PACK_BYTES // arrays[0].itemsize
    return lanes if C % lanes == 0 and all(x.data.ptr % PACK_BYTES == 0 for x in arrays if x is not None) else 1


def block(packs):
    """(x, y): threads side by side in a row of so many packs, and rows."""
    x = max(1, min(packs, BLOCK))
    return x, BLOCK // x


def divided(n, size):
    """How many groups of `size` hold n things."""
    return -(-n // size)
