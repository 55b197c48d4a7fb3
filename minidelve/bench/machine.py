"""What this machine can do at most: the rate of matrix products and of copies, measured when asked.

First the CPU, then a GPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidelve.backend import cupy_module, in_shares, kernels_for, threads, uniform, use
from minidelve.backend.memory import memory, readable
from minidelve.backend.precision import FACTORS, as_factor, using_precision
from minidelve.bench.timing import Clock


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


# -- a GPU -------------------------------------------------------------------------------------------------------------

COPY_BYTES = 1 << 30  # many times any GPU's L2 cache; less where memory is short
PRODUCT_SIDE = 8192  # large enough for every unit of any GPU


@dataclass(frozen=True)
class DeviceLimits:
    """copy: GB/s, read plus written, within the device's memory.  products: GFLOP/s in each precision."""

    copy: float
    products: dict[str, float]


def device_copy(size: int | None = None) -> Limit:
    """A copy from the device's memory to the device's memory."""
    cupy = cupy_module()
    a = cupy.ones(min(size or COPY_BYTES, memory().free // 8) // 4, np.float32)
    out = cupy.empty_like(a)
    return Limit(lambda: cupy.copyto(out, a), 2.0 * a.nbytes)


def device_product(precision: str, n: int | None = None) -> Limit:
    """A product of two n x n matrices by cuBLAS, in a precision of precision.py; of random numbers.

    (Of zeros or ones a GPU computes faster: fewer wires change, it draws less power and raises its clock.)
    """
    cupy, n = cupy_module(), n or PRODUCT_SIDE
    out = cupy.empty((n, n), np.float32)
    with using_precision(precision):
        x = as_factor(uniform(np.random.default_rng(0), out) - np.float32(0.5))
    with use("cupy_cuda"):
        matmul = kernels_for(x).matmul
    return Limit(lambda: matmul(x, x, FACTORS[precision], out=out), 2.0 * n**3)


def device_rate(limit: Limit, clock: Clock, rounds: int = 5) -> float:
    """The best rate of several short runs, in 1e9 a second, after one to warm up."""
    limit.run()
    return limit.work / min(clock(limit.run, 3) for _ in range(rounds)) / 1e9


def describe_device() -> str:
    """The GPU's name and size in a few words."""
    facts = cupy_module().cuda.runtime.getDeviceProperties(0)
    name = facts["name"].decode()
    return (
        f"{name}, {facts['multiProcessorCount']} multiprocessors, {readable(facts['totalGlobalMem'])}, "
        f"L2 cache {readable(facts['l2CacheSize'])}"
    )
