"""Does one number stand out so far among the others that Winograd's algorithm should not mix it with them?

Winograd's algorithm computes a tile of outputs from sums and differences of all the numbers that the tile sees. One of
1e4 among others of size 1 leaves rounding errors of its own size in every output of its tile, also in those whose
window does not hold it; one that is infinite leaves NaN there. So the largest number is compared with the usual one,

    max |x|  <=  LARGEST mean |x|                                                              (even)

with the mean over every fourth row, which is enough to tell. (A mean of squares would be lifted by the outlier.) What
is not even is left to im2col, which mixes only what belongs together. Maps and gradients of networks in training are
even, as docs/measurements.md shows ("What the constants rest on").

>>> x = np.ones((1, 8, 8, 1))
>>> is_even(x), is_even(np.where(np.arange(64).reshape(x.shape) == 5, np.inf, x))
(True, False)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidelve.backend import device_of

LARGEST = 100.0  # times the usual number; winograd.py says what errors that leaves


def is_even(x: Any) -> bool:
    """Whether x (N, H, W, C) is (even), its numbers finite. Taken for granted on a GPU: to look there is to wait."""
    if device_of(x) != "cpu" or x.size == 0:
        return True
    rows = x[:, ::4]
    with np.errstate(all="ignore"):  # numbers whose sum overflows are not even, and NaN is not
        largest, total = max(float(x.max()), -float(x.min())), float(np.abs(rows).sum())
    return largest * rows.size <= LARGEST * total < float("inf")
