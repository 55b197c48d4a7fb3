"""`fig3-right`: the comparison of fig3-left on 30 layers, where Xavier's initialization stalls.

Why it stalls can be seen before the first step. Xavier's weights, std sqrt(1/n), are He's divided by sqrt(2), and with
one seed exactly so. ReLU and max pooling let a positive factor pass and biases start at 0, hence in a network of L
conv layers, Xavier's against He's,

    response after conv layer l                  x_{l+1}     2^(-l/2)         times
    the way back from the logits to y_l          dy_l        2^(-(L-l)/2)     times, for the same dE/dz
    dE/dw_l, a sum of products x_l dy_l                      2^(-(L-1)/2)     times

so the mean square of dE/dw is 2^-(L-1) of He's, in every layer: 2^-26 = 1.5e-8 for 27 conv layers. (The paper counts
L factors of 2^(-1/2), those of the response.)

What the factors leave out is dE/dz = p - t. Xavier's logits are nearly 0: p = 1/C in every image, and over a batch
p - t nearly cancels. He's are not, and an untrained network gives all images much the same p: that part does not
cancel. So He's gradient is larger still, and the ratio below 2^-(L-1).

A flat loss does not tell a stall from a late start. The step is that of dE/dw + lambda w, and where lambda w is the
larger part the weights merely shrink: only there we call it a stall. From seed to seed the gradients differ by powers
of ten: over the seeds we take geometric means.
"""

from __future__ import annotations

import math
from typing import Any

from minidelve import Tensor, nn
from minidelve.analysis import Statistics
from minidelve.backend import to_device
from minidelve.experiments import style
from minidelve.experiments.claims import Column, Every, Table
from minidelve.experiments.comparison import mean_and_spread
from minidelve.experiments.courses import BESIDE, beside_guessing, course, ends, guessing, last_epoch
from minidelve.experiments.fig3_left import ERROR, HE, INITS, XAVIER, draw_courses
from minidelve.experiments.item import Budget, Item, Setup
from minidelve.experiments.rows import Rows, distinct, numbers, select
from minidelve.experiments.trained import Trained, opened, trained
from minidelve.training.loop import reseed_dropout
from minidelve.training.setting_up import create_network
from minidelve.training.views import loaders

# As in fig3_left.py: He's rule in the fully connected layers with either, and a rate that never falls.
LAB: dict[str, Any] = {
    "model": "small30", "activation": "relu", "width": 0.25, "fc": 256, "fc_init": "he", "levels": [3, 2, 1],
    "size": 48, "short_side": 54, "lr": 0.002, "batch_size": 32, "weight_decay": 5e-4, "milestones": [], "epochs": 8,
}  # fmt: skip
QUICK: dict[str, Any] = LAB | {"width": 0.125, "fc": 64, "size": 32, "short_side": 36, "epochs": 1}
# The toy images teach nothing before shapes are told apart. What it takes on 30 layers: whole images, whose maps lose
# less of the signal at their borders than the 2 x 2 of 32 pixels, and the paper's small deviations in the fully
# connected layers, with which the first steps throw nothing off and the rate may be larger.
CLASS: dict[str, Any] = LAB | {"fc": 1024, "fc_init": "table", "size": 64, "short_side": 64, "lr": 0.005}
FULL: dict[str, Any] = LAB | {"width": 0.5, "fc": 512, "size": 56, "short_side": 64, "epochs": 20}

ABOVE_CHANCE = Column("loss", "training loss of the last epoch less ln C", digits=4)
PUSH = "push"  # the rows of the first step's gradient beside weight decay
PATIENCE = 6  # epochs; where He's has not fallen in fewer, it may merely not have fallen yet
LOSS = Column("train_loss", "training loss", digits=4)
START, LAYER = "start", "conv2_1"  # the rows of the first step's gradient, and the layer that the table tells
RATIO = Column("push", f"rms of {LAYER}'s dE/dw in the first step over that of λw")
PAPER = {HE: "converges; in the end 38.56 / 16.59", XAVIER: "stalls"}


def run(setup: Setup) -> Rows:
    """The course of one run, and the gradients that it began with."""
    net = trained(setup, init=INITS[setup.variant])
    return course(net) + first_gradients(net)


def first_gradients(net: Trained) -> Rows:
    """A row for each conv layer: mean squares of dE/dw and of weight decay's lambda w in the very first step."""
    config = net.config
    training_set, validation_set = opened(config.data)
    x, targets = next(loaders(config, training_set, validation_set, net.saved.statistics)[0].epoch(1))
    network = create_network(config, len(training_set.classes))
    network.to(config.device)
    reseed_dropout(network, config.seed, epoch=1)
    network.loss(Tensor(to_device(x, config.device)), targets)[0].backward()
    convs = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)]
    return [
        {"what": START, "layer": name, "number": number, "gradient_square": mean_square(layer.weight.grad),
         "decay_square": config.weight_decay**2 * mean_square(layer.weight.data)}
        for number, (name, layer) in enumerate(convs, 1)
    ]  # fmt: skip


def mean_square(array: Any) -> float:
    """E[a^2] over all numbers of the array."""
    statistics = Statistics()
    statistics.add(array)
    return statistics.second_moment


def root_mean_square(rows: Rows, variant: str, part: str, layer: str = LAYER) -> float:
    """Of one layer's gradient or decay in the first step: the geometric mean over the seeds; NaN for none."""
    squares = numbers(rows, f"{part}_square", what=START, variant=variant, layer=layer)
    return math.prod(math.sqrt(x) for x in squares) ** (1 / len(squares)) if squares else math.nan


