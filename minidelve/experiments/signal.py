"""`signal`: what initialization does to the signal, layer by layer, before any training.

signal_stack.py has the networks, in which the assumptions of the paper's equations (9) and (13) hold, and the
predictions; here they are measured and compared.

One network's variance is a random number: each layer multiplies it by its factor times 1 + noise, of variance about
5/d with d channels.  Over 30 layers that becomes a lottery with rare, huge prizes, whose plain average settles
slowly.  The noise of one layer knows nothing of the others', so we average each layer's *ratio* over many networks,
and multiply the averages.  That estimates the same product, with fewer networks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minidelve import Tensor
from minidelve.analysis import Statistics, observe
from minidelve.backend import to_device
from minidelve.experiments import style
from minidelve.experiments.claims import Own, Trend
from minidelve.experiments.item import Budget, Item, Setup
from minidelve.experiments.rows import Rows, distinct, select
from minidelve.experiments.signal_stack import KERNEL, PRELU, STARTS, channels, patches, predicted, stack

DEPTHS = (14, 22, 30, 100)
JUDGED = 30  # the trend is about networks up to this depth
TOLERANCE = 0.10
ENOUGH = 4  # seeds, below which nothing is called wrong


def run(setup: Setup) -> Rows:
    """A row for each layer: the ratios to the layer below (responses) and above (gradients), averaged over networks."""
    budget = setup.budget
    name, depth = setup.variant.rsplit(", ", 1)
    # The same weights, but for their scale, for every way to start.
    rng = np.random.default_rng([setup.seed, int(depth)])
    up: list[list[float]] = []
    down: list[list[float]] = []
    few = 4 if int(depth) > JUDGED else 1  # the trend is not about the deepest ones, which take the longest
    for _ in range(max(1, budget["networks"] // few)):
        net = stack(int(depth), budget["widths"], STARTS[name], rng).to(setup.device)
        x = Tensor(to_device(patches(setup.data, rng), setup.device), requires_grad=True)
        convs = [str(2 * l) for l in range(int(depth))]
        with observe(net, convs) as seen:
            y = net(x)
            y.backward(to_device(rng.standard_normal(y.shape).astype(np.float32), setup.device))
        up.append(ratios([seen.responses[c] for c in convs]))
        down.append(ratios([seen.gradients[c] for c in reversed(convs)])[::-1])
    forward, backward = np.mean(up, axis=0), np.mean(down, axis=0)
    d = channels(int(depth), budget["widths"])
    return [
        {
            "start": name, "depth": int(depth), "layer": l + 1, "channels": d[l],
            "response_ratio": forward[l - 1] if l else None,
            "gradient_ratio": backward[l] if l < int(depth) - 1 else None,
        }
        for l in range(int(depth))
    ]  # fmt: skip


def ratios(layers: Sequence[Statistics]) -> list[float]:
    """Each mean square over the one before; NaN from where the signal is too small for float32 numbers."""
    squares = [layer.second_moment for layer in layers]
    return [b / a if a > 1e-60 and b > 1e-60 else math.nan for a, b in zip(squares, squares[1:])]


class Course(NamedTuple):
    """Of layers 1 .. depth: variances relative to where the signal starts, measured and predicted; relative errors."""

    measured: np.ndarray
    predicted: np.ndarray
    error: np.ndarray


Courses = dict[tuple[str, int, str], Course]  # by (start, depth, response or gradient)


def course(rows: Rows, start: str, depth: int, which: str) -> Course:
    """Of `response` (from layer 1 up) or `gradient` (from the last layer down), by layer."""
    own = select(rows, start=start, depth=depth)
    d = [select(own, layer=l)[0]["channels"] for l in range(1, depth + 1)]
    by_layer = [[r[f"{which}_ratio"] for r in select(own, layer=l)] for l in range(1, depth + 1)]
    order = range(1, depth) if which == "response" else range(depth - 2, -1, -1)
    measured, error = np.ones(depth), np.zeros(depth)
    before = 0 if which == "response" else depth - 1
    for l in order:
        values = np.array([math.nan if v is None else v for v in by_layer[l]])
        mean = values.mean()
        measured[l] = measured[before] * mean
        noise = values.var(ddof=1) / len(values) / mean**2 if len(values) > 1 else math.inf
        error[l] = math.sqrt(error[before] ** 2 + noise)
        before = l
    return Course(measured, predicted(start, d, which), error)


def all_courses(rows: Rows) -> Courses:
    """Every start, depth and direction."""
    return {
        (start, depth, which): course(rows, start, depth, which)
        for depth in distinct(rows, "depth") for start in distinct(rows, "start")
        for which in ("response", "gradient")
    }  # fmt: skip


def end(course: Course, which: str) -> tuple[float, float, float]:
    """(measured, predicted, relative error) where the signal has passed all layers."""
    l = -1 if which == "response" else 0
    return course.measured[l], course.predicted[l], course.error[l]


def table(rows: Rows) -> tuple[list[str], list[list[str]]]:
    """The variance after all layers, relative to where it starts."""
    lines = []
    for (start, depth, which), c in all_courses(rows).items():
        got, theory, error = end(c, which)
        lost = not math.isfinite(got)
        lines.append([
            str(depth), start, which, "below float32" if lost else f"{got:.3g}", f"{theory:.3g}",
            "" if lost else f"{100 * (got / theory - 1):+.0f}%", f"{100 * error:.0f}%" if math.isfinite(error) else "",
        ])  # fmt: skip
    return ["layers", "start", "of", "measured", "equation (9) or (13)", "difference", "standard error"], lines


def trend(rows: Rows) -> Trend:
    """Every variance of networks up to 30 layers within 10% of the prediction."""
    off = []
    for (start, depth, which), c in all_courses(rows).items():
        if depth <= JUDGED:
            for l in np.flatnonzero(np.isfinite(c.measured) & (c.error > 0)):  # not where it starts
                off.append((abs(c.measured[l] / c.predicted[l] - 1), c.error[l], start, depth, which, l + 1))
    worst, error, start, depth, which, layer = max(off)
    # Three standard errors, as one looks for the worst of many; few seeds do not even tell the error well.
    certain = any(d - 3 * e > TOLERANCE for d, e, *_ in off)
    close = np.mean([d <= TOLERANCE for d, *_ in off])
    count = len(distinct(rows, "seed"))
    holds = True if worst <= TOLERANCE else False if certain and count >= ENOUGH else None
    known = f"its standard error over {count} seeds is {100 * error:.0f}%" if count > 1 else "one seed tells no error"
    return Trend(
        holds,
        f"Of {len(off)} variances in networks of up to {JUDGED} layers {100 * close:.0f}% lie within "
        f"{100 * TOLERANCE:.0f}% of the prediction; the largest difference is {100 * worst:.0f}% ({start}, {depth} "
        f"layers, {which} of layer {layer}; {known})."
        + ("" if holds is not None else " More seeds would tell; that much may be noise."),
    )


def draw(rows: Rows) -> Any:
    """A row of panels for each depth, responses left, gradients right; below, how far off the judged ones are."""
    depths, starts, courses = distinct(rows, "depth"), distinct(rows, "start"), all_courses(rows)
    title = "The signal at initialization, relative to where it starts"
    figure, axes = style.panels(title, len(depths) + 1, 2, height=2.9)
    for i, depth in enumerate(depths):
        for j, which in enumerate(("response", "gradient")):
            panel, step = axes[2 * i + j], max(1, depth // 10)
            for k, start in enumerate(starts):
                c = courses[start, depth, which]
                layers = np.arange(1, depth + 1)
                panel.plot(layers, c.predicted, label=None if k else "equations (9), (13)", **style.PREDICTION)
                panel.plot(layers, c.measured, label=start, **style.line(k, (k * step // 5, step)))
            words = "responses, Var[y]" if which == "response" else "gradients, Var[dE/dy]"
            panel.set(title=f"{depth} layers: {words}", xlabel="layer", yscale="log", ylabel="variance (ratio)")
            panel.set_ylim(10.0 ** -(0.45 * depth + 1), 100)  # gaussian 0.01 leaves the picture: it would fill it
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    deepest = max((d for d in depths if d <= JUDGED), default=depths[0])
    draw_differences(axes[-2:], courses, starts, deepest)
    return figure


def draw_differences(axes: Sequence[Any], courses: Courses, starts: list[str], depth: int) -> None:
    """Measured / predicted - 1 in percent, and two standard errors to either side of the first start."""
    layers = np.arange(1, depth + 1)
    for panel, which in zip(axes, ("response", "gradient"), strict=True):
        for k, start in enumerate(starts):
            c = courses[start, depth, which]
            if k == 0 and np.isfinite(c.error).all():
                band = 200 * c.error
                panel.fill_between(layers, -band, band, color="0.9", label="± 2 standard errors", zorder=1)
            off = 100 * (c.measured / c.predicted - 1)
            panel.plot(layers, off, **style.line(k, (k * depth // 50, max(1, depth // 10))))
        for bound in (-100 * TOLERANCE, 100 * TOLERANCE):
            panel.axhline(bound, color="0.5", lw=1, label=f"± {bound:.0f}%" if bound > 0 else None)
        panel.set(title=f"{depth} layers, {which}s: off the prediction", xlabel="layer", ylabel="difference (%)")
        panel.legend(loc="lower left")


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
        "lab": Budget(16, {"networks": 64, "widths": WIDTHS}),
        "full": Budget(64, {"networks": 128, "widths": WIDTHS}),
    },
    variants=lambda budget: [f"{start}, {depth}" for depth in DEPTHS for start in STARTS],
    run=run, table=table, claims=[Own(trend)], draw=draw,
)  # fmt: skip
