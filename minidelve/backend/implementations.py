"""Which kernels serve an array: each device has two implementations of kernels/contract.py to choose from.

>>> import numpy as np
>>> with use("reference"):
...     kernels_for(np.zeros(3)).__name__
'kernels.reference'

They are imported late, since Numba is slow to load. Where it is missing, broken or switched off, `reference` serves
the CPU instead of `numba_cpu`, and this is said once.

With NUMBA_ENABLE_CUDASIM=1 Numba runs its CUDA kernels in Python, thread by thread and on NumPy arrays, so that one
can step through them with a debugger and without a GPU. `numba_cuda` then is an implementation of the CPU.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minidelve.backend.arrays import device_of
from minidelve.backend.compiling import tell_of_compiling
from minidelve.backend.cuda import cuda_state
from minidelve.backend.numba_settings import is_on, numba_ready, reason
from minidelve.progress import note

if TYPE_CHECKING:  # not loaded before _check_kernels_are_ours
    from kernels.contract import Kernels

_simulated = is_on("NUMBA_ENABLE_CUDASIM")
DEVICE_OF = {
    "reference": "cpu",
    "numba_cpu": "cpu",
    "cupy_cuda": "cuda",
    "numba_cuda": "cpu" if _simulated else "cuda",
}
KERNEL_DTYPES = (np.float32, np.float64)  # what every kernel is written for
_chosen = {"cpu": "numba_cpu", "cuda": "cupy_cuda"}
_loaded: dict[str, Kernels] = {}


def _check_kernels_are_ours() -> None:
    """Another project on PyPI installs a package `kernels` too; get a clear error, not a strange one."""
    spec = importlib.util.find_spec("kernels")
    folders = _folders(spec)
    if any((folder / "numba_cpu").is_dir() for folder in folders):
        return
    found, where = (folders[0], _where(folders[0])) if folders else ("none", "installed")
    cures = {
        "started": "start Python in another folder, or rename that one",
        "on the path": "take its parent off PYTHONPATH, rename it, or install minidelve in a fresh virtual environment",
        "installed": "another project uses that name too: install minidelve in a fresh virtual environment",
    }
    raise ImportError(f"minidelve needs its own package `kernels`, but Python finds {found}; {cures[where]}")


def _folders(spec: ModuleSpec | None) -> list[Path]:
    """Where a package lies: several folders, if none of them has an __init__.py."""
    locations = (spec.submodule_search_locations if spec else None) or []
    return [Path(location).resolve() for location in locations]


def _where(folder: Path) -> str:
    """Why Python finds a folder: it was started there, was told to look there, or has it installed."""
    if folder.parent == Path(sys.path[0] or ".").resolve():
        return "started"
    return "installed" if {"site-packages", "dist-packages"} & set(folder.parts) else "on the path"


_check_kernels_are_ours()


def kernels_for(*arrays: Any) -> Kernels:
    """The kernels that serve the arrays' device, as chosen by `use`: kernels/contract.py lists them.

    Raises TypeError when the arrays live on different devices.
    """
    device = device_of(*arrays)
    kernels = _loaded.get(_chosen[device]) or _first_kernels(device)
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


def _first_kernels(device: str) -> Kernels:
    """The device's kernels when none of `use` has chosen them yet; on the CPU those of reference, if Numba fails."""
    if device == "cpu":
        try:
            return _load(_chosen[device])
        except ImportError as error:
            why = reason(error.__cause__ or error)
            note(f"note: Numba's kernels cannot serve ({why}); kernels/reference computes instead: NumPy, far slower")
            _chosen[device] = "reference"
    return _load(_chosen[device])


def _load(name: str) -> Kernels:
    """The kernels of a folder; ImportError with one line when they cannot be loaded."""
    if name not in _loaded:
        try:
            if name == "numba_cpu":
                numba_ready()
            folder: Any = importlib.import_module(f"kernels.{name}")
            if name == "numba_cpu":
                tell_of_compiling()
        except Exception as error:  # a broken library may raise anything when it is imported
            others = ", ".join(other for other in available() if other != name)
            raise ImportError(
                f"this installation cannot load kernels.{name} ({reason(error)}); expected one of: {others}"
            ) from error
        _loaded[name] = folder
    return _loaded[name]


def chosen(device: str) -> str:
    """The name of the folder that serves a device at present, such as "numba_cpu" for "cpu"."""
    if device == "cpu" and _chosen[device] not in _loaded:
        _first_kernels(device)
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
