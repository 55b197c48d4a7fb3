"""The most that this machine can do: the rate of matrix products and of copies, measured when asked.

First the CPU, then a GPU.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from minidelve.backend import cupy_module, in_shares, kernels_for, threads, uniform, use
from minidelve.backend.memory import memory, readable
from minidelve.backend.precision import FACTORS, PRECISIONS, as_factor, using_precision
from minidelve.bench.timing import Clock, KernelClock, Side, seconds_per_call, seconds_until_done
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
    """

    name: str  # the machine in a few words
    figures: dict[str, Any]  # the limits as measured at the start, for a file
    summary: str  # the same in a line
    rates: dict[str, float]  # the same in 1e9 a second, by name
    limit: Callable[[str], Limit]  # a limit by name, to be run beside a case
    clock: Clock  # for ops and steps
    kernel_clock: Clock  # for kernels alone
    busy: Side | None = None  # keeps a GPU busy for some milliseconds; None on the CPU
    release: Side = lambda: None  # lets the arrays of the limits go


def cpu_meter() -> Meter:
    """The limits on as many cores as are in use, measured at this moment."""
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


# -- a GPU -------------------------------------------------------------------------------------------------------------

COPY_BYTES = 1 << 30  # many times any GPU's L2 cache; less where memory is short
PRODUCT_SIDE = 8192  # large enough for every unit of any GPU


def gpu_meter() -> Meter:
    """The limits of the GPU, measured at this moment."""
    # Their arrays are large: made once.
    limit = cache(lambda name: device_copy() if name == COPY else device_product(name))
    kernel_clock = KernelClock(device_copy(COPY_BYTES // 4).run)
    rates = {name: device_rate(limit(name), kernel_clock) for name in (COPY, *PRECISIONS)}
    products = {name: rates[name] for name in PRECISIONS}
    teraflops = ", ".join(f"{name} {rate / 1e3:.3g}" for name, rate in products.items())
    return Meter(
        name=describe_device(),
        figures={"copy": rates[COPY], "products": products},
        summary=f"products in TFLOP/s {teraflops}, copy {rates[COPY]:.0f} GB/s",
        rates=rates,
        limit=limit,
        clock=seconds_until_done,
        kernel_clock=kernel_clock,
        busy=kernel_clock.keep_busy,
        release=limit.cache_clear,
    )


def device_copy(size: int | None = None) -> Limit:
    """A copy from the GPU's memory to its memory: bytes read plus bytes written."""
    cupy = cupy_module()
    a = cupy.ones(min(size or COPY_BYTES, memory().free // 8) // 4, np.float32)
    out = cupy.empty_like(a)
    return Limit(lambda: cupy.copyto(out, a), 2.0 * a.nbytes)


def device_product(precision: str, n: int | None = None) -> Limit:
    """A product of two n x n matrices by cuBLAS, in a precision of backend/precision.py.

    Of random numbers: with zeros or ones fewer wires change, the GPU draws less power and raises its clock.
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
    """Its name and size in a few words."""
    facts = cupy_module().cuda.runtime.getDeviceProperties(0)
    return (
        f"{facts['name'].decode()}, {facts['multiProcessorCount']} multiprocessors, "
        f"{readable(facts['totalGlobalMem'])}, L2 cache {readable(facts['l2CacheSize'])}"
    )
