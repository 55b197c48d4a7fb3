"""`fig3-left`: He's initialization against Xavier's on 22 layers, where both converge and He's starts earlier.

The two differ in one number a layer (section 2.2; nn/init.py derives it): std sqrt(2/n) or sqrt(1/n) for the weights
of a conv layer whose responses are sums of n products.  With rectifiers the second leaves a signal that is sqrt(2)
times weaker after each layer.  Model B has 19 conv layers: 2^(-19/2) = 1.4e-3 of He's signal arrives, which delays
training and does not prevent it.

"Earlier" needs a moment.  Ours is the first point of the course (a tenth of an epoch) whose training loss is FALL
below ln C, the loss of knowing nothing.  Both networks of a seed start from the same normal deviates, scaled
differently, and see the same batches, so that moments are compared seed by seed.  A moment is known to a point of the
course and no closer: a smaller gap does not count, however well the seeds agree.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from minidelve.experiments import style
from minidelve.experiments.claims import Own, Trend
from minidelve.experiments.courses import (
    BATCHES,
    EPOCH,
    chance_error,
    chance_loss,
    class_count,
    course,
    draw_seeds,
    final,
    last_epoch,
    mark_chance,
    points,
    show_at_least,
    told,
)
from minidelve.experiments.item import Budget, Item, Setup
from minidelve.experiments.rows import Rows, distinct, select
from minidelve.experiments.statistics import mean_and_error
from minidelve.experiments.training import trained

# fc_init "he" with either: the two differ in the conv layers alone.  The paper's fixed 0.01 of the fully connected
# layers is meant for 4,096 units; with few of them hardly any signal passes.  No milestones: the rate never falls.
LAB: dict[str, Any] = {
    "model": "model_b", "activation": "relu", "width": 0.125, "fc": 256, "fc_init": "he", "levels": [3, 2, 1],
    "size": 32, "short_side": 36, "lr": 0.002, "batch_size": 32, "weight_decay": 5e-4, "milestones": [], "epochs": 6,
}  # fmt: skip
QUICK: dict[str, Any] = LAB | {"epochs": 1}
FULL: dict[str, Any] = LAB | {"width": 0.25, "fc": 512, "size": 56, "short_side": 64, "epochs": 15}

HE, XAVIER = "He", "Xavier"
INITS = {HE: "he", XAVIER: "xavier"}
FALL = 0.05  # nats below ln C: more than a mean over a tenth of an epoch wavers


def run(setup: Setup) -> Rows:
    """The course of one run."""
    return course(trained(setup, init=INITS[setup.variant]))


def starts(rows: Rows, variant: str) -> dict[int, float | None]:
    """Seed -> the epoch at which the training loss is first FALL below ln C, None for never."""
    level = chance_loss(rows) - FALL
    found: dict[int, float | None] = {}
    for seed in distinct(select(rows, variant=variant), "seed"):
        losses = points(rows, BATCHES, "train_loss", variant=variant, seed=seed)
        found[seed] = next((epoch for epoch, loss in losses if loss <= level), None)
    return found


def head_start(rows: Rows) -> list[float]:
    """By how many epochs He's starts earlier, seed by seed.

    A seed with which neither starts tells nothing and is left out.  If one of the two never starts, it counts as
    starting at the end; it would be later still, so the size of the gap is rather understated.
    """
    he, xavier, end = starts(rows, HE), starts(rows, XAVIER), last_epoch(rows)
    pairs = [(he[seed], xavier[seed]) for seed in he if seed in xavier]
    return [(x or end) - (h or end) for h, x in pairs if h or x]  # no start is at 0


def grain(rows: Rows) -> float:
    """How many epochs lie between two points of the course, at the least."""
    epochs = sorted(distinct(select(rows, what=BATCHES), "epoch"))
    return min((b - a for a, b in pairwise(epochs)), default=math.inf)


def start_text(rows: Rows, variant: str) -> str:
    """When a variant starts: the mean over the seeds that do, and how many do not."""
    found = starts(rows, variant)
    known = [epoch for epoch in found.values() if epoch is not None]
    never = len(found) - len(known)
    if not known:
        return f"not within {last_epoch(rows):.0f}"
    return told(known, 2) + (f" ({never} of {len(found)} seeds never)" if never else "")


def stuck(rows: Rows) -> list[str]:
    """The variants of which a seed ends no better than guessing, within two standard errors."""
    chance, error = chance_error(rows)
    return [v for v in INITS if any(e > chance - 2 * error for e in final(rows, v, "val_error").values())]


def table(rows: Rows) -> tuple[list[str], list[list[str]]]:
    """Start and end of both; the paper gives curves and no numbers."""
    lines = [
        [
            variant, start_text(rows, variant), told(list(final(rows, variant, "train_loss").values()), 3),
            told(list(final(rows, variant, "val_error").values()), 2), paper,
        ]
        for variant, paper in ((HE, "converges, starts earlier"), (XAVIER, "converges"))
    ]  # fmt: skip
    lines.append(["guessing", "", f"{chance_loss(rows):.3f}", f"{chance_error(rows)[0]:.2f}", ""])
    return [
        "initialization", f"epochs until the loss is {FALL} below ln C", "training loss, last epoch",
        "top-1 error %, validation, last epoch", "paper (Figure 3 left, a curve)",
    ], lines  # fmt: skip


def waiting(rows: Rows, variant: str) -> str:
    """What is said of a variant that is stuck."""
    moved = any(start is not None for start in starts(rows, variant).values())
    words = "a seed or more is not below guessing by two standard errors" if moved else "the loss has not moved"
    return f" With {variant}'s initialization {words} by epoch {last_epoch(rows):.0f}."


def clear(gaps: list[float], least: float) -> bool:
    """Whether the mean gap is off 0 by more than two standard errors, and by at least a point of the course."""
    gap, error = mean_and_error(gaps)
    return abs(gap) > 2 * error and abs(gap) > least - 1e-9


def trend(rows: Rows) -> Trend:
    """He's starts earlier, clearly, and both end below chance; what has not started yet is no contradiction."""
    gaps, chance = head_start(rows), chance_error(rows)[0]
    errors = {variant: list(final(rows, variant, "val_error").values()) for variant in INITS}
    words = "; ".join(f"{variant} {told(numbers, 2)}" for variant, numbers in errors.items())
    said = f"Validation error after the last epoch, in %: {words} (guessing: {chance:.2f})."
    if not all(errors.values()):
        return Trend(None, f"{said} A number is missing.")
    if left := stuck(rows):
        said += "".join(waiting(rows, variant) for variant in left)
        said += " The paper's figure covers about 28,000 steps of 128 images: more epochs may be needed."
    if not gaps:
        return Trend(None, f"{said} No seed's loss is {FALL} below ln C with either.")
    said += f" With He's initialization the training loss is {FALL} below ln C {told(gaps, 2)} epochs earlier, seed by "
    said += "seed, where one that never starts counts as starting at the end (asked for: above 0 by more than two "
    said += "standard errors, and by a point of the course)."
    earlier = mean_and_error(gaps)[0] > 0
    return Trend(
        None if not clear(gaps, grain(rows)) or (earlier and left) else earlier,
        said + ("" if len(gaps) > 1 else " One seed tells no error."),
    )


