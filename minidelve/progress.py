"""Progress of long work: a bar on a terminal, plain lines elsewhere (a log file, a pipe)."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
EVERY_SECONDS = 10.0  # between two plain lines


def progress(items: Iterable[T], total: int, what: str, unit: str = "batch") -> Iterator[T]:
    """Yield the items, showing on stderr how far we are and how long it may still take."""
    if sys.stderr.isatty():
        from tqdm import tqdm  # late: only a terminal needs it

        yield from tqdm(items, total=total, desc=what, leave=False, unit=unit)
        return
    first = spoken = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if done == 1:
            first = now  # until here kernels were compiled: the estimate counts from here on
        if now - spoken >= EVERY_SECONDS and done < total:
            left = f", about {duration((now - first) / (done - 1) * (total - done))} left" if done > 1 else ""
            print(f"{what}: {done}/{total}{left}", file=sys.stderr, flush=True)
            spoken = now


def duration(seconds: float) -> str:
    """Seconds as a person says them: 42 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
