"""Fixtures of the kernel tests: the folders whose device is here, and one way to call them all.

Tests give NumPy arrays to every folder. A folder that works on CuPy's is wrapped (`OnDevice`): arrays go to the device
before the call, and after it results and all that was changed in place come back, so `out=` means what it means on
the CPU. In Numba's simulator numba_cuda takes NumPy arrays itself.
"""

import functools
import inspect
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from minidelve import backend

KERNELS = Path(__file__).parents[2] / "kernels"
STAY_ON_CPU = {"bins"}  # arguments for which kernels/contract.py says so

if backend.DEVICE_OF["numba_cuda"] == "cpu":  # a thread takes a millisecond there: test_contract.py's sizes are small
    settings.register_profile("simulator", settings.get_profile("minidelve"), max_examples=4)
    settings.load_profile("simulator")


def is_here(name: str) -> bool:
    """Whether the folder exists and its device does; a simulated or faked device counts."""
    if not (KERNELS / name / "__init__.py").is_file():
        return False
    if backend.DEVICE_OF[name] == "cpu":
        return True
    if not backend.cuda_state()[0]:
        return False
    return name != "numba_cuda" or import_module("numba.cuda").is_available()


def parameter(name: str) -> Any:
    """The folder's name for a parametrised fixture, marked `gpu` if it needs a device."""
    return pytest.param(name, marks=pytest.mark.gpu if backend.DEVICE_OF[name] == "cuda" else ())


OTHERS = [parameter(name) for name in backend.DEVICE_OF if name != "reference" and is_here(name)]


class OnDevice:
    """A folder whose kernels take CuPy's arrays, with kernels that take NumPy's."""

    def __init__(self, folder: ModuleType):
        self.__name__, self.__all__ = folder.__name__, folder.__all__
        for name in folder.__all__:
            setattr(self, name, taking_numpy(getattr(folder, name)))


def taking_numpy(kernel):
    """The kernel with NumPy arrays for arguments, those of out= among them, and results; same name and signature."""
    signature = inspect.signature(kernel)

    @functools.wraps(kernel)
    def call(*args, **kwargs):
        sent: list[tuple[np.ndarray, Any]] = []  # an array twice among the arguments is sent once

        def to_device(x):
            if isinstance(x, tuple):  # out=, or numbers
                return tuple(to_device(part) for part in x)
            if not isinstance(x, np.ndarray):
                return x
            there = next((there for here, there in sent if here is x), None)
            if there is None:
                there = upload(x)
                sent.append((x, there))
            return there

        def from_device(result):
            if isinstance(result, tuple):
                return tuple(from_device(part) for part in result)
            if result is None:
                return None
            return next((here for here, there in sent if there is result), result.get())

        bound = signature.bind(*args, **kwargs)
        for name, x in bound.arguments.items():
            bound.arguments[name] = x if name in STAY_ON_CPU else to_device(x)
        result = kernel(*bound.args, **bound.kwargs)
        for here, there in sent:
            if here.flags.writeable:
                here[...] = there.get()
        return from_device(result)

    return call


def upload(x: np.ndarray):
    """x on the device, in the same order in memory and as far from a multiple of 16 bytes: packs of numbers depend on
    both."""
    if not x.flags.c_contiguous and x.T.flags.c_contiguous:
        return upload(x.T).T
    assert x.flags.c_contiguous
    cupy = backend.cupy_module()
    first = x.ctypes.data % 16 // x.itemsize
    room = cupy.empty(first + x.size, x.dtype)[first:].reshape(x.shape)
    room.set(x)
    assert not x.size or (room.data.ptr - x.ctypes.data) % 16 == 0
    return room


def load(name: str) -> Any:
    folder = import_module(f"kernels.{name}")
    return folder if backend.DEVICE_OF[name] == "cpu" else OnDevice(folder)


@pytest.fixture(scope="session")
def reference() -> Any:
    """Plain NumPy: the definition of correct."""
    return load("reference")


@pytest.fixture(scope="session", params=OTHERS)
def other(request) -> Any:
    """Each further folder whose device is here."""
    return load(request.param)


@pytest.fixture(scope="session", params=["reference", *OTHERS])
def folder(request) -> Any:
    """Each folder, reference included."""
    return load(request.param)
