"""The text of a .cu file as it is compiled, and the compiler's options; without CuPy, so that any compiler can have it.

A file is compiled once for each kind of number and width of a pack (pack.cu) that is asked for, and where its loops
are to have fixed lengths, for each of those (winograd.cu).
"""

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
NUMBERS = {"f": "float", "d": "double", "e": "short"}  # a float16 is only ever copied, as 16 bits


def source(file):
    """The text of a .cu file: pack.cu first.

    Not an #include: CuPy's cache on disk would not notice an edit of the included file.
    """
    pack, text = ((HERE / f"{name}.cu").read_text(encoding="utf-8") for name in ("pack", file))
    return f'{pack}\n#line 1 "{file}.cu"\n{text}'


def options(dtype, lanes, **constants):
    """What makes a file one for this dtype, for packs of `lanes` numbers, and with these constants."""
    named = {"number": NUMBERS[np.dtype(dtype).char], "LANES": lanes, **constants}
    return "--std=c++17", *(f"-D{name}={value}" for name, value in named.items())
