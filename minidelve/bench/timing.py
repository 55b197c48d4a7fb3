"""Timing on a machine that is never quiet: sides take turns, and only medians and ratios within a round count.

A round runs each side once, for about the same time. Whatever slows the machine down in that minute slows all of
them, so the ratio within a round is steadier than either time. Every other round runs in reverse order, so that no
side always comes first.

A call that computes on a GPU returns when its kernels are queued, long before they are done. So there are three clocks:

    seconds_per_call     an ordinary clock, for the CPU.
    seconds_until_done   an ordinary clock, read when the GPU has nothing left to do, before and after the calls. For
                         ops and steps of any library: waiting for the GPU waits for what PyTorch queued too. Python's
                         part counts as far as the GPU has to wait for it, as it does in training.
    KernelClock          the GPU's own clock, for kernels alone. A kernel may be done sooner than Python can queue the
                         next one, and would then be charged for Python. So the GPU is first given something else to
                         do, long enough to queue all the calls behind it.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from minidelve.backend.streams import seconds_on_device, synchronize

Side = Callable[[], Any]
Clock = Callable[[Side, int], float]  # (work, calls) -> the mean time of these calls in a row


@dataclass(frozen=True)
class Spread:
    """The median of several measurements, the smallest and the largest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """The spread of these measurements, at least one."""
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def seconds_per_call(work: Side, calls: int) -> float:
    """The mean time of several calls in a row."""
    start = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - start) / calls


def seconds_until_done(work: Side, calls: int) -> float:
    """The mean time of several calls in a row, from an idle GPU to an idle GPU."""

    def all_calls() -> None:
        for _ in range(calls):
            work()
        synchronize("cuda")

    synchronize("cuda")
    return seconds_per_call(all_calls, 1) / calls


class KernelClock:
    """The GPU's clock over calls that are all queued before the first one begins.

    busy   something for the GPU to do meanwhile, half a millisecond or so
    """

    HEAD_START = 1e-2  # seconds, in which Python queues CALLS of two or three kernels each
    CALLS = 50

    def __init__(self, busy: Side):
        busy()
        seconds = max(seconds_on_device(busy, 3), 1e-5)
        self.busy, self.times = busy, math.ceil(self.HEAD_START / seconds)

    def __call__(self, work: Side, calls: int) -> float:
        self.keep_busy()
        return seconds_on_device(work, min(calls, self.CALLS))

    def keep_busy(self) -> None:
        """Give the GPU HEAD_START seconds of work."""
        for _ in range(self.times):
            self.busy()


def interleaved(
    sides: Mapping[str, Side], rounds: int, seconds: float = 0.5, clock: Clock = seconds_per_call
) -> Iterator[dict[str, float]]:
    """Seconds per call of each side, round by round. A side is called as often as fits into `seconds`, at least once.

    Each side is called twice before: once to compile and to grow its buffers, once to see how long it takes.
    """
    calls = {}
    for name, work in sides.items():
        work()
        calls[name] = max(1, round(seconds / max(clock(work, 1), 1e-7)))
    for i in range(rounds):
        order = list(sides) if i % 2 == 0 else list(sides)[::-1]
        times = {name: clock(sides[name], calls[name]) for name in order}
        yield {name: times[name] for name in sides}


def ratio(rounds: list[dict[str, float]], ours: str) -> Spread:
    """Their time over ours, against the best of theirs in each round: above 1 we are faster."""
    return Spread.of([min(t for name, t in times.items() if name != ours) / times[ours] for times in rounds])
