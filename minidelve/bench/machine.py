"""What this machine can do at most: the rate of matrix products and of copies, measured when asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidelve.backend import in_shares, matmul


@dataclass(frozen=True)
class Limits:
    """sgemm: GFLOP/s of float32 products.  copy: GB/s, read plus written, of arrays larger than the caches."""

    sgemm: float
    copy: float


def measure_limits(seconds: float = 0.5) -> Limits:
    """Both limits on all cores that minidelve uses."""
    return Limits(sgemm_gflops(seconds=seconds), copy_gigabytes(seconds=seconds))


def sgemm_gflops(n: int = 2048, seconds: float = 0.5) -> float:
    """The best rate of n x n float32 matrix products, after one to wake the threads."""
    a = np.full((n, n), 0.5, np.float32)
    return 2 * n**3 / best_seconds(lambda: matmul(a, a), seconds) / 1e9


def copy_gigabytes(size: int = 64 << 20, seconds: float = 0.5) -> float:
    """The best rate of copying an array larger than the caches: bytes read plus bytes written."""
    a, out = np.ones(size // 4, np.float32), np.empty(size // 4, np.float32)
    return 2 * size / best_seconds(lambda: in_shares(lambda s: np.copyto(out[s], a[s]), len(a), a), seconds) / 1e9


def best_seconds(work: Callable[[], Any], seconds: float) -> float:
    """The shortest of the runs that fit into so many seconds (at least two)."""
    work()
    best, end = float("inf"), time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best
