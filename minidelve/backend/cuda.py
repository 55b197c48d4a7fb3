"""The module cupy, or one line that says why CUDA cannot be used here.

CuPy is imported late and once: it may be missing or broken, and `import minidelve` must work all the same.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from types import ModuleType

from minidelve.backend import cuda_install

_state: tuple[ModuleType | None, str] | None = None


def cuda_state() -> tuple[bool, str]:
    """(usable, one line that says what was found or why not); shown by `minidelve doctor`."""
    cupy, reason = _cupy()
    return cupy is not None, reason


def cupy_module() -> ModuleType:
    """The module cupy; RuntimeError with one line when CUDA cannot be used."""
    cupy, reason = _cupy()
    if cupy is None:
        raise RuntimeError(f"CUDA cannot be used here: {reason}; use device 'cpu', or see `minidelve doctor`")
    return cupy


def _cupy() -> tuple[ModuleType | None, str]:
    global _state
    if _state is None:
        _state = _probe()
    return _state


def _probe() -> tuple[ModuleType | None, str]:
    if importlib.util.find_spec("cupy") is None:
        return None, cuda_install.not_installed()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a page about two wheels at once: cuda_install says it in a line
            cupy = importlib.import_module("cupy")
        if not cupy.cuda.is_available():
            return None, cuda_install.no_device(cupy)
        # A driver without cuBLAS or NVRTC still says "available": only a real product proves it.
        float((cupy.ones((2, 2), "float32") @ cupy.ones((2, 2), "float32")).sum())
        name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
        return cupy, f"CuPy {cupy.__version__} on {name}"
    except Exception as error:  # CuPy can fail in many ways (unwritable HOME, no cuBLAS); all mean "no"
        return None, cuda_install.explain(error)
