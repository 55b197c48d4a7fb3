"""A core's share of the images in pieces, and the sums over pieces and shares.

The three convolutions go through their share piece by piece.  conv2d.py and direct.py take so few images at a
time that the next step reads from the cache what one step has written; winograd.py takes more, so that U is read
less often.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

from minidelve.backend import array_module


def pieces(share: slice, bytes_each: int, most: int) -> list[slice]:
    """The images of a share in slices of at most so many bytes, of an image at least; a share of none is one piece."""
    step = max(1, most // max(1, bytes_each))
    return [slice(i, min(i + step, share.stop)) for i in range(share.start, share.stop, step)] or [share]


def total(terms: Sequence[Any]) -> Any:
    """The sum of what each piece or core found, always in the same order; None where nobody asked for it."""
    return None if terms[0] is None else reduce(add, terms)


def column_sums(rows: Any) -> Any:
    """rows.sum(axis=0) as a product: NumPy's sum takes up to four times as long on a long, narrow matrix."""
    xp = array_module(rows)
    return xp.matmul(xp.ones(len(rows), rows.dtype), rows)
