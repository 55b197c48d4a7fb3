"""What `minidelve doctor` says about CUDA: driver, CuPy, device, CUDA's libraries, kernels, Numba."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from minidelve import backend
from minidelve.backend import cuda_install
from minidelve.backend.memory import memory, readable
from minidelve.training.versions import installed_version

Line = tuple[str, str]


def cuda() -> list[Line]:
    """All there is to know, with what to do where something is missing."""
    usable, reason = backend.cuda_state()
    found = [("CUDA", ("usable: " if usable else "not usable: ") + reason)]
    found += [("driver", driver()), ("CuPy", cupy_wheels())]
    if usable:
        found += [("device", attempt(device)), ("device memory", attempt(free_memory))]
    if "cupy" in sys.modules:  # the question above imported it, even if it is of no use
        found += [("cuBLAS", attempt(product if usable else cublas)), ("NVRTC", attempt(nvrtc))]
    kernels = attempt(kernel) if usable else f"kernels.{backend.chosen('cuda')}, once CUDA is usable"
    return [*found, ("kernels of CUDA", kernels), ("numba-cuda", attempt(numba_cuda))]


def attempt(check: Callable[[], str]) -> str:
    """What the check says; whatever fails in it is what the user came to read."""
    try:
        return check()
    except Exception as error:
        words = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        return cuda_install.with_meaning(f"FAIL: {type(error).__name__}: {words}")


def driver() -> str:
    """Its version, and the CUDA that it supports."""
    supported = cuda_install.driver_cuda()
    if supported is None:
        return "none found (libcuda.so.1); CUDA needs an NVIDIA card and the driver for it"
    own = cuda_install.driver_version() or "of unknown version (nvidia-smi does not say)"
    wanted = cuda_install.extra() or "none of our extras: too old, update it"
    return f"{own}, supports CUDA {cuda_install.dotted(supported)}; the extra for it: {wanted}"


def cupy_wheels() -> str:
    """Which are installed; there should be one."""
    several = cuda_install.two_wheels()
    if several:
        return f"{', '.join(cuda_install.wheels())}: {several}"
    return ", ".join(cuda_install.wheels()) or f"not installed; {cuda_install.install()}"


def device() -> str:
    """Such as: NVIDIA H200, compute capability 9.0, 132 multiprocessors."""
    cupy = backend.cupy_module()
    number, count = cupy.cuda.Device().id, cupy.cuda.runtime.getDeviceCount()
    known: dict[str, Any] = cupy.cuda.runtime.getDeviceProperties(number)
    others = f"; number {number} of {count}, CUDA_VISIBLE_DEVICES names another" if count > 1 else ""
    return (
        f"{known['name'].decode()}, compute capability {known['major']}.{known['minor']}, "
        f"{known['multiProcessorCount']} multiprocessors{others}"
    )


def free_memory() -> str:
    """How much of its memory is free."""
    now = memory()
    advice = "" if now.free > now.total // 2 else "; other programs hold the rest, see nvidia-smi"
    return f"{readable(now.free)} free of {readable(now.total)}{advice}"


def product() -> str:
    """A tiny product."""
    cupy = backend.cupy_module()
    y = cupy.ones((2, 3), np.float32) @ cupy.ones((3, 2), np.float32)
    return works(y.get().tolist() == [[3, 3], [3, 3]], "a matrix product")


def cublas() -> str:
    """Whether the library can be loaded; products need a device."""
    assert sys.modules["cupy"].cuda.cublas
    return "found, not tried"


def nvrtc() -> str:
    """Whether kernels can be compiled; running them needs a device."""
    compiler = sys.modules["cupy"].cuda.nvrtc
    number = cuda_install.dotted(compiler.getVersion())
    program = compiler.createProgram('extern "C" __global__ void nothing() {}', "nothing.cu", [], [])
    try:
        compiler.compileProgram(program, [])
    finally:
        compiler.destroyProgram(program)
    return f"{number} compiles"


def kernel() -> str:
    """One kernel of ours, compiled and run: the momentum rule with D = 0, mu = 0 and eps = 1/2 on a = 1, gradient 1."""
    cupy = backend.cupy_module()
    a = cupy.ones(8, np.float32)
    kernels = backend.kernels_for(a)
    kernels.momentum_step(a, cupy.zeros(8, np.float32), cupy.ones(8, np.float32), 0.0, 0.5, 0.0)
    return f"{kernels.__name__}, " + works(a.get().tolist() == [0.5] * 8, "the momentum step")


def works(right: bool, what: str) -> str:
    """What to say of a check that gave the right numbers, or did not."""
    return f"{what} works" if right else f"FAIL: {what} gives wrong numbers: the driver, the card or CuPy is broken"


def numba_cuda() -> str:
    """Whether the kernels that Numba compiles for CUDA could run."""
    simulated = backend.DEVICE_OF["numba_cuda"] == "cpu"
    if simulated:
        return "Numba's simulator is on (NUMBA_ENABLE_CUDASIM): kernels.numba_cuda runs on the CPU, slowly"
    found = installed_version("numba-cuda", "")
    if not found:
        return "not installed; without it and a GPU kernels.numba_cuda runs with NUMBA_ENABLE_CUDASIM=1 only, slowly"
    from numba import cuda as numba  # late: slow to import

    return f"{found}, " + ("sees the device" if numba.is_available() else "sees no device")
