"""What this machine can do at most: the rate of matrix products and of copies, measured when asked.

And what such limits look like to the tables, for the CPU and for a GPU (gpu.py).
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidelve.backend import in_shares, threads
from minidelve.backend.precision import PRECISIONS
from minidelve.bench.timing import Clock, Side, seconds_per_call
from minidelve.bench.work import COPY


@dataclass(frozen=True)
class Limit:
    """Something that no computation of its kind can beat: one run of it, and the work that this is."""

    run: Side
    work: float  # floating point operations, or bytes


@dataclass(frozen=True)
class Meter:
    """What rates on a device are held against, and the clocks that take times there.

    A limit has a name: "copy", or the precision of matrix products.

    name          the machine in a few words
    figures       the limits as measured at the start, for a file; `summary` says them in a line
    rates         the same in 1e9 a second, by name
    limit         a limit by name, to be run beside a case
    clock         for ops and steps
    kernel_clock  for kernels alone
    busy          keeps a GPU busy for some milliseconds; None on the CPU
    release       lets the arrays of the limits go
    """

    name: str
    figures: dict[str, Any]
    summary: str
    rates: dict[str, float]
    limit: Callable[[str], Limit]
    clock: Clock
    kernel_clock: Clock
    busy: Side | None = None
    release: Side = lambda: None


def cpu_meter() -> Meter:
    """Limits on as many cores as are in use at the moment; measures them, which takes a second."""
    sgemm_rate, copy_rate = sgemm_gflops(), copy_gigabytes()
    return Meter(
        name=f"{platform.processor() or platform.machine()}, {threads.thread_count()} threads",
        figures={"sgemm": sgemm_rate, "copy": copy_rate},
        summary=f"products {sgemm_rate:.0f} GFLOP/s, copy {copy_rate:.1f} GB/s",
        rates={COPY: copy_rate, **dict.fromkeys(PRECISIONS, sgemm_rate)},
        limit=lambda name: copy() if name == COPY else sgemm(),
        clock=seconds_per_call,
        kernel_clock=seconds_per_call,
    )


def sgemm(n: int = 1024) -> Limit:
    """A product of two n x n float32 matrices."""
    a = np.full((n, n), 0.5, np.float32)
    return Limit(lambda: threads.matmul(a, a), 2.0 * n**3)


def copy(size: int = 64 << 20) -> Limit:
    """A copy of an array larger than the caches: bytes read plus bytes written."""
    a, out = np.ones(size // 4, np.float32), np.empty(size // 4, np.float32)
    return Limit(lambda: in_shares(lambda s: np.copyto(out[s], a[s]), len(a), a), 2.0 * size)


def sgemm_gflops(seconds: float = 0.5) -> float:
    """The best rate of large float32 matrix products, in GFLOP/s."""
    return _best_rate(sgemm(2048), seconds)


def copy_gigabytes(seconds: float = 0.5) -> float:
    """The best rate of copies, in GB/s."""
    return _best_rate(copy(), seconds)


def _best_rate(limit: Limit, seconds: float) -> float:
    return limit.work / best_seconds(limit.run, seconds) / 1e9


def best_seconds(work: Side, seconds: float) -> float:
    """The shortest of the runs that fit into `seconds`, at least one, after one to wake the threads."""
    work()
    best, end = float("inf"), time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < end:
        best = min(best, seconds_per_call(work, 1))
    return best
