"""`minidelve doctor`: what this machine and this installation can do, and why not more."""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np

from minidelve import __version__, backend
from minidelve.backend.compiling import cache_folder, kept_kernels
from minidelve.backend.numba_settings import ignored, is_on
from minidelve.backend.threads import thread_count, usable_cores
from minidelve.bench.machine import copy_gigabytes, sgemm_gflops
from minidelve.commands.arguments import add_command
from minidelve.commands.doctor_cuda import cuda
from minidelve.progress import say
from minidelve.training.versions import LIBRARIES, installed_version

# What changes speed or numbers, or where compiled kernels are kept.
VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
    "NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT", "NUMBA_ENABLE_CUDASIM", "CUDA_VISIBLE_DEVICES",
    "CUDA_PATH", "CUPY_CACHE_DIR", "CUPY_GPU_MEMORY_LIMIT", "MINIDELVE_TEST_DATA",
)  # fmt: skip


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    add_command(
        subparsers, "doctor", "versions, BLAS, threads, kernels, CUDA and a short measurement", "minidelve doctor", run
    )


def run(args: argparse.Namespace) -> int:
    """Print a table."""
    for section in (versions, processor, kernels, cuda, environment):
        for name, value in section():
            say(f"{name:<22} {value}")
        say()
    return 0


def versions() -> list[tuple[str, str]]:
    """Ours, Python's and the libraries'."""
    found = [("minidelve", f"{__version__} in {Path(backend.__file__).parents[1]}")]
    found.append(("python", f"{platform.python_version()} on {platform.platform()}"))
    missing = "not installed; pip install minidelve again"
    return found + [(name, installed_version(name, missing)) for name in LIBRARIES]


def processor() -> list[tuple[str, str]]:
    """Cores, BLAS, and what they reach in about a second."""
    return [
        ("cores", f"{usable_cores()} usable of {os.cpu_count()}"),
        ("BLAS", blas()),
        ("matrix product", f"{sgemm_gflops():.0f} GFLOP/s (float32, 2048 x 2048; the limit of a convolution)"),
        ("memory", f"{copy_gigabytes():.1f} GB/s read and written by a copy (the limit of an activation)"),
    ]


def blas() -> str:
    """NumPy's BLAS, and its threads where threadpoolctl can tell."""
    build: dict[str, Any] = np.show_config(mode="dicts")  # type: ignore[assignment]
    found = build["Build Dependencies"]["blas"]
    text = f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()
    if importlib.util.find_spec("threadpoolctl") is None:
        return text + ", threads unknown (pip install threadpoolctl to see)"
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas" and "numpy" in pool["filepath"]]
    return text + "".join(f", {p['num_threads']} threads ({p.get('architecture', 'unknown')} code)" for p in pools[:1])


def kernels() -> list[tuple[str, str]]:
    """Which kernels are here, which serve the CPU, and Numba's threads and cache."""
    runnable = [name for name in backend.available() if backend.can_run(name)]
    others = [name for name in backend.available() if name not in runnable and backend.DEVICE_OF[name] == "cuda"]
    missing = f"; not without a GPU: {', '.join(others)}" if others else ""
    found = [("kernels here", ", ".join(runnable) + missing)]
    try:
        in_use = backend.kernels_for(np.zeros(1, np.float32))
        a = np.zeros(8, np.float32)
        in_use.momentum_step(a, a.copy(), a.copy(), 0.9, 0.1, 0.0)  # Numba starts its threads with the first call
        found += [("kernels of the CPU", in_use.__name__ + why_not_numba(runnable)), *numba_state()]
    except Exception as error:  # whatever is wrong with them is what the user came to read
        found.append(("kernels of the CPU", f"FAIL: {type(error).__name__}: {str(error).partition(chr(10))[0]}"))
    return found


def why_not_numba(runnable: list[str]) -> str:
    """Why the CPU's usual kernels do not serve it; empty where they can."""
    if "numba_cpu" not in runnable:
        try:
            backend.use("numba_cpu")
        except ImportError as error:
            return f", many times slower than numba_cpu: {error}"
    return ""


def numba_state() -> list[tuple[str, str]]:
    """How many cores kernels run on, and where compiled ones are kept."""
    return [("threads", str(thread_count())), ("Numba cache", cache_state())]


def cache_state() -> str:
    """Where compiled kernels are kept, how many there are, whether they are whole, and whether more can be kept."""
    if is_on("NUMBA_DISABLE_JIT"):
        return "none: NUMBA_DISABLE_JIT is set, so nothing is compiled and plain NumPy computes; unset it"
    folder = cache_folder()
    if folder is None:
        return "none: every start compiles anew (half a minute); set NUMBA_CACHE_DIR to a folder of yours"
    state = "writable" if os.access(folder, os.W_OK) else "NOT writable: set NUMBA_CACHE_DIR to a folder of yours"
    count, damaged = kept_kernels(folder)
    if damaged:
        more = f" and {len(damaged) - 2} more" if len(damaged) > 2 else ""
        state += f"; DAMAGED ({', '.join(damaged[:2])}{more}): delete that folder, and kernels are compiled again"
    return f"{folder}, {count} kernels compiled, {state}"


def environment() -> list[tuple[str, str]]:
    """The variables that matter, set or not, and those of Numba's that make no sense."""
    left_out = {name: f"{value!r}, which cannot be used and is left out: unset it" for name, value in ignored.items()}
    names = [*VARIABLES, *(name for name in left_out if name not in VARIABLES)]
    return [(name, left_out.get(name) or os.environ.get(name, "not set") or "set, and empty") for name in names]
