"""Which numbers a tensor holds, and in which dtype an op computes: one rule, kept at two doors.

A tensor holds, and `held` is its door,

    float32, float64         what networks compute with; these alone have gradients
    bool and integers        masks, class numbers, indices, pixels

float16 becomes float32: a CPU has no fast arithmetic for it. (--precision rounds the factors of products, which is
another matter: precision.py.) Complex numbers, long doubles, 16-bit brain floats, text, dates, records, objects and
masked arrays are refused.

An op computes in one dtype, and `as_taken` is its door, where Function.apply hands the arrays over. Its inputs meet in
the widest float among them, and where there is none

    takes = "floats"     in float32: exp, softmax, conv2d and most others. The default
    takes = "numbers"    in int64, as + - * and the like are exact there; True counts 1. No uint8 runs over
    takes = "any"        not at all: an op that only moves elements, or picks some, leaves each array its dtype

Integers thus never widen a float, and a number (of Python or of NumPy) never widens an array: as_array in
minidelve/tensor/array.py.

>>> import numpy as np
>>> [x.dtype.name for x in as_taken("floats", [np.ones(2, np.float32), np.arange(2), None]) if x is not None]
['float32', 'float32']
>>> [x.dtype.name for x in as_taken("numbers", [np.ones(2, np.uint8), np.ones(2, bool)])]
['int64', 'int64']
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

FLOAT32, FLOAT64, INT64, UINT64 = (np.dtype(name) for name in ("float32", "float64", "int64", "uint64"))
HELD = frozenset(np.dtype(code) for code in "?bBhHiIlLqQfd")  # in the machine's own order of bytes
CURES = {
    "c": "take x.real or abs(x)",
    "O": "give all rows one length, all numbers one kind: np.array(x, np.float32)",
}


def held(x: Any) -> Any:
    """x as a tensor holds it: x itself if it can, else a copy of another dtype, or one that can be written.

    A copy has x's order in memory. Raises TypeError for what is not an array of numbers.
    """
    on_cpu = isinstance(x, np.ndarray)
    if x.dtype in HELD and (not on_cpu or type(x) is np.ndarray and x.flags.behaved):  # aligned, writable
        return x
    dtype = x.dtype.newbyteorder("=")
    dtype = FLOAT32 if dtype == np.float16 else dtype
    if dtype not in HELD:
        cure = CURES.get(dtype.kind, "convert it, as by x.astype(np.float32)")
        raise TypeError(f"a tensor holds numbers, of float32, float64, an integer dtype or bool; got {x.dtype}; {cure}")
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError("a tensor holds numbers and no mask; got a masked array; x.filled(0) puts 0 in the gaps")
    if on_cpu and x.flags.behaved and dtype == x.dtype:
        return np.asarray(x)  # of a subclass, such as np.matrix
    return np.array(x, dtype, order="K") if on_cpu else x.astype(dtype)


def float_dtype(*dtypes: Any) -> np.dtype:
    """float64 if one of the dtypes is, else float32."""
    return FLOAT64 if FLOAT64 in dtypes else FLOAT32


def as_taken(takes: str, arrays: Sequence[Any]) -> list[Any]:
    """The arrays as an op takes them, which is "floats", "numbers" or "any"; None stays None."""
    return DOORS[takes](arrays)


def _as_floats(arrays: Sequence[Any]) -> list[Any]:
    return _of(float_dtype(*(x.dtype for x in arrays if x is not None)), arrays)


def _as_numbers(arrays: Sequence[Any]) -> list[Any]:
    if any(x.dtype.kind == "f" for x in arrays if x is not None):
        return _as_floats(arrays)
    for x in arrays:
        if x is not None and x.dtype == UINT64 and x.size and x.max() > np.iinfo(np.int64).max:
            raise TypeError(f"integers are computed in int64; got {x.max()}; write x.astype(np.float64)")
    return _of(INT64, arrays)


def _of(dtype: np.dtype, arrays: Sequence[Any]) -> list[Any]:
    return [x if x is None or x.dtype == dtype else x.astype(dtype) for x in arrays]


DOORS: dict[str, Callable[[Sequence[Any]], list[Any]]] = {"floats": _as_floats, "numbers": _as_numbers, "any": list}
