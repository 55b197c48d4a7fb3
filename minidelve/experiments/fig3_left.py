"""`fig3-left`: He's initialization against Xavier's on 22 layers, where both converge and He's starts earlier.

The two differ in one number a layer (section 2.2; nn/init.py derives it): std sqrt(2/n) or sqrt(1/n) for the weights
of a conv layer whose responses are sums of n products. With rectifiers the second leaves a signal that is sqrt(2)
times weaker after each layer. Model B has 19 conv layers: 2^(-19/2) = 1.4e-3 of He's signal arrives, which delays
training and does not prevent it.

A run has started at the first point of the course (a tenth of an epoch) whose training loss is FALL below ln C, the
loss of knowing nothing. Both networks of a seed start from the same normal deviates and see the same batches.
"""

from __future__ import annotations

from typing import Any

from minidelve.experiments import courses, style
from minidelve.experiments.claims import Above, Claim, Column, Every, Table
from minidelve.experiments.comparison import mean_and_spread
from minidelve.experiments.courses import BATCHES, BESIDE, EPOCH, ends, guessing, last_epoch
from minidelve.experiments.item import Budget, Item, Setup
from minidelve.experiments.rows import Rows, distinct, select
from minidelve.experiments.trained import trained

# fc_init "he" with either: the two differ in the conv layers alone. The paper's fixed 0.01 of the fully connected
# layers is meant for 4,096 units; with few of them hardly any signal passes. No milestones: the rate never falls.
LAB: dict[str, Any] = {
    "model": "model_b", "activation": "relu", "width": 0.125, "fc": 256, "fc_init": "he", "levels": [3, 2, 1],
    "size": 32, "short_side": 36, "lr": 0.002, "batch_size": 32, "weight_decay": 5e-4, "milestones": [], "epochs": 6,
}  # fmt: skip
QUICK: dict[str, Any] = LAB | {"epochs": 1}
CLASS: dict[str, Any] = LAB | {"fc": 1024, "fc_init": "table", "size": 48, "short_side": 54, "lr": 0.01}
FULL: dict[str, Any] = LAB | {"width": 0.25, "fc": 512, "size": 56, "short_side": 64, "epochs": 15}

HE, XAVIER = "He", "Xavier"
INITS = {HE: "he", XAVIER: "xavier"}
FALL = 0.05  # nats below ln C: more than a mean over a tenth of an epoch wavers
POINT = 0.095  # epochs: the course has ten points an epoch, and a smaller gap than one does not count
STARTED = "started"  # the rows that tell when
LOSS, ERROR = Column("train_loss", "training loss"), Column("val_error", "top-1 error %, validation", digits=2)
FIRST = Column("first", f"epochs until the loss is {FALL} below ln C", "epochs", 2)
BEYOND_LUCK = "validation error after the last epoch less guessing's, in its standard errors"
ABOVE_CHANCE = Column("error", BEYOND_LUCK, digits=2)
COUNTED = Column("counted", FIRST.words, "epochs", 2)


def run(setup: Setup) -> Rows:
    """The course of one run."""
    return courses.course(trained(setup, init=INITS[setup.variant]))


def starts(rows: Rows) -> Rows:
    """A row for each run: the epoch at which it is `first` FALL below ln C, None for never, and what is `counted`.

    A run that never starts counts as starting at the end; it would be later still, so the size of the gap is rather
    understated. A seed with which neither starts tells nothing and does not count.
    """
    level, end, found = guessing(rows).loss - FALL, last_epoch(rows), []
    for seed in distinct(rows, "seed"):
        first = {}
        for variant in distinct(select(rows, seed=seed), "variant"):
            losses = zip(*courses.mean_curve(rows, BATCHES, "train_loss", variant=variant, seed=seed), strict=True)
            first[variant] = next((epoch for epoch, loss in losses if loss <= level), None)
        for variant, epoch in first.items():
            counted = (epoch or end) if any(first.values()) else None  # no start is at 0
            found.append({"variant": variant, "seed": seed, "what": STARTED, "first": epoch, "counted": counted})
    return found


