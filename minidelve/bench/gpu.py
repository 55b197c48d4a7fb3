"""What a GPU can do at most: the rate of cuBLAS's products and of copies within its memory."""

from __future__ import annotations

from functools import cache

import numpy as np

from minidelve.backend import cupy_module, kernels_for, uniform, use
from minidelve.backend.precision import FACTORS, PRECISIONS, as_factor, using_precision
from minidelve.backend.streams import memory, readable
from minidelve.bench.machine import Limit, Meter
from minidelve.bench.timing import Clock, KernelClock, seconds_until_done
from minidelve.bench.work import COPY

COPY_BYTES = 1 << 30  # many times any GPU's L2 cache; less where memory is short
PRODUCT_SIDE = 8192  # large enough for every unit of any GPU


def gpu_meter() -> Meter:
    """Measures the limits, which takes a second."""
    limit = cache(lambda name: copy() if name == COPY else product(name))  # half a gigabyte or more each: made once
    kernel_clock = KernelClock(copy(COPY_BYTES // 4).run)
    rates = {name: best_rate(limit(name), kernel_clock) for name in (COPY, *PRECISIONS)}
    products = {name: rates[name] for name in PRECISIONS}
    teraflops = ", ".join(f"{name} {rate / 1e3:.3g}" for name, rate in products.items())
    return Meter(
        name=describe_gpu(),
        figures={"copy": rates[COPY], "products": products},
        summary=f"products in TFLOP/s {teraflops}, copy {rates[COPY]:.0f} GB/s",
        rates=rates,
        limit=limit,
        clock=seconds_until_done,
        kernel_clock=kernel_clock,
        busy=kernel_clock.keep_busy,
        release=limit.cache_clear,
    )


def copy(size: int | None = None) -> Limit:
    """A copy from the GPU's memory to its memory: bytes read plus bytes written."""
    cupy = cupy_module()
    a = cupy.ones(min(size or COPY_BYTES, memory().free // 8) // 4, np.float32)
    out = cupy.empty_like(a)
    return Limit(lambda: cupy.copyto(out, a), 2.0 * a.nbytes)


def product(precision: str, n: int | None = None) -> Limit:
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


def best_rate(limit: Limit, clock: Clock, rounds: int = 5) -> float:
    """The best rate of several short runs, in 1e9 a second, after one to warm up."""
    limit.run()
    return limit.work / min(clock(limit.run, 3) for _ in range(rounds)) / 1e9


def describe_gpu() -> str:
    """Its name and size in a few words."""
    facts = cupy_module().cuda.runtime.getDeviceProperties(0)
    return (
        f"{facts['name'].decode()}, {facts['multiProcessorCount']} multiprocessors, "
        f"{readable(facts['totalGlobalMem'])}, L2 cache {readable(facts['l2CacheSize'])}"
    )
