"""Memory: what the device has and what is said when that is full; what the C library does with memory that is freed."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minidelve.backend.cuda import cupy_module

# How the libraries under an operation say that no memory was left: the runtime, the driver, cuBLAS.
OUT_OF_MEMORY = ("cudaErrorMemoryAllocation", "CUDA_ERROR_OUT_OF_MEMORY", "CUBLAS_STATUS_ALLOC_FAILED")
LESS = "a smaller --batch-size or --size"


@dataclass(frozen=True)
class DeviceMemory:
    """Bytes on the device.

    used    in arrays of this program
    held    by CuPy's pool: what is used, and what it keeps for the next arrays
    free    for anyone to take; what the pool holds and does not use comes on top for this program
    total   on the device
    """

    used: int
    held: int
    free: int
    total: int


def memory() -> DeviceMemory:
    """The device's memory at this moment; RuntimeError when CUDA cannot be used."""
    cupy = cupy_module()
    pool = cupy.get_default_memory_pool()
    free, total = cupy.cuda.runtime.memGetInfo()
    return DeviceMemory(pool.used_bytes(), pool.total_bytes(), free, total)


def peak_memory(work: Callable[[], Any]) -> int:
    """The bytes that CuPy's pool has taken from the device by the end of `work`: the high-water mark of its arrays.

    The pool gives nothing back by itself, so what it holds afterwards is what was in use at the highest moment, with
    the gaps between arrays, and with arrays from before (weights). Not counted is what never comes from the pool,
    such as the CUDA context and compiled kernels. (Where memory ran out and the pool gave back what it could, the
    mark before that is lost.)
    """
    cupy = cupy_module()
    pool, device = cupy.get_default_memory_pool(), cupy.cuda.Device()
    device.synchronize()
    pool.free_all_blocks()
    work()
    device.synchronize()
    return pool.total_bytes()


def explain_out_of_memory(error: BaseException, batch_size: int | None = None, less: str = LESS) -> str | None:
    """One line for an error that says the device's memory is full; None for any other error, the CPU's among them.

    less    what the user may change to need less
    """
    text = str(error)
    asked = re.search(r"Out of memory allocating ([\d,]+) bytes", text)  # cupy.cuda.memory.OutOfMemoryError
    if not asked and not any(words in text for words in OUT_OF_MEMORY):
        return None
    limit = re.search(r"limit set to: ([\d,]+) bytes", text)
    facts = [f"{readable(_number(asked))} more were asked for"] if asked else []
    with suppress(Exception):  # a device in this state may refuse to answer: then it is said without
        now = memory()
        facts.append(f"{readable(now.free)} of {readable(now.total)} are free")
    if limit:
        facts.append(f"CUPY_GPU_MEMORY_LIMIT allows {readable(_number(limit))}")
    of = f" with batches of {batch_size}" if batch_size else ""
    return (
        f"the device is out of memory{of}" + (f": {', '.join(facts)}" if facts else "") + f"; try {less}, or close "
        "other programs that use the device"
    )


def _number(found: re.Match[str]) -> int:
    return int(found[1].replace(",", ""))


def readable(size: float, round_up: bool = False) -> str:
    """Bytes as a person reads them.

    round_up    as for the least that is needed: the text never says less than there is

    >>> readable(1_500_000_000), readable(20_000_000), readable(300)
    ('1.5 GB', '20.0 MB', '0.3 KB')
    >>> readable(1_234_567), readable(1_234_567, round_up=True)
    ('1.2 MB', '1.3 MB')
    """
    unit, name = next(((unit, name) for unit, name in ((10**9, "GB"), (10**6, "MB")) if size >= unit), (10**3, "KB"))
    value = -(-size * 10 // unit) / 10 if round_up else size / unit
    return f"{value:.1f} {name}"


def peak_resident() -> int:
    """The largest resident memory that this process has had, in bytes.

    Linux's own count comes first: getrusage's starts at what the *parent* had when it forked.
    """
    if sys.platform == "win32":
        return _peak_working_set()
    with suppress(OSError):
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) * 1024
    import resource  # late: Windows has none

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, others kilobytes


def _peak_working_set() -> int:
    """Windows' name for it (PROCESS_MEMORY_COUNTERS of psapi.h)."""
    sizes = ("PeakWorkingSetSize", "WorkingSetSize", *(f"Quota{i}" for i in range(4)), "Pagefile", "PeakPagefile")
    fields = [
        ("cb", ctypes.c_uint32),
        ("PageFaultCount", ctypes.c_uint32),
        *((name, ctypes.c_size_t) for name in sizes),
    ]
    counters = type("Counters", (ctypes.Structure,), {"_fields_": fields})()
    system: Any = ctypes.__dict__["WinDLL"]("kernel32")
    process = system.GetCurrentProcess
    process.restype = ctypes.c_void_p
    system.K32GetProcessMemoryInfo(ctypes.c_void_p(process()), ctypes.byref(counters), ctypes.sizeof(counters))
    return int(counters.PeakWorkingSetSize)


def keep_memory() -> None:
    """Tell the C library to keep freed memory for the next step instead of giving it back to the system.

    A training step frees and asks for the same large arrays again and again. Each time the system hands out pages
    anew it fills them with zeros, at the first touch of each 4 KiB, which takes a large part of some backward passes
    (docs/measurements.md, "What the constants rest on"). glibc only; other C libraries are left alone.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library than glibc, such as musl
        return
    M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -2, -3, -8  # malloc.h
    largest = 2**31 - 1
    mallopt(M_MMAP_THRESHOLD, largest)
    mallopt(M_TRIM_THRESHOLD, largest)
    mallopt(M_TOP_PAD, 1 << 26)
    mallopt(M_ARENA_MAX, 1)  # only the main arena can grow without bound


keep_memory()  # before the first large array is made
