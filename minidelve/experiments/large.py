"""The large networks A, B and C (Table 3) on small images: what Tables 4 to 7 have in common.

The paper trains them on crops of 224 pixels out of images whose shorter side is drawn from 256 to 512, and tests A with
images brought to 256, 384 and 480: 8/7, 12/7 and 15/7 of the crop. Here the lengths are smaller by about the same
factor, a fourth in the full budget, and the layers are narrower; their number, kernels and order stay.

    budget         crop    trained on    tested at        last map of a crop    windows of the last map, tested
    the paper       224    256 to 512    256, 384, 480    14 x 14               9, 121, 289
    quick            32     36 to  64     36,  48,  64     2 x  2               1,   4,   9
    class, lab       48     54 to  80     54,  64,  80     3 x  3               1,   4,   9
    full             56     64 to 128     64,  96, 120     3 x  3               4,  16,  25

Each step of the last map is 16 pixels of the image, as in the paper: so the maps are small, and the pyramid with them.
Its level of 3 x 3 bins has more bins than a map of 2 x 2 has places, so that its bins overlap there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minidelve.errors import Diverged
from minidelve.evaluation.ensemble import ALL_SCALES
from minidelve.experiments import style
from minidelve.experiments.claims import CannotTell, Column, Verdict
from minidelve.experiments.comparison import mean_and_spread
from minidelve.experiments.item import Budget, Setup
from minidelve.experiments.rows import Rows, select
from minidelve.experiments.statistics import estimate
from minidelve.experiments.trained import Trained, tested, trained
from minidelve.progress import note

# Options of `minidelve train`, but for "scales", at which is tested. The fully connected layers start by He's rule:
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
# On toy, with the paper's fixed deviations in the fully connected layers after all: of 1,024 units, and after (10).
CLASS: dict[str, Any] = LAB | {
    "init": "he", "fc": 1024, "fc_init": "table", "lr": 0.01, "epochs": 6, "milestones": [5],
}  # fmt: skip
FULL: dict[str, Any] = LAB | {
    "width": 0.25, "fc": 512, "size": 56, "short_side": 64, "jitter": [64, 128], "epochs": 30, "milestones": [24],
    "scales": [64, 96, 120],
}  # fmt: skip
BUDGETS = {"quick": Budget(1, QUICK), "class": Budget(3, CLASS), "lab": Budget(2, LAB), "full": Budget(3, FULL)}

A_RELU, A, B, C = "A, ReLU", "A, PReLU", "B, PReLU", "C, PReLU"
NETWORKS: dict[str, dict[str, Any]] = {
    A_RELU: {"model": "model_a", "activation": "relu"},
    A: {"model": "model_a", "activation": "prelu"},
    B: {"model": "model_b", "activation": "prelu"},
    C: {"model": "model_c", "activation": "prelu"},
}
DIFFERENT = (
    "Different from the paper: the data, far fewer epochs (the rate drops once, after 75% or 80% of them), crops and "
    "scales a fourth to an eighth as long, a pyramid of 3, 2 and 1 bins in place of 7, 3, 2 and 1, fully connected "
    "layers started by He's rule, no colour alteration, and images also divided by their standard deviation."
)
TEN_VIEWS, DENSE = "ten-view", "dense"
MULTI_SCALE = {"test": DENSE, "scale": ALL_SCALES}  # the rows of Tables 6 and 7
LEARNED = 0.95  # of guessing's error: above it a difference says nothing yet
LEAST = 0.1  # points: one image of 1,000, the step in which errors come


def networks(setup: Setup, names: Sequence[str]) -> list[Trained]:
    """The networks of these names, trained now or earlier; none if a loss did not stay finite, which is said.

    The user can do nothing about such a run, and the other networks are still worth comparing.
    """
    try:
        return [trained(setup, **NETWORKS[name]) for name in names]
    except Diverged as error:
        note(f"  {setup.variant}, seed {setup.seed}: {error}")
        return []


def errors(nets: Sequence[Trained], protocol: str, scales: Sequence[int] | None = None) -> Rows:
    """A row for each network and scale, for each one's mean over the scales, and last for the mean over networks.

    top1_error, top5_error   in percent; None without a network, as its loss did not stay finite. top5_error is None
                             where there are at most five classes
    guessing                 the top-1 error of guessing among as many classes
    """
    if not nets:
        names = [*map(str, scales), ALL_SCALES] if scales else [""]
        missing = dict.fromkeys(("top1_error", "top5_error", "guessing"))
        return [{"test": protocol, "scale": name} | missing for name in names]
    found = tested(nets, protocol=protocol, scales=scales)
    guessing = 100 - 100 / len(found.dataset.classes)
    return [
        {"test": protocol, "scale": row.scale if scales else "", "top1_error": e.top1, "top5_error": e.top5,
         "guessing": guessing}
        for row in found.rows for e in [row.tally.errors()]
    ]  # fmt: skip


class Learned:
    """Some network's error, at all scales together, is below LEARNED of guessing's; else nothing can be told."""

    def judge(self, rows: Rows) -> Verdict:
        known = [row for row in select(rows, **MULTI_SCALE) if row["top1_error"] is not None]
        if not known:
            raise CannotTell("No network's loss stayed finite.")
        best, guessing = min(row["top1_error"] for row in known), known[0]["guessing"]
        if best >= LEARNED * guessing:
            raise CannotTell(f"No network's error is below {100 * LEARNED:.0f}% of guessing's: too early to compare.")
        return Verdict(True, f"The lowest top-1 error is {best:.2f}%, that of guessing {guessing:.2f}%.")


def cell(rows: Rows, column: Column, **wanted: Any) -> str:
    """Mean and spread over the seeds, as a table shows them."""
    return mean_and_spread(rows, column, **wanted) or ("not finite" if select(rows, **wanted) else "")


def draw_means(panel: Any, lines: Sequence[str], series: Mapping[str, Sequence[Sequence[float]]]) -> None:
    """A mark for each mean and a pale dot for each seed; a series has numbers for each of the panel's lines."""
    for i, (label, of_lines) in enumerate(series.items()):
        places = [place + 0.2 * (i - (len(series) - 1) / 2) for place in range(len(lines))]
        for place, numbers in zip(places, of_lines, strict=True):
            panel.plot(numbers, [place] * len(numbers), ".", color="0.65", ms=5)
        means = [estimate(numbers).mean for numbers in of_lines]
        panel.plot(means, places, label=label, **style.line(i) | {"linestyle": "none", "markersize": 6})
    style.name_lines(panel, lines)
    panel.locator_params(axis="x", nbins=7)
    style.legend(panel)
