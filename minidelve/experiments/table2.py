"""`table2`: the same 14-layer network with ReLU, LReLU and PReLU.

A seed decides the initial weights, the order of the images, the crops and dropout. Runs of one seed see the same
images in the same order, whatever the activation.

Two things distinguish PReLU from ReLU: that negative responses pass at all, and that their slope is learned. LReLU
with PReLU's initial slope, 0.25, has only the first.
"""

from __future__ import annotations

from typing import Any

from minidelve.experiments.claims import TOP1, TOP5, Below, NotAbove, Told
from minidelve.experiments.comparison import Comparison
from minidelve.experiments.item import Budget, Item, Setup
from minidelve.experiments.rows import Rows
from minidelve.experiments.trained import CLASS, FULL, LAB, QUICK, tested, trained

RELU, LRELU_25, LRELU_01 = "ReLU", "LReLU a=0.25", "LReLU a=0.01"
SHARED, CHANNELS = "PReLU shared", "PReLU channel-wise"
RUNS: dict[str, dict[str, Any]] = {
    RELU: {"activation": "relu"},
    LRELU_25: {"activation": "lrelu", "slope": 0.25},
    LRELU_01: {"activation": "lrelu", "slope": 0.01},
    SHARED: {"activation": "prelu-shared"},
    CHANNELS: {"activation": "prelu"},
}
PAPER = {RELU: (33.82, 13.34), SHARED: (32.71, 12.87), CHANNELS: (32.64, 12.75)}  # top-1, top-5; Table 2, ten views
CLAIMS = [
    Below(SHARED, RELU, TOP1, paper=-1.11),
    Below(CHANNELS, RELU, TOP1, paper=-1.18),
    NotAbove(CHANNELS, SHARED, TOP1, paper=-0.07),
    Told(LRELU_01, RELU, TOP1),
    Told(LRELU_25, RELU, TOP1, note="a control: a slope that is there, but not learned"),
    Told(CHANNELS, LRELU_25, TOP1, note="what learning the slopes adds"),
]
COMPARED = Comparison("Error by activation: the 14-layer network", (TOP1, TOP5), RELU, CLAIMS, PAPER)


def run(setup: Setup) -> Rows:
    """One row: errors of one run, ten views, and the training loss of its last epoch."""
    net = trained(setup, **RUNS[setup.variant])
    found = tested([net], protocol="ten-view").rows[0].tally.errors()
    return [{"top1_error": found.top1, "top5_error": found.top5, "train_loss": net.final["train_loss"]}]


ITEM = Item(
    name="table2",
    title="ReLU, LReLU and PReLU on the 14-layer network",
    where="Table 2",
    paper="The 14-layer network of Table 1, trained for 75 epochs on ImageNet with each activation, ten views. The "
    "ICCV version adds LReLU with a slope of 0.25, no better than ReLU.",
    ours="The 14 layers for small images (`lab14`, narrower where the budget says so), trained from scratch with each "
    "activation and the same options, several seeds; every run is tested after its last epoch with ten views.",
    budgets={"quick": Budget(1, QUICK), "class": Budget(4, CLASS), "lab": Budget(4, LAB), "full": Budget(5, FULL)},
    minutes={"quick": 1, "class": 4, "lab": 47},
    variants=lambda budget: list(RUNS),
    run=run, claims=CLAIMS, table=COMPARED.table, draw=COMPARED.draw,
)  # fmt: skip
