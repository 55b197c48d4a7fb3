"""How much of the differences between classes is chance? Two tests by dealing out at random.

Uneven? Had every class the same chance to be missed, some would still have a few misses more than others. With m of a
class's n images missed, and a share q of all N images, the spread over the C classes is

    X^2 = sum over the classes of (m - n q)^2 / (n q (1 - q))

Chance alone means that the misses are dealt out among the images at random: then X^2 is N (C - 1) / (N - 1) on average.
The spread is given in units of that, and DRAWS deals tell p, how often chance makes one as wide as ours.

The same classes in every run? In each run the classes are ranked by their errors. The mean correlation between the
ranks of two runs is compared with that of ranks shuffled DRAWS times. All runs are tested on the same images: what
they agree on is how hard these images of a class are.

Such a p is never 0: ours is counted as one more deal, (1 + as wide) / (1 + DRAWS).
"""

from __future__ import annotations

import numpy as np

from minidelve.experiments.statistics import ranks

DRAWS = 2_000


def unevenness(images: np.ndarray, misses: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """(spread, p) of a run's misses over the classes; (1, 1) where no image was missed, or all were.

    images, misses   (C,) whole numbers

    >>> unevenness(np.array([50, 50]), np.array([25, 25]), np.random.default_rng(0))
    (0.0, 1.0)
    """
    total, missed, classes = int(images.sum()), int(misses.sum()), len(images)
    if missed in (0, total) or classes < 2:
        return 1.0, 1.0
    q = missed / total

    def spread(m: np.ndarray) -> np.ndarray:
        return ((m - images * q) ** 2 / (images * q * (1 - q))).sum(axis=-1)

    ours = float(spread(misses))
    dealt = spread(rng.multivariate_hypergeometric(images, missed, DRAWS))
    by_chance = total * (classes - 1) / (total - 1)
    return ours / by_chance, share(dealt, ours)


def agreement(errors: np.ndarray, rng: np.random.Generator) -> tuple[float, float] | None:
    """(mean rank correlation between any two runs, p); None for one run, or one whose classes all have the same error.

    errors   (runs, C)

    >>> agreement(np.array([[1, 2, 3, 4], [10, 20, 30, 40]]), np.random.default_rng(0))[0]
    1.0
    """
    runs, classes = errors.shape
    z = np.stack([ranks(row) for row in errors])
    deviations = z.std(axis=1, keepdims=True)
    if runs < 2 or (deviations == 0).any():
        return None
    z = (z - z.mean(axis=1, keepdims=True)) / deviations

    # With z of mean 0 and mean square 1, the correlation of two runs is mean(z_r z_s). The square of sum_r z_r has
    # each pair of runs twice, and each run with itself, where the mean is 1.
    def correlation(together: np.ndarray) -> np.ndarray:
        return ((together**2).mean(axis=-1) - runs) / (runs * (runs - 1))

    ours = float(correlation(z.sum(axis=0)))
    shuffled = np.zeros((DRAWS, classes))
    for row in z:
        shuffled += rng.permuted(np.tile(row, (DRAWS, 1)), axis=1)
    return round(ours, 12), share(correlation(shuffled), ours)


def share(by_chance: np.ndarray, ours: float) -> float:
    """How often chance gives as much as ours; sums may differ from their like by rounding."""
    return (1 + int((by_chance >= ours - 1e-9).sum())) / (1 + len(by_chance))
