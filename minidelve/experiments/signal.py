"""`signal`: what initialization does to the signal, layer by layer, before any training.

signal_stack.py has the networks, in which the assumptions of the paper's equations (9) and (13) hold, and the
predictions; here they are measured and compared.

One network's variance is a random number: each layer multiplies it by its factor times 1 + noise, of variance about
5/d with d channels. Over 30 layers that becomes a lottery with rare, huge prizes, whose plain average settles
slowly. The noise of one layer knows nothing of the others', so we average each layer's *ratio* over many networks,
and multiply the averages. That estimates the same product, with fewer networks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from minidelve import Tensor
from minidelve.analysis import Statistics, observe
from minidelve.backend import to_device
from minidelve.experiments import style
from minidelve.experiments.claims import Table, Verdict
from minidelve.experiments.item import Budget, Item, Setup
from minidelve.experiments.rows import Rows, distinct, select
from minidelve.experiments.signal_stack import KERNEL, PRELU, STARTS, channels, patches, predicted, stack
from minidelve.experiments.statistics import estimate

DEPTHS = (14, 22, 30, 100)
RESPONSE, GRADIENT = "response", "gradient"  # Var[y], from layer 1 up, and Var[dE/dy], from the last layer down
JUDGED = 30  # the claim is about networks up to this depth
TOLERANCE = 0.10
CERTAIN = 3  # standard errors beyond it, as one looks for the worst of many
ENOUGH = 4  # seeds, below which nothing is called wrong


def run(setup: Setup) -> Rows:
    """A row for each layer: the ratios to the layer below (responses) and above (gradients), averaged over networks."""
    widths, (start, of) = setup.budget["widths"], setup.variant.rsplit(", ", 1)
    depth = int(of)
    # The same weights, but for their scale, for every way to start.
    rng = np.random.default_rng([setup.seed, depth])
    few = 4 if depth > JUDGED else 1  # the claim is not about the deepest ones, which take the longest
    convs, up, down = [str(2 * l) for l in range(depth)], [], []
    for _ in range(max(1, setup.budget["networks"] // few)):
        net = stack(depth, widths, STARTS[start], rng).to(setup.device)
        x = Tensor(to_device(patches(setup.data, rng), setup.device), requires_grad=True)
        with observe(net, convs) as seen:
            y = net(x)
            y.backward(to_device(rng.standard_normal(y.shape).astype(np.float32), setup.device))
        up.append(ratios([seen.responses[c] for c in convs]))
        down.append(ratios([seen.gradients[c] for c in reversed(convs)])[::-1])
    forward, backward = [None, *np.mean(up, axis=0)], [*np.mean(down, axis=0), None]
    return [
        {"start": start, "depth": depth, "layer": l, "channels": d, "response_ratio": up_to, "gradient_ratio": down_to}
        for l, (d, up_to, down_to) in enumerate(zip(channels(depth, widths), forward, backward, strict=True), 1)
    ]


def ratios(layers: Sequence[Statistics]) -> list[float]:
    """Each mean square over the one before; NaN from where the signal is too small for float32 numbers."""
    squares = [layer.second_moment for layer in layers]
    return [b / a if a > 1e-60 and b > 1e-60 else math.nan for a, b in zip(squares, squares[1:])]


class Course(NamedTuple):
    """Of layers 1 .. depth: variances relative to where the signal starts, measured and predicted; relative errors."""

    measured: np.ndarray
    predicted: np.ndarray
    error: np.ndarray

    @property
    def off(self) -> np.ndarray:
        """How far the measured variances are off, relative to the predicted ones."""
        return self.measured / self.predicted - 1


Courses = dict[tuple[int, str, str], Course]  # by (depth, start, response or gradient)


def course(rows: Rows, start: str, depth: int, which: str) -> Course:
    """The product of the ratios, layer by layer from where the signal starts; their relative errors add up in squares.

    NaN from where the signal of any network is too small.
    """
    of_layer: dict[int, Rows] = {l: [] for l in range(1, depth + 1)}
    for row in select(rows, start=start, depth=depth):
        of_layer[row["layer"]].append(row)
    layers = list(of_layer.values())
    passed = layers[1:] if which == RESPONSE else layers[-2::-1]
    ratios = [estimate([math.nan if (r := row[f"{which}_ratio"]) is None else r for row in l]) for l in passed]
    measured = np.cumprod([1.0, *(r.mean for r in ratios)])
    error = np.sqrt(np.cumsum([0.0, *((r.error / r.mean) ** 2 for r in ratios)]))
    way = slice(None) if which == RESPONSE else slice(None, None, -1)
    return Course(measured[way], predicted(start, [l[0]["channels"] for l in layers], which), error[way])


def all_courses(rows: Rows) -> Courses:
    """Every depth, start and direction."""
    kinds = product(distinct(rows, "depth"), distinct(rows, "start"), (RESPONSE, GRADIENT))
    return {(depth, start, which): course(rows, start, depth, which) for depth, start, which in kinds}


def table(rows: Rows) -> Table:
    """The variance after all layers, relative to where it starts."""
    lines = []
    for (depth, start, which), c in all_courses(rows).items():
        end = -1 if which == RESPONSE else 0
        got, off, error = (f"{c.measured[end]:.3g}", f"{100 * c.off[end]:+.0f}%", f"{100 * c.error[end]:.0f}%")
        if not math.isfinite(c.measured[end]):
            got, off = "below float32", ""
        error = error if math.isfinite(c.error[end]) else ""
        lines.append([f"{depth}", start, which, got, f"{c.predicted[end]:.3g}", off, error])
    return ["layers", "start", "of", "measured", "equation (9) or (13)", "difference", "standard error"], lines


class AsPredicted:
    """Every variance in networks of up to JUDGED layers is within TOLERANCE of equation (9) or (13)."""

    def judge(self, rows: Rows) -> Verdict:
        """False takes one that is CERTAIN to be further off, and ENOUGH seeds to tell an error."""
        off = [
            (abs(c.off[l]), c.error[l], f"{start}, {depth} layers, {which} of layer {l + 1}")
            for (depth, start, which), c in all_courses(rows).items() if depth <= JUDGED
            for l in np.flatnonzero(np.isfinite(c.measured) & (c.error > 0))  # not where it starts
        ]  # fmt: skip
        (worst, error, where), seeds = max(off), len(distinct(rows, "seed"))
        close = np.mean([size <= TOLERANCE for size, *_ in off])
        certain = any(size - CERTAIN * error > TOLERANCE for size, error, _ in off)
        holds = True if worst <= TOLERANCE else False if certain and seeds >= ENOUGH else None
        known = (
            f"its standard error over {seeds} seeds is {100 * error:.0f}%" if seeds > 1 else "one seed tells no error"
        )
        return Verdict(
            holds,
            f"Of {len(off)} variances in networks of up to {JUDGED} layers {100 * close:.0f}% lie within "
            f"{100 * TOLERANCE:.0f}% of the prediction (claimed: all); the largest difference is {100 * worst:.0f}% "
            f"({where}; {known})." + (" More seeds would tell; that much may be noise." if holds is None else ""),
        )


def draw(rows: Rows) -> Any:
    """A row of panels for each depth, responses left, gradients right; below, how far off the judged ones are."""
    depths, courses = distinct(rows, "depth"), all_courses(rows)
    title = "The signal at initialization, relative to where it starts"
    figure, axes = style.panels(title, len(depths) + 1, 2, height=2.9)
    words = {RESPONSE: "responses, Var[y]", GRADIENT: "gradients, Var[dE/dy]"}
    for panel, (depth, which) in zip(axes, product(depths, words), strict=False):
        of = {start: c for (d, start, w), c in courses.items() if (d, w) == (depth, which)}
        layers, step = np.arange(1, depth + 1), max(1, depth // 10)
        for k, (start, c) in enumerate(of.items()):
            panel.plot(layers, c.predicted, label=None if k else "equations (9), (13)", **style.PREDICTION)
            panel.plot(layers, c.measured, label=start, **style.line(k, (k * step // 5, step)))
        panel.set(title=f"{depth} layers: {words[which]}", xlabel="layer", yscale="log", ylabel="variance (ratio)")
        panel.set_ylim(10.0 ** -(0.45 * depth + 1), 100)  # gaussian 0.01 leaves the picture: it would fill it
    deepest = max((d for d in depths if d <= JUDGED), default=depths[0])
    for panel, which in zip(axes[-2:], words, strict=True):
        draw_differences(panel, [c for (d, _, w), c in courses.items() if (d, w) == (deepest, which)])
        panel.set(title=f"{deepest} layers, {which}s: off the prediction", xlabel="layer", ylabel="difference (%)")
    style.legend_below(figure, axes[0], columns=3)
    return figure


def draw_differences(panel: Any, courses: Sequence[Course]) -> None:
    """How far off every start is, in percent, and two standard errors to either side of the first one's prediction."""
    for k, c in enumerate(courses):
        depth = len(c.off)
        if k == 0 and np.isfinite(c.error).all():
            band = 200 * c.error
            panel.fill_between(range(1, depth + 1), -band, band, color="0.9", label="± 2 standard errors", zorder=1)
        panel.plot(range(1, depth + 1), 100 * c.off, **style.line(k, (k * depth // 50, max(1, depth // 10))))
    for bound in (-100 * TOLERANCE, 100 * TOLERANCE):
        panel.axhline(bound, color="0.5", lw=1, label=f"± {bound:.0f}%" if bound > 0 else None)
    style.legend(panel)


WIDTHS = (64, 96, 128)
ITEM = Item(
    name="signal",
    title="variance of responses and of gradients, layer by layer, at initialization",
    where="section 2.2, equations (9) and (13)",
    paper="Section 2.2 derives how the variance of responses, equation (9), and of gradients, equation (13), changes "
    "from layer to layer, and chooses the initialization that keeps it: (10) forward, (14) backward, with a factor "
    "1 + a² for PReLU. Xavier's halves it in every layer, and a fixed 0.01 shrinks it faster.",
    ours=f"Plain stacks of {KERNEL}x{KERNEL} conv layers and rectifiers on maps without borders, where the assumptions "
    "of the equations hold (no padding, pooling or fully connected layers), that read pieces of training images. "
    "Nothing is trained. Where responses are too small for float32 numbers they are 0, and "
    "gradients end there too. Ratios of neighbouring layers are averaged over many networks and multiplied. PReLU "
    f"(slope {PRELU}) with he (1+a²), ReLU with the others; xavier is sqrt(1/n), the paper's comparison.",
    budgets={
        "quick": Budget(4, {"networks": 5, "widths": WIDTHS}),
        "class": Budget(12, {"networks": 32, "widths": WIDTHS}),
        "lab": Budget(16, {"networks": 64, "widths": WIDTHS}),
        "full": Budget(64, {"networks": 128, "widths": WIDTHS}),
    },
    minutes={"quick": 1, "class": 4, "lab": 20},
    variants=lambda budget: [f"{start}, {depth}" for depth in DEPTHS for start in STARTS],
    run=run, table=table, claims=[AsPredicted()], draw=draw,
)  # fmt: skip
