"""Timing on a machine that is never quiet: sides take turns, and only medians and ratios within a round count.

A round runs each side once, for about the same time.  Whatever slows the machine down in that minute slows
all of them, so the ratio within a round is steadier than either time.  Every other round runs in reverse
order, so that no side always comes first.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Side = Callable[[], Any]


@dataclass(frozen=True)
class Spread:
    """The median of several measurements, the smallest and the largest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


def seconds_per_call(work: Side, calls: int) -> float:
    """The mean time of so many calls in a row."""
    start = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - start) / calls


def interleaved(sides: Mapping[str, Side], rounds: int, seconds: float = 0.5) -> Iterator[dict[str, float]]:
    """Seconds per call of each side, round by round.  A side is called as often as fits into `seconds`, at least once.

    Each side is called twice before: once to compile and to grow its buffers, once to see how long it takes.
    """
    calls = {}
    for name, work in sides.items():
        work()
        calls[name] = max(1, round(seconds / max(seconds_per_call(work, 1), 1e-7)))
    for i in range(rounds):
        order = list(sides) if i % 2 == 0 else list(sides)[::-1]
        times = {name: seconds_per_call(sides[name], calls[name]) for name in order}
        yield {name: times[name] for name in sides}


def ratio(rounds: list[dict[str, float]], ours: str) -> Spread:
    """Their time over ours, against the best of theirs in each round: above 1 we are faster."""
    return Spread.of([min(t for name, t in times.items() if name != ours) / times[ours] for times in rounds])
