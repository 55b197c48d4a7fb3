"""The little statistics that the pages need.

n seeds give n numbers x. Their mean is known up to its standard error, s / sqrt(n), with s^2 = sum (x - mean)^2 /
(n - 1). As s itself is estimated, (mean - true mean) / (s / sqrt(n)) has Student's distribution with n - 1 degrees of
freedom, if the x are normal. So, with T a number drawn from that distribution, the true mean lies in

    mean ± t s / sqrt(n)

19 times in 20, where t is the number below which |T| lies just as often: 12.7 for two seeds, 4.3 for three,
3.2 for four, and 1.96 in the limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from minidelve.experiments.rows import Rows, by_seed

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """The mean of n numbers, and the 95% interval around it in which the true mean lies.

    mean    NaN for n = 0
    error   the standard error of the mean, s / sqrt(n); inf for n < 2
    count   n
    """

    mean: float
    error: float
    count: int

    @property
    def half(self) -> float:
        """Half the length of the interval; inf for n < 2."""
        return student_t(self.count - 1) * self.error if self.count > 1 else math.inf

    @property
    def bar(self) -> float:
        """The length of an error bar: none where the interval is not known."""
        return self.half if math.isfinite(self.half) else 0.0

    def __neg__(self) -> Estimate:
        """The estimate of -x."""
        return Estimate(-self.mean, self.error, self.count)

    def sign(self, least: float = 0.0) -> int:
        """1 or -1: the whole interval lies above or below 0, and the mean is further from it than `least`; else 0.

        `least` is for numbers that come in steps: seeds may agree by coincidence, with an interval of length 0.

        >>> [estimate([4.0, 4.1]).sign(), estimate([-4.0, -4.1]).sign(), estimate([4.0, 6.0]).sign()]
        [1, -1, 0]
        >>> estimate([0.1, 0.1]).sign(least=0.1), estimate([4.0]).sign(), estimate([]).sign()
        (0, 0, 0)
        """
        # The difference of two rounded numbers may be 0.1000000000001.
        if not abs(self.mean) > max(self.half, least + 1e-9 if least else 0.0):
            return 0
        return 1 if self.mean > 0 else -1

    def text(self, digits: int = 3) -> str:
        """The mean ± half its interval.

        >>> estimate([1.0, 1.0, 4.0, 4.0]).text(2), estimate([2.0]).text(1), estimate([]).text()
        ('2.50 ± 2.76', '2.0', 'not known')
        """
        if not self.count:
            return "not known"
        return f"{self.mean:.{digits}f}" + (f" ± {self.half:.{digits}f}" if math.isfinite(self.half) else "")


def estimate(numbers: Sequence[float]) -> Estimate:
    """The estimate that these numbers give, one from each seed."""
    n = len(numbers)
    return Estimate(float(np.mean(numbers)) if n else math.nan, spread(numbers) / math.sqrt(n or 1), n)


@cache
def student_t(freedom: int) -> float:
    """The t for which |T| < t with probability CONFIDENCE, by bisection.

    >>> [round(student_t(freedom), 3) for freedom in (1, 2, 3, 30)]
    [12.706, 4.303, 3.182, 2.042]
    """
    low, high = 0.0, 13.0  # the largest, of 1 degree of freedom, is 12.7
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if student_within(middle, freedom) < CONFIDENCE else (low, middle)
    return middle


def student_within(t: float, freedom: int) -> float:
    """P(|T| < t), T of n degrees of freedom (Abramowitz and Stegun, 26.7.3 and 26.7.4). With tan(u) = t / sqrt(n),

        n odd     2/pi (u + sin(u) (cos(u) + 2/3 cos^3(u) + ... + (2 4 ... (n-3)) / (3 5 ... (n-2)) cos^(n-2)(u)))
        n even    sin(u) (1 + 1/2 cos^2(u) + ... + (1 3 ... (n-3)) / (2 4 ... (n-2)) cos^(n-2)(u))

    >>> round(student_within(1.0, 1), 12), round(student_within(1.0, 2), 6)
    (0.5, 0.57735)
    """
    u = math.atan(t / math.sqrt(freedom))
    odd = freedom % 2
    term, total = math.cos(u) if odd else 1.0, 0.0
    for k in range(odd, freedom - 1, 2):
        total += term
        term *= (k + 1) / (k + 2) * math.cos(u) ** 2
    return 2 / math.pi * (u + math.sin(u) * total) if odd else math.sin(u) * total


def spread(numbers: Sequence[float]) -> float:
    """The standard deviation s of single runs; of a single one it is not known: inf.

    >>> round(spread([1.0, 1.0, 4.0, 4.0]), 3)
    1.732
    """
    return float(np.std(numbers, ddof=1)) if len(numbers) > 1 else math.inf


def paired(rows: Rows, variant: str, other: str, column: str) -> list[float]:
    """variant - other for each seed that has both numbers.

    What a seed does to both, its luck, cancels: Var[x - y] = Var[x] + Var[y] - 2 Cov[x, y].

    >>> runs = [("a", 0, 1), ("b", 0, 3), ("a", 1, 2), ("b", 1, 5), ("a", 2, None), ("b", 2, 4)]
    >>> rows = [{"variant": variant, "seed": seed, "error": error} for variant, seed, error in runs]
    >>> paired(rows, "a", "b", "error")
    [-2, -3]
    """
    mine, theirs = (by_seed(rows, column, variant=v) for v in (variant, other))
    return [mine[seed] - theirs[seed] for seed in mine if seed in theirs]


def ranks(x: np.ndarray) -> np.ndarray:
    """(C,) places in rising order, from 1; equal numbers share the mean of their places.

    >>> ranks(np.array([5, 3, 5, 9])).tolist()
    [2.5, 1.0, 2.5, 4.0]
    """
    _, which, counts = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[which]
