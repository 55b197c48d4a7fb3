"""Why CUDA cannot be used here, in one line that names the cure.

Three things have to fit each other, and each can be missing or too old:

    the driver       libcuda.so.1, comes with the machine; it supports CUDA up to some version, say 12.4
    CuPy             a wheel for one major version of CUDA: cupy-cuda12x or cupy-cuda13x (extras cuda12, cuda13). Both
                     hold the same files: installed together the later one overwrites the earlier, and uninstalling
                     either breaks the other
    CUDA's libraries cuBLAS (matrix products) and NVRTC (compiles kernels), from the machine or from wheels

A driver runs programs of its own major version or an earlier one, so its version chooses the extra. Nothing here
imports CuPy, and nothing fails: what cannot be found out is left out.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

WHEEL = re.compile(r"cupy(-cuda\d+x?|-rocm[-\d]+)?|amd-cupy")  # all of them install the one package `cupy`


@cache
def driver_cuda() -> tuple[int, int] | None:
    """The version of CUDA that the driver supports, such as (12, 4); None without a driver."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        number = ctypes.c_int()
        if driver.cuDriverGetVersion(ctypes.byref(number)) == 0 and number.value:
            return number.value // 1000, number.value % 1000 // 10
    except (OSError, AttributeError):
        pass
    found = re.search(r"CUDA Version: *(\d+)\.(\d+)", nvidia_smi())
    return (int(found[1]), int(found[2])) if found else None


def driver_version() -> str | None:
    """The driver's own version, such as "550.54.14"."""
    lines = nvidia_smi("--query-gpu=driver_version", "--format=csv,noheader").split()
    return lines[0] if lines else None


def nvidia_smi(*options: str) -> str:
    """What the driver's program says; empty where there is none, or it fails."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    try:
        done = subprocess.run([program, *options], capture_output=True, encoding="utf-8", errors="replace", timeout=20)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""


def extra() -> str | None:
    """The extra to install: "cuda12" or "cuda13" by the driver; None without a driver, or with one that is too old."""
    version = driver_cuda()
    if version is None or version[0] < 12:
        return None
    return "cuda12" if version[0] == 12 else "cuda13"


def install() -> str:
    """The command that installs CuPy, to be typed in the checkout."""
    wanted = extra()
    if wanted:
        return f"{pip()} install -e '.[{wanted}]'"
    return f"{pip()} install -e '.[cuda12]' or '.[cuda13]', as the driver's CUDA version is"


def pip() -> str:
    """The pip of the Python that runs, as one may type it."""
    python = Path(sys.executable)
    with suppress(ValueError):
        python = python.relative_to(Path.cwd())
    return f"{python} -m pip"


def wheels() -> list[str]:
    """The CuPy distributions that are installed, such as ["cupy-cuda12x 14.2.0"]."""
    found = {(d.metadata["Name"] or "").lower().replace("_", "-"): d.version for d in distributions()}
    return sorted(f"{name} {version}" for name, version in found.items() if WHEEL.fullmatch(name))


def two_wheels() -> str | None:
    """What is wrong with several CuPy wheels at once, and the cure; None if there is at most one."""
    found = [wheel.split()[0] for wheel in wheels()]
    if len(found) < 2:
        return None
    return (
        f"{' and '.join(found)} are both installed and overwrite each other: {pip()} uninstall -y "
        f"{' '.join(found)}, then {install()}"
    )


def not_installed() -> str:
    """CuPy cannot be found."""
    if several := two_wheels():
        return several
    if left := wheels():
        name = left[0].split()[0]
        return (
            f"{name} is registered but its files are gone, as happens when another CuPy wheel is removed: {pip()} "
            f"uninstall -y {name}, then {install()}"
        )
    if driver_cuda() is None:
        return f"CuPy is not installed ({install()}), and no NVIDIA driver is found either"
    return f"CuPy is not installed ({install()}; the driver supports CUDA {dotted(driver_cuda())})"


def no_device(cupy: Any) -> str:
    """The module cupy can be imported and finds no device."""
    if driver_cuda() is None:
        return with_meaning("CuPy is installed, but there is no NVIDIA driver (libcuda.so.1), which needs a card")
    try:
        cupy.cuda.runtime.getDeviceCount()
        answer = "the driver lists no device"
    except Exception as error:  # whatever it is, it is the answer that was asked for
        answer = f"{type(error).__name__}: {error}"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and "InsufficientDriver" not in answer:
        return f"CuPy finds no CUDA device, and CUDA_VISIBLE_DEVICES is {hidden!r}: unset it, or name a card, such as 0"
    return with_meaning(f"CuPy finds no CUDA device: {answer}")


def explain(error: BaseException) -> str:
    """CuPy cannot be imported, or fails at its first work: in its words, and what they mean where that is known."""
    cause = error.__cause__ or error  # its ImportError is a page of advice; what happened stands in the cause
    words = next((line.strip() for line in str(cause).splitlines() if line.strip()), "")
    return with_meaning(f"CuPy fails: {type(cause).__name__}: {words}")


# What an error says, and what that means. {cuda}: the driver's version of CUDA; {libraries}: how to get them;
# {or_older}: the extra for the driver as it is.
MEANINGS = (
    (r"InsufficientDriver", "the driver supports CUDA {cuda}, too old for this CuPy: update it{or_older}"),
    (r"SystemDriverMismatch", "the driver was updated while in use: restart the machine"),
    (r"Failure finding|failed to load|cannot open shared object|builtins", "a library of CUDA is missing: {libraries}"),
    (r"cannot open source file", "the headers of CUDA are missing: {libraries}"),
    (r"NoKernelImageForDevice|NO_BINARY_FOR_GPU|gpu-architecture", "this CuPy is too old or too new for the card"),
    (r"DevicesUnavailable", "another program has the card for itself"),
    (r"OutOfMemory|MemoryAllocation|ALLOC_FAILED", "the card's memory is full: close other programs that use it"),
    (
        r"PermissionError|FileNotFoundError|NotADirectoryError|Read-only file system",
        "CuPy needs a folder for compiled kernels: set CUPY_CACHE_DIR to one that you can write",
    ),
)


def with_meaning(said: str) -> str:
    """The line with its meaning and the cure; with several wheels installed nothing else can be meant."""
    if several := two_wheels():
        return f"{said}; {several}"
    meaning = next((meaning for pattern, meaning in MEANINGS if re.search(pattern, said)), None)
    if meaning is None:
        return said
    older = extra() == "cuda12" and not any(wheel.startswith("cupy-cuda12x") for wheel in wheels())
    or_older = f", or {install()} in its place" if older else ""
    return f"{said}; " + meaning.format(cuda=dotted(driver_cuda()), libraries=libraries(), or_older=or_older)


def libraries() -> str:
    """How to get CUDA's libraries for the CuPy that is here."""
    wheel = next((wheel.split()[0] for wheel in wheels() if "-cuda" in wheel), None)
    if wheel is None:
        return "install the CUDA toolkit of the version that CuPy was built for"
    return f"{pip()} install '{wheel}[ctk]'"


def dotted(version: tuple[int, int] | None) -> str:
    """(12, 4) as "12.4"."""
    return "unknown" if version is None else f"{version[0]}.{version[1]}"
