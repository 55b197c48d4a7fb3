"""Arrays of other libraries: taken in and handed out, in the same memory wherever that can be.

DLPack is how libraries do it. It describes an array in a few numbers (address, dtype, shape, strides, device), which
Python wraps in a capsule: `x.__dlpack__()` of the one library makes it, `from_dlpack(x)` of the other reads it, and
both then see the same memory. The array API standard says what is asked and answered:
https://data-apis.org/array-api/latest/design_topics/data_interchange.html
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np

from minidelve.backend.cuda import cupy_module
from minidelve.errors import one_line

CUDA, CUDA_MANAGED = 2, 13  # DLPack's numbers of what CuPy reads: a GPU's memory, and what CUDA moves to and fro


def native(x: Any) -> Any:
    """An array of any library as NumPy's, or as CuPy's if it lies on a GPU; in the same memory if it may be written.

    Raises TypeError for one that wants a gradient of another library, and for one that has no counterpart (sparse, of
    16-bit brain floats, on another kind of device); RuntimeError for a GPU's where CUDA cannot be used.
    """
    if isinstance(x, np.ndarray | np.generic):
        return np.asanyarray(x)
    if _is_cupys(x):
        return x
    kind = f"{type(x).__module__}.{type(x).__qualname__}"
    if getattr(x, "requires_grad", False) is True:
        raise TypeError(f"the gradient that this {kind} wants cannot cross over; write x.detach() to drop it")
    if hasattr(x, "resolve_neg"):  # PyTorch's, which may keep a minus beside the memory and hand out only the latter
        x = x.resolve_neg()
    cupy = cupy_module() if _lies_on_gpu(x) else None
    try:
        return _as_numpys(x) if cupy is None else _as_cupys(x, cupy)
    except Exception as error:  # each library raises its own
        why, cure = one_line(str(error)).rstrip("."), "make it a dense array of float32 on the CPU first"
        raise TypeError(f"a tensor cannot hold this {kind} of {getattr(x, 'dtype', '?')}: {why}; {cure}") from error


def capsule(x: Any, copy: bool | None = None, **asked: Any) -> Any:
    """The capsule of x, NumPy's or CuPy's, for another library.

    copy, asked   what `__dlpack__` was asked for by that library (stream, max_version, dl_device); None for the usual

    Raises BufferError for an array with negative strides. DLPack could describe it, but who reads it need not be able
    to: PyTorch ends the process.
    """
    if not copy and any(step < 0 for step in x.strides):
        raise BufferError(
            f"other libraries cannot read an array backwards, with strides {x.strides}; write Tensor(t.data.copy())"
        )
    return x.__dlpack__(**{name: value for name, value in {"copy": copy, **asked}.items() if value is not None})


def _is_cupys(x: Any) -> bool:
    return isinstance(x, getattr(sys.modules.get("cupy"), "ndarray", ()))  # who has one has imported cupy


def _lies_on_gpu(x: Any) -> bool:
    try:
        return x.__dlpack_device__()[0] in (CUDA, CUDA_MANAGED)
    except Exception:  # there is none, or the array is on no device that DLPack knows
        return hasattr(x, "__cuda_array_interface__")  # of Numba's arrays, which do not speak DLPack


def _as_cupys(x: Any, cupy: ModuleType) -> Any:
    return cupy.from_dlpack(x) if hasattr(x, "__dlpack__") else cupy.asarray(x)


def _as_numpys(x: Any) -> np.ndarray:
    if hasattr(x, "__dlpack__"):
        try:
            array = np.from_dlpack(x)
        except Exception:
            if not hasattr(x, "__array__"):
                raise
        else:
            # Before DLPack 1.0 no capsule said whether it may be written, and NumPy takes it that it may not.
            if array.flags.writeable or not hasattr(x, "__array__"):
                return array
    return np.asanyarray(x)
