"""A core's share of the images in pieces, and the sums over pieces and shares.

The three convolutions go through their share piece by piece. conv/im2col.py and conv/direct.py take few enough images
at a time that each step reads from the cache what the step before has written; conv/winograd.py takes more, so that U
is read less often. On a GPU the share is the whole batch, and a piece is as large as is needed to keep all of the GPU
busy, and still small beside the maps of a training step.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import reduce
from operator import add
from typing import Any

from minidelve.backend import array_module, device_of
from minidelve.backend.setting import Setting

DEVICE_BYTES = 1 << 28  # at a time on a GPU: enough for all of it (docs/measurements.md, "What the constants rest on")


_one_by_one = Setting(False)


def image_by_image() -> AbstractContextManager[None]:
    """Inside this block a piece is one image: a small batch is computed as a large one is, in several pieces."""
    return _one_by_one.using(True)


def pieces(share: slice, bytes_each: int, most: int) -> list[slice]:
    """A share's images in slices, the pieces, of at most `most` bytes, but at least an image; one if it is empty."""
    step = 1 if _one_by_one.value else max(1, most // max(1, bytes_each))
    return [slice(i, min(i + step, share.stop)) for i in range(share.start, share.stop, step)] or [share]


def bytes_at_a_time(x: Any, on_cpu: int) -> int:
    """How much room one piece may take on x's device."""
    return on_cpu if device_of(x) == "cpu" else max(on_cpu, DEVICE_BYTES)


def total(terms: Sequence[Any]) -> Any:
    """The sum of what each piece or core found, always in the same order; None where it was not wanted."""
    return None if terms[0] is None else reduce(add, terms)


def column_sums(rows: Any) -> Any:
    """rows.sum(axis=0) as a product, since NumPy's sum is slow on a long, narrow matrix (docs/measurements.md)."""
    xp = array_module(rows)
    return xp.matmul(xp.ones(len(rows), rows.dtype), rows)
