"""Where an array lives decides which kernels serve it.

An op never asks "am I on the GPU?".  It hands its arrays to two functions:

    array_module(x)   numpy or cupy, for what both spell alike (matmul, exp, ...)
    kernels_for(x)    the package of hot loops for x's device

Two implementations serve the CPU and two CUDA.  All have the same function names (kernels/README.md is the
contract).  `use` picks between those of one device:

>>> import numpy as np
>>> with use("reference"):
...     kernels_for(np.zeros(3)).__name__
'kernels.reference'

This is the only file that imports `kernels` or `cupy`, and it imports both late: Numba takes
a second to load, CuPy may be missing or broken, and neither should matter to `import minidelve`.

With NUMBA_ENABLE_CUDASIM=1 Numba runs its CUDA kernels in Python, thread by thread and on NumPy arrays, so that one
can step through them with a debugger and without a GPU.  `numba_cuda` then is an implementation of the CPU.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from minidelve.backend import cuda_install, precision, threads

T = TypeVar("T")
PER_NUMBER = threads.PER_NUMBER

_simulated = os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")
DEVICE_OF = {
    "reference": "cpu",
    "numba_cpu": "cpu",
    "cupy_cuda": "cuda",
    "numba_cuda": "cpu" if _simulated else "cuda",
}
# With Numba's compiler switched off its kernels are slow Python, and some cannot run at all.
_compiled = os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")
_chosen = {"cpu": "numba_cpu" if _compiled else "reference", "cuda": "cupy_cuda"}
_loaded: dict[str, ModuleType] = {}
_cupy_state: tuple[ModuleType | None, str] | None = None

CACHE_LINE, SMALL = 64, 1024  # bytes
KERNEL_DTYPES = (np.float32, np.float64)  # what every kernel is written for


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


def array_module(*arrays: Any) -> ModuleType:
    """numpy or cupy: the library the arrays belong to.

    Raises TypeError when they live on different devices.
    """
    return np if device_of(*arrays) == "cpu" else cupy_module()


def device_of(*arrays: Any) -> str:
    """'cpu' or 'cuda'.  None entries are passed over; raises TypeError on a mixture."""
    for x in arrays:
        if type(x) is not np.ndarray and x is not None:
            break
    else:
        return "cpu"  # asked for hundreds of times a step, and nearly always this: hence no generator
    devices = {_device(x) for x in arrays if x is not None}
    if len(devices) > 1:
        raise TypeError("arrays live on different devices (cpu and cuda); move them together with .to(...)")
    return devices.pop() if devices else "cpu"


def _device(x: Any) -> str:
    if hasattr(x, "__cuda_array_interface__"):
        return "cuda"
    if isinstance(x, (np.ndarray, np.generic)):
        return "cpu"
    raise TypeError(f"expected an array; got a {type(x).__name__}")


def kernels_for(*arrays: Any) -> ModuleType:
    """The package of kernels that serves the arrays' device, as chosen by `use`."""
    return _load(_chosen[device_of(*arrays)])


def _load(name: str) -> ModuleType:
    if name not in _loaded:
        try:
            _loaded[name] = importlib.import_module(f"kernels.{name}")
        except ModuleNotFoundError as error:
            others = ", ".join(other for other in available() if other != name)
            raise ImportError(
                f"this installation cannot load kernels.{name} ({error}); expected one of: {others}"
            ) from error
    return _loaded[name]


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


def _of_the_cpu() -> list[str]:
    return [name for name, device in DEVICE_OF.items() if device == "cpu"]


class use:
    """Choose an implementation for its device: `use("reference")`, or `with use("reference"): ...`.

    Raises ValueError for an unknown name, RuntimeError for one whose device is not there, and ImportError for one
    that is not installed.
    """

    def __init__(self, name: str):
        if name not in DEVICE_OF:
            raise ValueError(f"use: no implementation is called {name!r}; expected one of {', '.join(DEVICE_OF)}")
        if DEVICE_OF[name] == "cuda" and not (cuda_state()[0] and (name != "numba_cuda" or _numba_sees_a_device())):
            why = "Numba sees no device" if cuda_state()[0] else cuda_state()[1]
            instead = "set NUMBA_ENABLE_CUDASIM=1 before Python starts to run it on the CPU, or "
            raise RuntimeError(
                f"use: {name!r} serves arrays on a GPU, and there is none to use ({why}); "
                f"{instead if name == 'numba_cuda' else ''}use one of {', '.join(_of_the_cpu())}"
            )
        _load(name)
        self._device = DEVICE_OF[name]
        self._before = _chosen[self._device]
        _chosen[self._device] = name

    def __enter__(self) -> use:
        return self

    def __exit__(self, *exc: object) -> None:
        _chosen[self._device] = self._before


