"""A core's share of the images in pieces that fit into its cache, and the sums over pieces and shares.

The three convolutions (conv2d.py, direct.py, winograd.py) all go through their share piece by piece: what one
step of the computation writes, the next one reads from the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any


def pieces(share: slice, bytes_each: int, most: int) -> list[slice]:
    """The images of a share in slices of at most so many bytes, of an image at least; a share of none is one piece."""
    step = max(1, most // max(1, bytes_each))
    return [slice(i, min(i + step, share.stop)) for i in range(share.start, share.stop, step)] or [share]


def total(terms: Sequence[Any]) -> Any:
    """The sum of what each piece or core found, always in the same order; None where nobody asked for it."""
    return None if terms[0] is None else reduce(add, terms)
