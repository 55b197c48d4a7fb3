"""Sharing an op's work out over the cores of the CPU; a GPU does that itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from minidelve.backend import threads
from minidelve.backend.arrays import device_of
from minidelve.backend.implementations import chosen

T = TypeVar("T")


def in_shares(function: Callable[[slice], T], count: int, *arrays: Any, work: float = math.inf) -> list[T]:
    """[function(slice), ...] over slices that make up range(count): one per core, or all at once on CUDA.

    work    multiply-adds in all, about; a few are not worth waking another core
    """
    if not _divides(*arrays):
        return [function(slice(0, count))]
    return threads.in_shares(function, count, work)


def can_share(count: int, *arrays: Any) -> bool:
    """Whether a batch of `count` is worth cutting into shares that run whole layers side by side.

    On the CPU, with at least two images a core; a deterministic run decides by the batch alone.
    """
    enough = count > 1 if threads.is_deterministic() else 1 < threads.thread_count() <= count // 2
    return enough and _divides(*arrays)


def _divides(*arrays: Any) -> bool:
    """Whether work is shared out: Numba's simulator runs one kernel at a time."""
    return device_of(*arrays) == "cpu" and chosen("cpu") != "numba_cuda"
