"""The little statistics that the pages need.

n seeds give n numbers x.  Their mean is known up to its standard error, s / sqrt(n), with s^2 = sum (x - mean)^2 /
(n - 1): about two times in three the true mean lies within one of it, 19 times in 20 within two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def mean_and_error(numbers: Sequence[float]) -> tuple[float, float]:
    """(mean, its standard error); the error of a single number is not known: inf.

    >>> mean_and_error([1.0, 1.0, 4.0, 4.0])[0], round(mean_and_error([1.0, 1.0, 4.0, 4.0])[1], 3)
    (2.5, 0.866)
    """
    mean = float(np.mean(numbers))
    if len(numbers) < 2:
        return mean, math.inf
    return mean, float(np.std(numbers, ddof=1)) / math.sqrt(len(numbers))


def plus_minus(mean: float, error: float, digits: int = 3) -> str:
    """A mean with its standard error, as text.

    >>> plus_minus(0.39912, 0.0013), plus_minus(2.0, math.inf, 1)
    ('0.399 ± 0.001', '2.0')
    """
    return f"{mean:.{digits}f}" + (f" ± {error:.{digits}f}" if math.isfinite(error) else "")