def draw_courses(panels: list[Any], rows: Rows) -> None:
    """Training loss on the first panel and validation error on the second, a thin line a seed."""
    losses, errors = panels
    mark_chance(losses, chance_loss(rows), f"guessing: ln {class_count(rows)}")
    mark_chance(errors, chance_error(rows)[0], f"guessing: {chance_error(rows)[0]:.1f}%")
    for i, variant in enumerate(INITS):
        draw_seeds(losses, rows, variant, BATCHES, "train_loss", **style.line(i, every=(5 * i, 10)))
        draw_seeds(errors, rows, variant, EPOCH, "val_error", **style.line(i))
    losses.set(title="training loss, means of a tenth of an epoch", ylabel="cross entropy (nats)")
    errors.set(title="validation, centre crops", ylabel="top-1 error (%)")
    show_at_least(losses, chance_loss(rows) - 2 * FALL, chance_loss(rows) + FALL)
    show_at_least(errors, chance_error(rows)[0] - 3, chance_error(rows)[0] + 3)
    for panel in panels:
        panel.set(xlabel="epoch", xlim=(0, 1.02 * last_epoch(rows)))
        panel.legend(loc="best")


def draw(rows: Rows) -> Any:
    """The courses of every seed."""
    figure, panels = style.panels("22 layers (model B), ReLU: He's initialization against Xavier's", 1, 2)
    draw_courses(panels, rows)
    panels[0].axhline(chance_loss(rows) - FALL, color="0.4", ls=":", lw=1.2, label=f'"started": {FALL} below')
    panels[0].legend(loc="best")
    return figure


ITEM = Item(
    name="fig3-left",
    title="He's initialization against Xavier's on 22 layers: both converge",
    where="Figure 3 left [arXiv v1: Figure 2]",
    paper="Section 2.2 and Figure 3 left (Figure 2 in the first version): model B of Table 3, 19 conv and 3 fully "
    "connected layers with ReLU, on ImageNet. Both initializations converge, and He's starts to fall earlier. The "
    "figure shows the top-1 error on validation images over the first three epochs.",
    ours="Model B with an eighth of its channels (`full`: a quarter), 256 units in fc1 and fc2 (512) and a smaller "
    "pyramid, on images of 32 pixels (56), with batches of 32 and a constant learning rate of 0.002. The fully "
    "connected layers start by He's rule with either initialization, so that the two differ in the conv layers alone. "
    f"A run has started when its training loss is {FALL} below ln C, C the number of classes.",
    budgets={"quick": Budget(1, QUICK), "lab": Budget(2, LAB), "full": Budget(4, FULL)},
    variants=lambda budget: list(INITS),
    run=run, table=table, claims=[Own(trend)], draw=draw,
)  # fmt: skip
