"""`fig3-right`: the same on 30 layers, where Xavier's initialization stalls.

Why it stalls can be seen before the first step.  Xavier's weights, std sqrt(1/n), are He's divided by sqrt(2), and with
one seed exactly so: both scale the same normal deviates.  ReLU and max pooling let a positive factor pass and biases
start at 0, hence in a network of L conv layers, Xavier's against He's,

    response after conv layer l                  x_{l+1}     2^(-l/2)         times
    the way back from the logits to y_l          dy_l        2^(-(L-l)/2)     times, for the same dE/dz
    dE/dw_l, a sum of products x_l dy_l                      2^(-(L-1)/2)     times

so the mean square of dE/dw is 2^-(L-1) of He's, in every layer: 2^-26 = 1.5e-8 for 27 conv layers.  (The paper counts
L factors of 2^(-1/2), those of the response.)

What the factors leave out is dE/dz = p - t.  Xavier's logits are nearly 0: p = 1/C in every image, and over a batch
p - t nearly cancels.  He's are not, and an untrained network gives all images much the same p: that part does not
cancel.  So He's gradient is larger still, and the ratio below 2^-(L-1), the more so the larger its first logits.

A flat loss does not tell a stall from a late start.  The paper warns that weight decay may hide a vanished gradient:
the step is that of dE/dw + lambda w, and where lambda w is the larger part the weights merely shrink.  So we set its
mean square beside the gradient's, and call it a stall only where the gradient is the smaller of the two.  From seed
to seed the gradients differ by powers of ten: over the seeds we take geometric means.
"""

from __future__ import annotations

import math
from typing import Any

from minidelve import Tensor, nn
from minidelve.analysis import Statistics
from minidelve.backend import to_device
from minidelve.experiments import style
from minidelve.experiments.claims import Own, Trend
from minidelve.experiments.courses import chance_loss, course, final, last_epoch, told
from minidelve.experiments.fig3_left import HE, INITS, XAVIER, draw_courses
from minidelve.experiments.item import Budget, Item, Setup
from minidelve.experiments.rows import Rows, distinct, select
from minidelve.experiments.training import Trained, opened, trained
from minidelve.training.loop import reseed_dropout
from minidelve.training.setting_up import create_network
from minidelve.training.views import loaders

# As in fig3_left.py: He's rule in the fully connected layers with either, and a rate that never falls.
LAB: dict[str, Any] = {
    "model": "small30", "activation": "relu", "width": 0.25, "fc": 256, "fc_init": "he", "levels": [3, 2, 1],
    "size": 48, "short_side": 54, "lr": 0.002, "batch_size": 32, "weight_decay": 5e-4, "milestones": [], "epochs": 8,
}  # fmt: skip
QUICK: dict[str, Any] = LAB | {"width": 0.125, "fc": 64, "size": 32, "short_side": 36, "epochs": 1}
FULL: dict[str, Any] = LAB | {"width": 0.5, "fc": 512, "size": 56, "short_side": 64, "epochs": 20}

STALLED, FALLEN = 0.01, 0.05  # nats from ln C: at most, and at least
PATIENCE = 6  # epochs; where He's has not fallen in fewer, it may merely not have fallen yet
START, LAYER = "start", "conv2_1"  # the rows of the first step's gradient, and the layer that the table tells
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
        {
            "what": START, "layer": name, "number": number,
            "gradient_square": mean_square(layer.weight.grad),
            "decay_square": config.weight_decay**2 * mean_square(layer.weight.data),
        }
        for number, (name, layer) in enumerate(convs, 1)
    ]  # fmt: skip


def mean_square(array: Any) -> float:
    """E[a^2] over all numbers of the array."""
    statistics = Statistics()
    statistics.add(array)
    return statistics.second_moment


def squares(rows: Rows, variant: str, column: str, layer: str = LAYER) -> dict[int, float]:
    """Seed -> the mean square of one layer in the first step."""
    chosen = select(select(rows, what=START), variant=variant, layer=layer)
    return {row["seed"]: row[column] for row in chosen if row[column] is not None}


def root_mean_square(rows: Rows, variant: str, column: str, layer: str = LAYER) -> float:
    """The root of the mean square, as the geometric mean over the seeds; NaN where none is known."""
    numbers = list(squares(rows, variant, column, layer).values())
    return math.prod(math.sqrt(x) for x in numbers) ** (1 / len(numbers)) if numbers else math.nan


def ratio(rows: Rows) -> float:
    """Xavier's mean square gradient over He's."""
    xavier, he = (root_mean_square(rows, variant, "gradient_square") for variant in (XAVIER, HE))
    return (xavier / he) ** 2 if he else math.nan


def push(rows: Rows, variant: str) -> float:
    """The gradient's root mean square in units of weight decay's."""
    gradient, decay = (root_mean_square(rows, variant, f"{part}_square") for part in ("gradient", "decay"))
    return gradient / decay if decay else math.nan


def short(number: float) -> str:
    """Three digits.

    >>> short(0.000123), short(math.nan)
    ('1.23e-04', 'not known')
    """
    return "not known" if math.isnan(number) else f"{number:.2e}"


def predicted(rows: Rows) -> float:
    """2^-(L-1) for L conv layers."""
    return 2.0 ** (1 - len(distinct(select(rows, what=START), "layer")))


