"""Which kernels serve an array: each device has two implementations of kernels/contract.py to choose from.

>>> import numpy as np
>>> with use("reference"):
...     kernels_for(np.zeros(3)).__name__
'kernels.reference'

They are imported late, since Numba is slow to load.

With NUMBA_ENABLE_CUDASIM=1 Numba runs its CUDA kernels in Python, thread by thread and on NumPy arrays, so that one
can step through them with a debugger and without a GPU. `numba_cuda` then is an implementation of the CPU.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minidelve.backend.arrays import device_of
from minidelve.backend.cuda import cuda_state

if TYPE_CHECKING:  # not loaded before _check_kernels_are_ours
    from kernels.contract import Kernels

_simulated = os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")
DEVICE_OF = {
    "reference": "cpu",
    "numba_cpu": "cpu",
    "cupy_cuda": "cuda",
    "numba_cuda": "cpu" if _simulated else "cuda",
}
KERNEL_DTYPES = (np.float32, np.float64)  # what every kernel is written for

# With Numba's compiler switched off its kernels are slow Python, and some cannot run at all.
_compiled = os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")
_chosen = {"cpu": "numba_cpu" if _compiled else "reference", "cuda": "cupy_cuda"}
_loaded: dict[str, Kernels] = {}


def _check_kernels_are_ours() -> None:
    """Another project on PyPI installs a package `kernels` too; get a clear error, not a strange one."""
    spec = importlib.util.find_spec("kernels")
    found = Path(spec.origin).resolve().parent if spec and spec.origin else None
    if found is None or not (found / "numba_cpu").is_dir():
        raise ImportError(
            f"minidelve needs its own package `kernels`, but Python finds {found or 'none'}; another "
            "project uses that name too: install minidelve in a fresh virtual environment"
        )


_check_kernels_are_ours()


def kernels_for(*arrays: Any) -> Kernels:
    """The kernels that serve the arrays' device, as chosen by `use`: kernels/contract.py lists them.

    Raises TypeError when the arrays live on different devices.
    """
    kernels = _load(_chosen[device_of(*arrays)])
    return kernels if _seen is None else _Watched(kernels)


_seen: set[str] | None = None


class _Watched:
    """A folder of kernels that notes which of its files are used."""

    def __init__(self, folder: Any):
        self._folder = folder

    def __getattr__(self, name: str) -> Any:
        kernel = getattr(self._folder, name)
        if _seen is not None:
            _seen.add(getattr(kernel, "py_func", kernel).__module__.replace(".", "/") + ".py")
        return kernel


@contextmanager
def watching_kernels() -> Iterator[set[str]]:
    """A set that fills, inside this block, with the files whose kernels are used, such as "kernels/reference/prelu.py".

    Not for several threads at once, as `use` is not: the setting is the process's.
    """
    global _seen
    before, _seen = _seen, set()
    try:
        yield _seen
    finally:
        _seen = before


def _load(name: str) -> Kernels:
    if name not in _loaded:
        try:
            folder: Any = importlib.import_module(f"kernels.{name}")
        except ModuleNotFoundError as error:
            others = ", ".join(other for other in available() if other != name)
            raise ImportError(
                f"this installation cannot load kernels.{name} ({error}); expected one of: {others}"
            ) from error
        _loaded[name] = folder
    return _loaded[name]


def chosen(device: str) -> str:
    """The name of the folder that serves a device at present, such as "numba_cpu" for "cpu"."""
    return _chosen[device]


def available() -> list[str]:
    """The kernel folders this installation has, whether or not their device is present."""
    return [name for name in DEVICE_OF if importlib.util.find_spec(f"kernels.{name}")]


def can_run(name: str) -> bool:
    """Whether a kernel folder can be used here: installed, with its libraries and its device."""
    if DEVICE_OF[name] == "cuda" and not cuda_state()[0]:
        return False
    try:
        _load(name)
    except ImportError:
        return False
    return not (name == "numba_cuda" and DEVICE_OF[name] == "cuda") or _numba_sees_a_device()


def _numba_sees_a_device() -> bool:
    return bool(importlib.import_module("numba.cuda").is_available())


class use:
    """Choose an implementation for its device: `use("reference")`, or `with use("reference"): ...`.

    Raises ValueError for an unknown name, RuntimeError for one whose device is not there, and ImportError for one
    that is not installed.
    """

    def __init__(self, name: str):
        if name not in DEVICE_OF:
            raise ValueError(f"use: no implementation is called {name!r}; expected one of {', '.join(DEVICE_OF)}")
        if DEVICE_OF[name] == "cuda":
            _check_device_of(name)
        _load(name)
        self._device = DEVICE_OF[name]
        self._before = _chosen[self._device]
        _chosen[self._device] = name

    def __enter__(self) -> use:
        return self

    def __exit__(self, *exc: object) -> None:
        _chosen[self._device] = self._before


def _check_device_of(name: str) -> None:
    """RuntimeError when the GPU that these kernels need is not there."""
    usable, why = cuda_state()
    if usable and (name != "numba_cuda" or _numba_sees_a_device()):
        return
    instead = "set NUMBA_ENABLE_CUDASIM=1 before Python starts to run it on the CPU, or "
    of_the_cpu = ", ".join(other for other, device in DEVICE_OF.items() if device == "cpu")
    raise RuntimeError(
        f"use: {name!r} serves arrays on a GPU, and there is none to use "
        f"({'Numba sees no device' if usable else why}); "
        f"{instead if name == 'numba_cuda' else ''}use one of {of_the_cpu}"
    )