CLAIMS: list[Claim] = [
    *(Every(v, ABOVE_CHANCE, high=-2, early=lambda rows: True, where={"what": BESIDE}) for v in INITS),
    Above(XAVIER, HE, COUNTED, least=POINT, where={"what": STARTED}),
]


def table(rows: Rows) -> Table:
    """Start and end of both; the paper gives curves and no numbers."""
    lines, columns = [], {FIRST: select(rows, what=STARTED), LOSS: ends(rows), ERROR: ends(rows)}
    for variant, paper in ((HE, "converges, starts earlier"), (XAVIER, "converges")):
        start, *end = (mean_and_spread(own, column, variant=variant) for column, own in columns.items())
        first = [row["first"] for row in select(rows, what=STARTED, variant=variant)]
        never = f" ({first.count(None)} of {len(first)} seeds never)" if None in first else ""
        lines.append([variant, f"{start or f'not within {last_epoch(rows):.0f}'}{never}", *end, paper])
    guess = guessing(rows)
    lines.append(["guessing", "", f"{guess.loss:.3f}", f"{guess.error:.2f}", ""])
    return ["initialization", FIRST.words, *(f"{c.words}, last epoch" for c in (LOSS, ERROR)), "paper (a curve)"], lines


def draw_courses(panels: list[Any], rows: Rows) -> None:
    """Training loss on the first panel and validation error on the second, a thin line a seed."""
    guess, (losses, errors) = guessing(rows), panels
    losses.axhline(guess.loss, label=f"guessing: ln {guess.classes}", **style.PREDICTION)
    errors.axhline(guess.error, label=f"guessing: {guess.error:.1f}%", **style.PREDICTION)
    for i, variant in enumerate(INITS):
        courses.draw_seeds(losses, rows, variant, BATCHES, "train_loss", **style.line(i, every=(5 * i, 10)))
        courses.draw_seeds(errors, rows, variant, EPOCH, "val_error", **style.line(i))
    losses.set(title="training loss, means of a tenth of an epoch", ylabel="cross entropy (nats)")
    errors.set(title="validation, centre crops", ylabel="top-1 error (%)")
    courses.show_at_least(losses, guess.loss - 2 * FALL, guess.loss + FALL)
    courses.show_at_least(errors, guess.error - 3, guess.error + 3)
    for panel in panels:
        panel.set(xlabel="epoch", xlim=(0, 1.02 * last_epoch(rows)))


def draw(rows: Rows) -> Any:
    """The courses of every seed."""
    figure, panels = style.panels("22 layers (model B), ReLU: He's initialization against Xavier's", 1, 2)
    draw_courses(panels, rows)
    panels[0].axhline(guessing(rows).loss - FALL, label=f'"started": {FALL} below', **style.LEVEL)
    style.legend(*panels)
    return figure


ITEM = Item(
    name="fig3-left",
    title="He's initialization against Xavier's on 22 layers: both converge",
    where="Figure 3 left [arXiv v1: Figure 2]",
    paper="Section 2.2: model B of Table 3, 19 conv and 3 fully connected layers with ReLU, on ImageNet. Both "
    "initializations converge, and He's starts to fall earlier. The figure shows the top-1 error on validation images "
    "over the first three epochs, about 28,000 steps of 128 images: ours are far fewer, and more may be needed.",
    ours="Model B with an eighth of its channels (`full`: a quarter), 256 units in fc1 and fc2 (512) and a smaller "
    "pyramid, on images of 32 pixels (56), with batches of 32 and a constant learning rate of 0.002. The fully "
    "connected layers start by He's rule with either initialization, so that the two differ in the conv layers alone. "
    f"A run has started when its training loss is {FALL} below ln C, C the number of classes; one that "
    "never does counts as starting at the end.",
    budgets={"quick": Budget(1, QUICK), "class": Budget(3, CLASS), "lab": Budget(2, LAB), "full": Budget(4, FULL)},
    minutes={"quick": 1, "class": 6, "lab": 7},
    variants=lambda budget: list(INITS),
    run=run, derived=lambda rows: starts(rows) + courses.beside_guessing(rows), table=table, claims=CLAIMS, draw=draw,
)  # fmt: skip