def ratio(rows: Rows) -> float:
    """Xavier's mean square gradient over He's."""
    xavier, he = (root_mean_square(rows, variant, "gradient") for variant in (XAVIER, HE))
    return (xavier / he) ** 2 if he else math.nan


def short(number: float) -> str:
    """Three digits.

    >>> short(0.000123), short(math.nan)
    ('1.23e-04', 'not known')
    """
    return "not known" if math.isnan(number) else f"{number:.2e}"


def predicted(rows: Rows) -> float:
    """2^-(L-1) for L conv layers."""
    return 2.0 ** (1 - len(distinct(select(rows, what=START), "layer")))


def pushes(rows: Rows) -> Rows:
    """A row for each run: LAYER's gradient in the first step, in units of weight decay's part, by root mean square."""
    return [
        {"variant": row["variant"], "seed": row["seed"], "what": PUSH,
         "push": math.sqrt(row["gradient_square"] / row["decay_square"])}
        for row in select(rows, what=START, layer=LAYER) if row["gradient_square"] is not None and row["decay_square"]
    ]  # fmt: skip


CLAIMS = [
    Every(HE, ABOVE_CHANCE, high=-0.05, early=lambda rows: last_epoch(rows) < PATIENCE, where={"what": BESIDE}),
    Every(XAVIER, ABOVE_CHANCE, -0.01, 0.01, where={"what": BESIDE}),
    Every(XAVIER, RATIO, high=1, where={"what": PUSH}),
]


def table(rows: Rows) -> Table:
    """The end of training and the gradient before it, beside the paper's words."""
    lines = []
    for variant, paper in PAPER.items():
        end = [mean_and_spread(ends(rows), column, variant=variant) for column in (LOSS, ERROR)]
        gradient, decay = (root_mean_square(rows, variant, part) for part in ("gradient", "decay"))
        first = [short(x) for x in (gradient, decay, gradient / decay if decay else math.nan)]
        relative = [short(ratio(rows)), short(predicted(rows))] if variant == XAVIER else ["1", "1"]
        lines.append([variant, *end, paper, *first, *relative])
    return [
        "initialization", f"training loss, last epoch (ln C is {guessing(rows).loss:.4f})",
        f"{ERROR.words}, last epoch", "paper (top-1 / top-5 error %)",
        f"first step, {LAYER}: rms of dE/dw (geometric mean over the seeds)", "rms of weight decay's λw (the same)",
        "the first over the second", "mean square of dE/dw, in units of He's", "predicted: 2^-(L-1)",
    ], lines  # fmt: skip


def draw(rows: Rows) -> Any:
    """The courses, and the first step's gradient layer by layer."""
    figure, panels = style.panels("30 layers, ReLU: He's initialization against Xavier's", 1, 3)
    draw_courses(panels[:2], rows)
    gradients, layers = panels[2], distinct(select(rows, what=START), "layer")
    depth = range(1, len(layers) + 1)
    he, xavier = ([root_mean_square(rows, v, "gradient", layer) for layer in layers] for v in (HE, XAVIER))
    decay = [root_mean_square(rows, XAVIER, "decay", layer) for layer in layers]
    gradients.plot(depth, [x * math.sqrt(predicted(rows)) for x in he], label="He · $2^{-(L-1)/2}$", **style.PREDICTION)
    gradients.plot(depth, he, label=HE, **style.line(0, every=3))
    gradients.plot(depth, xavier, label=XAVIER, **style.line(1, every=3))
    gradients.plot(depth, decay, label="weight decay's λw, Xavier", **style.LEVEL)
    gradients.set(title="first step: dE/dw", xlabel="conv layer l", ylabel="root mean square", yscale="log")
    style.legend(*panels)
    return figure


ITEM = Item(
    name="fig3-right",
    title="He's initialization against Xavier's on 30 layers: Xavier's stalls",
    where="Figure 3 right [arXiv v1: Figure 3]",
    paper="Section 2.2: the 14-layer network with sixteen more conv layers, 27 conv and 3 fully connected layers with "
    "ReLU, on ImageNet. With He's initialization it converges, to a "
    "top-1/top-5 error of 38.56/16.59%; with Xavier's it stalls, its gradients diminish, and more epochs do not help.",
    ours="The same layers with a quarter of the channels (`quick`: an eighth, `full`: half), 256 units in fc1 and fc2 "
    "(64, 512) and a smaller pyramid, on images of 48 pixels (32, 56), with batches of 32 and a constant learning rate "
    "of 0.002. The fully connected layers start by He's rule with either initialization, so that the two differ in the "
    "conv layers alone (`class`, for the toy images: 1,024 units that start with the paper's fixed deviations, 64 "
    "pixels, a rate of 0.005). We also take the gradient of the first batch, before any step: in so few steps 22 "
    "layers with Xavier's, which converge in the paper, may not start either (see `fig3-left`), so that the stall is "
    "told by the vanished gradient and not by the flat loss alone.",
    budgets={"quick": Budget(1, QUICK), "class": Budget(2, CLASS), "lab": Budget(2, LAB), "full": Budget(3, FULL)},
    minutes={"quick": 1, "class": 4, "lab": 14},
    variants=lambda budget: list(INITS),
    run=run, derived=lambda rows: beside_guessing(rows) + pushes(rows), table=table, claims=CLAIMS, draw=draw,
)  # fmt: skip
