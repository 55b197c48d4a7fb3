"""`table4`: model A with ReLU and with PReLU, tested with dense windows at three scales and at all of them.

Both networks of a seed see the same images in the same order and the same crops, so they are compared seed by seed.
The scores of an image at the three scales are averaged ("multi-scale"), so it can be better than any single one.
"""

from __future__ import annotations

from typing import Any

from minidelve.evaluation.ensemble import ALL_SCALES
from minidelve.experiments import large, style
from minidelve.experiments.claims import TOP1, TOP5, Below, Claim, NotAbove, Table, Told, Verdict, judge
from minidelve.experiments.item import Budget, Item, Setup
from minidelve.experiments.rows import Rows, distinct, numbers, select
from minidelve.experiments.statistics import estimate, paired

RELU, PRELU = "ReLU", "PReLU"
VARIANTS = {RELU: large.A_RELU, PRELU: large.A}
# Scale -> top-1 and top-5 error in percent. The paper's scales stand beside ours in this order.
PAPER = {
    "256": {RELU: (26.25, 8.25), PRELU: (25.81, 8.08)},
    "384": {RELU: (24.77, 7.26), PRELU: (24.20, 7.03)},
    "480": {RELU: (25.46, 7.63), PRELU: (24.83, 7.39)},
    "multi-scale": {RELU: (24.02, 6.51), PRELU: (22.97, 6.28)},
}
PAPER_LESS = {scale: of[PRELU][0] - of[RELU][0] for scale, of in PAPER.items()}  # top-1
GAIN = "all scales together less the best single one"


def run(setup: Setup) -> Rows:
    """A row for each scale, and one for the mean of their scores."""
    return large.errors(large.networks(setup, [VARIANTS[setup.variant]]), large.DENSE, setup.budget["scales"])


def gains(rows: Rows) -> Rows:
    """A row for each run: its error at all scales together, the last of its rows, less that at its best single one."""
    found = []
    for variant, seed in dict.fromkeys((row["variant"], row["seed"]) for row in rows):
        *single, together = select(rows, variant=variant, seed=seed)
        if single and together[TOP1.name] is not None:
            gain = together[TOP1.name] - min(numbers(single, TOP1.name))
            found.append(together | {"variant": f"{variant}, {GAIN}", "scale": "", TOP1.name: gain})
    return found


def papers_scale(rows: Rows) -> dict[Any, str]:
    """Our scales -> the paper's beside them: single ones in rising order, and all together beside its multi-scale.

    >>> papers_scale([{"variant": RELU, "scale": scale} for scale in (36, 48, "all scales")])
    {36: '256', 48: '384', 'all scales': 'multi-scale'}
    """
    *single, together = distinct(select(rows, variant=RELU), "scale")
    return dict(zip(single, PAPER, strict=False)) | {together: "multi-scale"}


class AboveNowhere:
    """At no single scale is PReLU's error above ReLU's."""

    def judge(self, rows: Rows) -> Verdict:
        *single, _ = papers_scale(rows).items()
        return judge([
            NotAbove(PRELU, RELU, TOP1, paper=PAPER_LESS[theirs], least=large.LEAST, where={"scale": scale},
                     words=f"At {scale} pixels")
            for scale, theirs in single
        ], rows)  # fmt: skip


CLAIMS: list[Claim] = [
    large.Learned(),
    Below(PRELU, RELU, TOP1, paper=-1.05, least=large.LEAST, where={"scale": ALL_SCALES},
          words="PReLU less ReLU at all scales together, top-1 error"),
    AboveNowhere(),
    Told(f"{RELU}, {GAIN}", 0, TOP1, paper=-0.75),
    Told(f"{PRELU}, {GAIN}", 0, TOP1, paper=-1.23),
]  # fmt: skip


def table(rows: Rows) -> Table:
    """Errors in percent by scale, beside the paper's."""
    lines = []
    for scale, theirs in papers_scale(rows).items():
        own = select(rows, scale=scale)
        ours = [large.cell(own, column, variant=variant) for variant in VARIANTS for column in (TOP1, TOP5)]
        less = paired(own, PRELU, RELU, TOP1.name)
        printed = [f"{top1:.2f} / {top5:.2f}" for top1, top5 in PAPER[theirs].values()]
        name = scale if scale == ALL_SCALES else f"{scale} pixels"
        lines.append([name, *ours, estimate(less).text(2), theirs, *printed, f"{PAPER_LESS[theirs]:.2f}"])
    return [
        "shorter side", "ReLU: top-1 error %", "ReLU: top-5 %", "PReLU: top-1 error %", "PReLU: top-5 %",
        "top-1: PReLU less ReLU, seed by seed", "paper: shorter side", "paper: ReLU, top-1 / top-5", "paper: PReLU",
        "paper: top-1, PReLU less ReLU",
    ], lines  # fmt: skip


def draw(rows: Rows) -> Any:
    """Errors by scale, ours and the paper's."""
    figure, (ours, paper) = style.panels("Model A, dense windows: ReLU and PReLU by scale", 1, 2)
    scales = papers_scale(rows)
    found = {v: [numbers(rows, TOP1.name, variant=v, scale=scale) for scale in scales] for v in VARIANTS}
    large.draw_means(ours, [f"{scale}" for scale in scales], found)
    large.draw_means(paper, list(PAPER), {v: [[of[v][0]] for of in PAPER.values()] for v in VARIANTS})
    ours.set_title("ours: means, and every seed")
    paper.set_title("the paper's, on ImageNet")
    for panel in (ours, paper):
        panel.set(xlabel="top-1 error (%)", ylabel="shorter side of the image (pixels)")
    return figure


ITEM = Item(
    name="table4",
    title="model A with ReLU and with PReLU, dense testing at three scales",
    where="Table 4",
    paper="Model A (19 layers) on ImageNet, trained in the same way with ReLU and with PReLU (a slope per "
    "channel); tested with every window of the last feature map at 256, 384 and 480 pixels, and with the scores of all "
    "three averaged. PReLU is better at each, by 1.05 points (top-1) with all three.",
    ours="Model A with all its layers, narrower and on smaller images (minidelve/experiments/large.py), trained with "
    "each activation and the same options, several seeds; tested after the last epoch with every window at three "
    f"scales, and with their mean. {large.DIFFERENT}",
    budgets={**large.BUDGETS, "class": Budget(4, large.CLASS)},
    minutes={"quick": 1, "class": 8, "lab": 26},
    variants=lambda budget: list(VARIANTS),
    run=run, derived=gains, table=table, claims=CLAIMS, draw=draw,
)  # fmt: skip
