"""What this machine can do at most: the rate of matrix products and of copies, measured when asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidelve import threads
from minidelve.backend import in_shares


@dataclass(frozen=True)
class Limits:
    """sgemm: GFLOP/s of float32 products.  copy: GB/s, read plus written, of arrays larger than the caches."""

    sgemm: float
    copy: float


@dataclass(frozen=True)
class Limit:
    """Something that no computation of its kind can beat: one run of it, and the work that this is."""

    run: Callable[[], Any]
    work: float  # floating point operations, or bytes


def measure_limits(seconds: float = 0.5) -> Limits:
    """Both limits on all cores that minidelve uses."""
    return Limits(sgemm_gflops(seconds=seconds), copy_gigabytes(seconds=seconds))


def sgemm(n: int = 1024) -> Limit:
    """A product of two n x n float32 matrices."""
    a = np.full((n, n), 0.5, np.float32)
    return Limit(lambda: threads.matmul(a, a), 2.0 * n**3)


def copy(size: int = 64 << 20) -> Limit:
    """A copy of an array larger than the caches: bytes read plus bytes written."""
    a, out = np.ones(size // 4, np.float32), np.empty(size // 4, np.float32)
    return Limit(lambda: in_shares(lambda s: np.copyto(out[s], a[s]), len(a), a), 2.0 * size)


def sgemm_gflops(seconds: float = 0.5) -> float:
    """The best rate of large float32 matrix products, after one to wake the threads."""
    limit = sgemm(2048)
    return limit.work / best_seconds(limit.run, seconds) / 1e9


def copy_gigabytes(seconds: float = 0.5) -> float:
    """The best rate of copies."""
    limit = copy()
    return limit.work / best_seconds(limit.run, seconds) / 1e9


def best_seconds(work: Callable[[], Any], seconds: float) -> float:
    """The shortest of the runs that fit into so many seconds (at least two)."""
    work()
    best, end = float("inf"), time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best
