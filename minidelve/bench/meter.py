"""What rates are held against, and by which clock times are taken: of the CPU, or of a GPU.

A limit has a name: "copy", or a precision (precision.py) for matrix products in it.
"""

from __future__ import annotations

import platform
from functools import cache

from minidelve.backend.precision import PRECISIONS
from minidelve.backend.threads import thread_count
from minidelve.bench.machine import (
    COPY_BYTES,
    DeviceLimits,
    Limit,
    copy,
    describe_device,
    device_copy,
    device_product,
    device_rate,
    measure_limits,
    sgemm,
)
from minidelve.bench.timing import Clock, KernelClock, Side, clock_of

COPY = "copy"


class CpuMeter:
    """sgemm and copies on as many cores as are in use at the moment."""

    def __init__(self) -> None:
        self.limits = measure_limits()
        self.clock = self.kernel_clock = clock_of("cpu")
        self.busy: Side | None = None

    def describe(self) -> str:
        """The machine in a few words."""
        return f"{platform.processor() or platform.machine()}, {thread_count()} threads"

    def describe_limits(self) -> str:
        """The limits as measured at the start."""
        return f"products {self.limits.sgemm:.0f} GFLOP/s, copy {self.limits.copy:.1f} GB/s"

    def limit(self, name: str) -> Limit:
        """Something to run beside a case."""
        return copy() if name == COPY else sgemm()

    def rate(self, name: str) -> float:
        """A limit as measured at the start, in 1e9 a second."""
        return self.limits.copy if name == COPY else self.limits.sgemm

    def release(self) -> None:
        """Nothing is held."""


class CudaMeter:
    """cuBLAS and copies within the device's memory."""

    def __init__(self) -> None:
        self.limit = cache(self._limit)  # half a gigabyte or more each: made once
        clock = KernelClock(device_copy(COPY_BYTES // 4).run)
        self.kernel_clock: Clock = clock
        self.clock = clock_of("cuda")
        self.busy: Side | None = clock.keep_busy
        rates = {name: device_rate(self.limit(name), self.kernel_clock) for name in (COPY, *PRECISIONS)}
        self.limits = DeviceLimits(rates.pop(COPY), rates)

    def describe(self) -> str:
        """The GPU in a few words."""
        return describe_device()

    def describe_limits(self) -> str:
        """The limits as measured at the start."""
        products = ", ".join(f"{name} {rate / 1e3:.3g}" for name, rate in self.limits.products.items())
        return f"products in TFLOP/s {products}, copy {self.limits.copy:.0f} GB/s"

    def _limit(self, name: str) -> Limit:
        return device_copy() if name == COPY else device_product(name)

    def rate(self, name: str) -> float:
        """A limit as measured at the start, in 1e9 a second."""
        return self.limits.copy if name == COPY else self.limits.products[name]

    def release(self) -> None:
        """Let the arrays of the limits go."""
        self.limit.cache_clear()


def meter_of(device: str) -> CpuMeter | CudaMeter:
    """Of "cpu" or "cuda"; measures the limits, which takes a second."""
    return CpuMeter() if device == "cpu" else CudaMeter()
