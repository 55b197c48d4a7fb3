"""The little statistics that the pages need.

n seeds give n numbers x.  Their mean is known up to its standard error, s / sqrt(n), with s^2 = sum (x - mean)^2 /
(n - 1).  For many numbers the true mean lies within two of it 19 times in 20.  For few, s itself is a guess, and it
does so less often (Student's t): 7 times in 10 for n = 2, 8 for n = 3, 86 times in 100 for n = 4.  The items ask for
two, as is usual, and say how many seeds there are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minidelve.experiments.item import Rows, select


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


def spread(numbers: Sequence[float]) -> float:
    """The standard deviation s of single runs; of a single one it is not known: inf.

    >>> round(spread([1.0, 1.0, 4.0, 4.0]), 3)
    1.732
    """
    return float(np.std(numbers, ddof=1)) if len(numbers) > 1 else math.inf


def paired(rows: Rows, variant: str, other: str, column: str) -> list[float]:
    """variant - other for each seed that both have.

    What a seed does to both, its luck, cancels: Var[x - y] = Var[x] + Var[y] - 2 Cov[x, y].

    >>> runs = [("a", 0, 1), ("b", 0, 3), ("a", 1, 2), ("b", 1, 5)]
    >>> rows = [{"variant": variant, "seed": seed, "error": error} for variant, seed, error in runs]
    >>> paired(rows, "a", "b", "error")
    [-2, -3]
    """
    mine, theirs = ({row["seed"]: row[column] for row in select(rows, variant=v)} for v in (variant, other))
    return [mine[seed] - theirs[seed] for seed in mine if seed in theirs]


def ranks(x: np.ndarray) -> np.ndarray:
    """(C,) places in rising order, from 1; equal numbers share the mean of their places.

    >>> ranks(np.array([5, 3, 5, 9])).tolist()
    [2.5, 1.0, 2.5, 4.0]
    """
    _, which, counts = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[which]
