"""Where an array lives and how it lies in memory.

An op never asks "am I on the GPU?". `array_module` gives it numpy or cupy, for what both spell alike (exp, sum, ...),
and what they do not spell alike is here.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from minidelve.backend.cuda import cupy_module

CACHE_LINE, SMALL = 64, 1024  # bytes


def array_module(*arrays: Any) -> ModuleType:
    """numpy or cupy: the library the arrays belong to.

    Raises TypeError when they live on different devices.
    """
    return np if device_of(*arrays) == "cpu" else cupy_module()


def device_of(*arrays: Any) -> str:
    """'cpu' or 'cuda'. None entries are passed over; raises TypeError on a mixture."""
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


def to_device(x: Any, device: str) -> Any:
    """Copy an array to "cpu" or "cuda"; an array that is there already is returned as it is.

    The copy has the same order in memory, so that images and conv weights stay channels last. Raises ValueError for
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


def memory_order(x: Any) -> tuple[int, ...]:
    """The axes of x sorted from far to near in memory: x.transpose(memory_order(x)) lies as C wants it."""
    steps = [-abs(step) for step in x.strides]
    return tuple(sorted(range(x.ndim), key=steps.__getitem__))


def inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes x.transpose(axes)."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def empty_like(x: Any) -> Any:
    """An array like the C-contiguous x, not filled; from SMALL bytes on it begins with a whole line of the cache.

    What is written past the caches is then written in whole lines (kernels/numba_cpu/prelu.py).
    """
    if x.nbytes < SMALL or device_of(x) == "cuda":
        return array_module(x).empty_like(x)
    room = np.empty(x.size + CACHE_LINE // x.itemsize, x.dtype)
    first = -room.ctypes.data % CACHE_LINE // x.itemsize
    return room[first : first + x.size].reshape(x.shape)


def uniform(rng: np.random.Generator, like: Any) -> Any:
    """Random numbers in [0, 1), float32, of `like`'s shape and on its device.

    On the CPU rng draws them; on CUDA it draws only the seed of CuPy's generator, which does. Either way the same
    rng gives the same numbers again.
    """
    if device_of(like) == "cpu":
        return rng.random(like.shape, dtype=np.float32)
    random = cupy_module().random
    generator = random.Generator(random.Philox4x3210(int(rng.integers(1 << 62))))
    return generator.random(like.shape, dtype=np.float32)
