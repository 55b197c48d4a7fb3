"""The large networks A, B and C (Table 3) on small images: what Tables 4 to 7 have in common.

The paper trains them on crops of 224 pixels out of images whose shorter side is drawn from 256 to 512, and tests A with
images brought to 256, 384 and 480: 8/7, 12/7 and 15/7 of the crop.  Here the lengths are smaller by about the same
factor, a fourth in the full budget, and the layers are narrower; their number, kernels and order stay.

    budget         crop    trained on    tested at        last map of a crop    windows of the last map, tested
    the paper       224    256 to 512    256, 384, 480    14 x 14               9, 121, 289
    quick            32     36 to  64     36,  48,  64     2 x  2               1,   4,   9
    lab              48     54 to  80     54,  64,  80     3 x  3               1,   4,   9
    full             56     64 to 128     64,  96, 120     3 x  3               4,  16,  25

Each step of the last map is 16 pixels of the image, as in the paper: so the maps are small, and the pyramid with them.
Its level of 3 x 3 bins has more bins than a map of 2 x 2 has places, so that its bins overlap there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minidelve.errors import Diverged
from minidelve.evaluation.ensemble import ALL_SCALES
from minidelve.experiments.item import Budget, Setup
from minidelve.experiments.rows import Rows
from minidelve.experiments.statistics import mean_and_error, plus_minus, spread
from minidelve.experiments.training import Trained, say, tested, trained

# Options of `minidelve train`, but for "scales", at which is tested.  The fully connected layers start by He's rule:
# the paper's fixed deviations 0.01 and 0.001 are meant for 4096 units; of so few, hardly any signal would arrive.
LAB: dict[str, Any] = {
    "init": "he-backward", "width": 0.125, "fc": 256, "fc_init": "he", "levels": [3, 2, 1], "size": 48,
    "short_side": 54, "jitter": [54, 80], "lr": 0.005, "batch_size": 32, "epochs": 8, "milestones": [6],
    "scales": [54, 64, 80],
}  # fmt: skip
QUICK: dict[str, Any] = LAB | {
    "width": 0.0625, "fc": 32, "size": 32, "short_side": 36, "jitter": [36, 64], "epochs": 1, "milestones": [],
    "scales": [36, 48, 64],
}  # fmt: skip
FULL: dict[str, Any] = LAB | {
    "width": 0.25, "fc": 512, "size": 56, "short_side": 64, "jitter": [64, 128], "epochs": 30, "milestones": [24],
    "scales": [64, 96, 120],
}  # fmt: skip
BUDGETS = {"quick": Budget(1, QUICK), "lab": Budget(2, LAB), "full": Budget(3, FULL)}

A_RELU, A, B, C = "A, ReLU", "A, PReLU", "B, PReLU", "C, PReLU"
NETWORKS: dict[str, dict[str, Any]] = {
    A_RELU: {"model": "model_a", "activation": "relu"},
    A: {"model": "model_a", "activation": "prelu"},
    B: {"model": "model_b", "activation": "prelu"},
    C: {"model": "model_c", "activation": "prelu"},
}
TEN_VIEWS, DENSE = "ten-view", "dense"
# Of guessing's error: above it a difference says nothing yet.  A rule of thumb, no test of whether a network guesses.
LEARNED = 0.95
TOO_EARLY = f"No network's error is below {100 * LEARNED:.0f}% of guessing's: too early to compare."
# Points: what one image of 1,000 makes.  Errors are multiples of an image's worth, so that two seeds may agree by
# coincidence, and a standard error of 0 is then no certainty.  The rows do not hold how many images there are.
LEAST = 0.1


def networks(setup: Setup, names: Sequence[str]) -> list[Trained]:
    """The networks of these names, trained now or earlier; none if a loss did not stay finite, which is said.

    The user can do nothing about such a run, and the other networks are still worth comparing.
    """
    try:
        return [trained(setup, **NETWORKS[name]) for name in names]
    except Diverged as error:
        say(f"{setup.variant}, seed {setup.seed}: {error}")
        return []


def errors(nets: Sequence[Trained], protocol: str, scales: Sequence[int] | None = None) -> Rows:
    """A row for each network and scale, for each one's mean over the scales, and last for the mean over networks.

    top1_error, top5_error   in percent; None without a network, as its loss did not stay finite
    guessing                 the top-1 error of guessing among as many classes
    """
    if not nets:
        names = [*map(str, scales), ALL_SCALES] if scales else [""]
        missing = dict.fromkeys(("top1_error", "top5_error", "guessing"))
        return [{"test": protocol, "scale": name, **missing} for name in names]
    found = tested(nets, protocol=protocol, scales=scales)
    guessing = 100 - 100 / len(found.dataset.classes)
    rows: Rows = []
    for row in found.rows:
        e, scale = row.tally.errors(), row.scale if scales else ""
        of_row = {"top1_error": e.top1, "top5_error": e.top5, "guessing": guessing}
        rows.append({"test": protocol, "scale": scale, **of_row})
    return rows


def known(rows: Rows) -> Rows:
    """The rows of networks whose loss stayed finite."""
    return [row for row in rows if row["top1_error"] is not None]


def learned(rows: Rows) -> bool:
    """Whether any network's error is below LEARNED of guessing's."""
    return any(row["top1_error"] < LEARNED * row["guessing"] for row in known(rows))


def clear(differences: Sequence[float]) -> int:
    """-1 or 1: on average below or above 0, by more than two standard errors and by more than LEAST; else 0.

    >>> clear([-0.5, -0.4]), clear([-0.1, -0.1]), clear([0.3]), clear([-1, 2]), clear([2, 3])
    (-1, 0, 0, 0, 1)
    """
    mean, error = mean_and_error(differences)
    if abs(mean) <= max(2 * error, LEAST + 1e-9):  # the difference of two rounded errors may be 0.1000000000001
        return 0
    return 1 if mean > 0 else -1


def cell(rows: Rows, column: str) -> str:
    """The mean over the seeds, with the standard deviation of single runs, as a table shows it."""
    numbers = [row[column] for row in known(rows)]
    if not numbers:
        return "not finite" if rows else ""
    return f"{mean_and_error(numbers)[0]:.2f}" + (f" (sd {spread(numbers):.2f})" if len(numbers) > 1 else "")


def beside(differences: Sequence[float]) -> str:
    """Mean difference ± its standard error, in points; nothing if no seed has both."""
    return plus_minus(*mean_and_error(differences), 2) if differences else ""


def point(panel: Any, numbers: Sequence[float], x: float, error: float, colour: str) -> None:
    """Single runs as pale dots at x, and a bar of two standard errors around their mean."""
    panel.plot([x] * len(numbers), numbers, ".", color="0.65", ms=5)
    if math.isfinite(error):
        panel.errorbar(x, mean_and_error(numbers)[0], 2 * error, color=colour, capsize=4, lw=1)


def few_seeds(count: int) -> str:
    """What is to be said about the standard errors of so few seeds, with a space before it."""
    return {1: " One seed tells no error.", 2: " Two seeds tell a standard error only roughly."}.get(count, "")