def table(rows: Rows) -> tuple[list[str], list[list[str]]]:
    """The end of training and the gradient before it, beside the paper's words."""
    lines = []
    for variant in INITS:
        relative = [short(ratio(rows)), short(predicted(rows))] if variant == XAVIER else ["1", "1"]
        lines.append([
            variant, told(list(final(rows, variant, "train_loss").values()), 4),
            told(list(final(rows, variant, "val_error").values()), 2), PAPER[variant],
            *(short(root_mean_square(rows, variant, f"{part}_square")) for part in ("gradient", "decay")), *relative,
        ])  # fmt: skip
    return [
        "initialization", f"training loss, last epoch (ln C is {chance_loss(rows):.4f})",
        "top-1 error %, validation, last epoch", "paper (Figure 3 right; top-1 / top-5 error %, section 2.2)",
        f"first step, {LAYER}: rms of dE/dw (geometric mean over the seeds)", "rms of weight decay's λw (the same)",
        "mean square of dE/dw, in units of He's", "predicted: 2^-(L-1)",
    ], lines  # fmt: skip


def trend(rows: Rows) -> Trend:
    """In every seed Xavier's stays within STALLED of ln C and He's falls by FALLEN; Xavier's gradient has vanished."""
    he, xavier = ([x - chance_loss(rows) for x in final(rows, v, "train_loss").values()] for v in (HE, XAVIER))
    pushes = {variant: push(rows, variant) for variant in (HE, XAVIER)}
    if not he or not xavier or math.isnan(pushes[XAVIER]):
        return Trend(None, "A number is missing.")
    stalled = all(abs(x) <= STALLED for x in xavier) and pushes[XAVIER] < 1
    fallen, few = all(x < -FALLEN for x in he), last_epoch(rows) < PATIENCE
    verdict = None if few and not fallen else stalled and fallen
    each = {v: ", ".join(f"{x:+.4f}" for x in numbers) for v, numbers in ((HE, he), (XAVIER, xavier))}
    return Trend(
        verdict,
        f"The training loss of the last epoch less ln C = {chance_loss(rows):.4f} is {each[HE]} with He's "
        f"initialization (asked for, in every seed: below -{FALLEN}) and {each[XAVIER]} with Xavier's (asked for: "
        f"within {STALLED} of 0). In the first step the mean square of {LAYER}'s dE/dw with Xavier's, in units of "
        f"He's, is {short(ratio(rows))} (predicted: {short(predicted(rows))}); its root, in units of weight decay's "
        f"part of the step, is {short(pushes[XAVIER])} (asked for: below 1; {short(pushes[HE])} with He's)."
        + ("" if verdict is not None else f" He's has not fallen yet: fewer than {PATIENCE} epochs are no verdict."),
    )


def draw(rows: Rows) -> Any:
    """The courses, and the first step's gradient layer by layer."""
    figure, panels = style.panels("30 layers, ReLU: He's initialization against Xavier's", 1, 3)
    draw_courses(panels[:2], rows)
    gradients, layers = panels[2], distinct(select(rows, what=START), "layer")
    depth = range(1, len(layers) + 1)
    he, xavier = ([root_mean_square(rows, v, "gradient_square", layer) for layer in layers] for v in (HE, XAVIER))
    decay = [root_mean_square(rows, XAVIER, "decay_square", layer) for layer in layers]
    gradients.plot(depth, [x * math.sqrt(predicted(rows)) for x in he], label="He · $2^{-(L-1)/2}$", **style.PREDICTION)
    gradients.plot(depth, he, label=HE, **style.line(0, every=3))
    gradients.plot(depth, xavier, label=XAVIER, **style.line(1, every=3))
    gradients.plot(depth, decay, color="0.4", ls=":", lw=1.2, label="weight decay's λw, Xavier")
    gradients.set(title="first step: dE/dw", xlabel="conv layer l", ylabel="root mean square", yscale="log")
    gradients.legend(loc="center right")
    return figure


ITEM = Item(
    name="fig3-right",
    title="He's initialization against Xavier's on 30 layers: Xavier's stalls",
    where="Figure 3 right [arXiv v1: Figure 3]",
    paper="Section 2.2 and Figure 3 right (Figure 3 in the first version): the 14-layer network with sixteen more conv "
    "layers, 27 conv and 3 fully connected layers with ReLU, on ImageNet. With He's initialization it converges, to a "
    "top-1/top-5 error of 38.56/16.59%; with Xavier's it stalls, its gradients diminish, and more epochs do not help.",
    ours="The same layers with a quarter of the channels (`quick`: an eighth, `full`: half), 256 units in fc1 and fc2 "
    "(64, 512) and a smaller pyramid, on images of 48 pixels (32, 56), with batches of 32 and a constant learning rate "
    "of 0.002. The fully connected layers start by He's rule with either initialization, so that the two differ in the "
    "conv layers alone. We also take the gradient of the first batch, before any step: in so few steps 22 layers with "
    "Xavier's, which converge in the paper, may not start either (see `fig3-left`), so that the stall is told by the "
    "vanished gradient and not by the flat loss alone.",
    budgets={"quick": Budget(1, QUICK), "lab": Budget(2, LAB), "full": Budget(3, FULL)},
    variants=lambda budget: list(INITS),
    run=run, table=table, claims=[Own(trend)], draw=draw,
)  # fmt: skip