def in_shares(function: Callable[[slice], T], count: int, *arrays: Any, work: float = math.inf) -> list[T]:
    """[function(slice), ...] over slices that make up range(count): one per core, or all at once on CUDA.

    work   multiply-adds in all, about; a few are not worth waking another core
    """
    if not _divides(*arrays):
        return [function(slice(0, count))]
    return threads.in_shares(function, count, work)


def can_share(count: int, *arrays: Any) -> bool:
    """Whether a batch of `count` is worth cutting into shares that run whole layers side by side.

    On the CPU, with at least two images a core; a deterministic run decides by the batch alone.
    """
    enough = count > 1 if threads.is_deterministic() else 1 < threads.thread_count() <= count // 2
    return enough and _divides(*arrays)


def _divides(*arrays: Any) -> bool:
    """Whether work is shared out: a GPU does that itself, and Numba's simulator runs one kernel at a time."""
    return device_of(*arrays) == "cpu" and _chosen["cpu"] != "numba_cuda"


def matmul(x: Any, y: Any, out: Any = None) -> Any:
    """x (n, k) @ y (k, m), factors rounded as precision.py says: the products of conv2d and linear.

    On the CPU on the core that calls: callers share out the work.
    """
    if precision.is_strict() and type(x) is np.ndarray:
        return np.matmul(x, y, out=out)
    return kernels_for(x, y).matmul(x, y, precision.factors(), out=out)


def uniform(rng: np.random.Generator, like: Any) -> Any:
    """Random numbers in [0, 1), float32, of `like`'s shape and on its device.

    On the CPU rng draws them; on CUDA it draws only the seed of CuPy's generator, which does.  Either way the same
    rng gives the same numbers again.
    """
    if device_of(like) == "cpu":
        return rng.random(like.shape, dtype=np.float32)
    random = cupy_module().random
    generator = random.Generator(random.Philox4x3210(int(rng.integers(1 << 62))))
    return generator.random(like.shape, dtype=np.float32)


def empty_like(x: Any) -> Any:
    """An array like the C-contiguous x, not filled; from SMALL bytes on it begins with a whole line of the cache.

    What is written past the caches is then written in whole lines (kernels/numba_cpu/prelu.py).
    """
    if x.nbytes < SMALL or device_of(x) == "cuda":
        return array_module(x).empty_like(x)
    room = np.empty(x.size + CACHE_LINE // x.itemsize, x.dtype)
    first = -room.ctypes.data % CACHE_LINE // x.itemsize
    return room[first : first + x.size].reshape(x.shape)


def memory_order(x: Any) -> tuple[int, ...]:
    """The axes of x sorted from far to near in memory: x.transpose(memory_order(x)) lies as C wants it."""
    steps = [-abs(step) for step in x.strides]
    return tuple(sorted(range(x.ndim), key=steps.__getitem__))


def inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes x.transpose(axes)."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def to_device(x: Any, device: str) -> Any:
    """Copy an array to "cpu" or "cuda"; an array that is there already is returned as it is.

    The copy has the same order in memory, so that images and conv weights stay channels last.  Raises ValueError for
    another device name and RuntimeError when CUDA cannot be used.
    """
    if device not in ("cpu", "cuda"):
        raise ValueError(f"device {device!r} is unknown; expected 'cpu' or 'cuda'")
    if _device(x) == device:
        return x
    cupy = cupy_module()
    axes = memory_order(x)
    copy = cupy.asnumpy(x.transpose(axes)) if device == "cpu" else cupy.asarray(x.transpose(axes))
    return copy.transpose(inverse(axes))


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
    global _cupy_state
    if _cupy_state is None:
        _cupy_state = _probe_cupy()
    return _cupy_state


def _probe_cupy() -> tuple[ModuleType | None, str]:
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
