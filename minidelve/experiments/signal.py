"""`signal`: what initialization does to the signal, layer by layer, before any training.

Section 2.2 of the paper predicts the variance of responses (9) and of gradients (13) as products of one factor a
layer; minidelve/nn/init.py derives them.  With E = (1 + a^2) / 2 for a rectifier of slope a, layer l has

    forward     Var[y_l]    = E n_l    Var[w_l] Var[y_{l-1}]                (9)
    backward    Var[dy_l-1] = E nhat_l Var[w_l] Var[dy_l]                   (13)

Here dy_l = dE/dy_l is what arrives at the response; the paper writes (13) for dx_{l+1}, which is dy_l before f', and
the factors are the same.  Var stands for the mean square: over the draw of the weights, responses have mean 0.

Where do the assumptions hold exactly?  Every response must be a sum of n = k^2 c terms and every gradient one of
nhat = k^2 d.  At the border of a padded map some terms are zeros.  So our conv layers have no border: the map is a
torus, its right edge joined to its left and its bottom to its top.  There is no pooling and no fully connected layer.
Channels grow with depth in three stages, so that n and nhat differ and the forward condition is not the backward one.
The gradient at the last response is random noise, independent of everything below, as (13) assumes.

One network's variance is a random number: each layer multiplies it by its factor times 1 + noise, of variance about
5/d with d channels.  Over 30 layers that becomes a lottery with rare, huge prizes, whose plain average settles
slowly.  The noise of one layer knows nothing of the others', so we average each layer's *ratio* over many networks,
and multiply the averages.  That estimates the same product, with fewer networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from minidelve import Tensor, concat, data, nn
from minidelve.analysis import Statistics, observe
from minidelve.experiments import style
from minidelve.experiments.item import Budget, Item, Rows, Trend, distinct, select
from minidelve.nn import init

KERNEL = 2  # as in the paper's 14- and 30-layer networks
PATCH = 4  # pixels of an image: the side of all maps
IMAGES = 4
PRELU = 0.25
DEPTHS = (14, 22, 30, 100)
JUDGED = 30  # the trend is about networks up to this depth
TOLERANCE = 0.10


class Start(NamedTuple):
    """A way to start: how weights are filled, the slope of the rectifiers, Var[w] for fans n and nhat."""

    fill: Callable[..., Tensor]
    slope: float
    variance: Callable[[float, float], float]


STARTS = {
    "he forward": Start(init.he_normal_, 0.0, lambda n, nhat: 2 / n),
    "he backward": Start(partial(init.he_normal_, mode="fan_out"), 0.0, lambda n, nhat: 2 / nhat),
    "he (1+a²)": Start(partial(init.he_normal_, a=PRELU), PRELU, lambda n, nhat: 2 / ((1 + PRELU**2) * n)),
    "xavier": Start(partial(init.xavier_normal_, mode="fan_in"), 0.0, lambda n, nhat: 1 / n),
    "gaussian 0.01": Start(partial(init.normal_, std=0.01), 0.0, lambda n, nhat: 1e-4),
}


class TorusConv2d(nn.Conv2d):
    """A conv layer on a map without borders: what leaves on the right comes back on the left."""

    def forward(self, x: Tensor, activation: Any = None) -> Tensor:
        """(N, c, H, W) -> (N, d, H, W)."""
        more = self.weight.shape[2] - 1
        for axis, begin in ((2, np.s_[:, :, :more]), (3, np.s_[:, :, :, :more])):
            x = concat([x, x.__getitem__(begin)], axis=axis)
        return super().forward(x, activation)


def channels(depth: int, widths: Sequence[int]) -> list[int]:
    """Of the layers 1 to depth: an equal share of them for each width.

    >>> channels(5, (8, 12, 16))
    [8, 8, 12, 12, 16]
    """
    return [widths[l * len(widths) // depth] for l in range(depth)]


def stack(depth: int, widths: Sequence[int], start: Start, rng: np.random.Generator) -> nn.Sequential:
    """Conv layer, rectifier, conv layer, ...; ends with a conv layer's response."""
    layers: list[nn.Module] = []
    c = 3
    for d in channels(depth, widths):
        conv = TorusConv2d(c, d, KERNEL, bias=False, rng=rng, init=start.fill)
        conv.weight.requires_grad = False  # we look at what passes through; its own gradient would only cost time
        layers += [conv, nn.PReLU(init=start.slope) if start.slope else nn.ReLU()]
        c = d
    return nn.Sequential(*layers[:-1])


def run(budget: Budget, path: str, variant: str, seed: int) -> Rows:
    """A row for each layer: the ratios to the layer below (responses) and above (gradients), averaged over networks."""
    name, depth = variant.rsplit(", ", 1)
    rng = np.random.default_rng([seed, int(depth)])  # the same weights, but for their scale, for every way to start
    up: list[list[float]] = []
    down: list[list[float]] = []
    few = 4 if int(depth) > JUDGED else 1  # the trend is not about the deepest ones, which take the longest
    for _ in range(max(1, budget["networks"] // few)):
        net = stack(int(depth), budget["widths"], STARTS[name], rng)
        x = Tensor(patches(path, rng), requires_grad=True)
        convs = [str(2 * l) for l in range(int(depth))]
        with observe(net, convs) as seen:
            y = net(x)
            y.backward(rng.standard_normal(y.shape).astype(np.float32))
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


def patches(path: str, rng: np.random.Generator) -> np.ndarray:
    """(IMAGES, 3, PATCH, PATCH) random pieces of training images, brought to mean 0 and mean square 1."""
    images = training_set(path)
    pieces = []
    for i in rng.integers(len(images), size=IMAGES):
        image = images.image(int(i))
        top, left = (int(rng.integers(max(1, side - PATCH + 1))) for side in image.shape[:2])
        piece = image[top : top + PATCH, left : left + PATCH]
        pieces.append(np.resize(piece, (PATCH, PATCH, 3)).transpose(2, 0, 1).astype(np.float32))
    x = np.stack(pieces)
    x += rng.standard_normal(x.shape).astype(np.float32)  # a piece of one colour still has a variance
    x -= x.mean()
    return x / np.sqrt((x**2).mean())


@cache
def training_set(path: str) -> data.Dataset:
    """The images, opened once."""
    return data.open_dataset(path, "train")


class Course(NamedTuple):
    """Of layers 1 .. depth: variances relative to where the signal starts, measured and predicted; relative errors."""

    measured: np.ndarray
    predicted: np.ndarray
    error: np.ndarray


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


def predicted(start: str, d: Sequence[int], which: str) -> np.ndarray:
    """The products of (9) from layer 1 up, or of (13) from the last layer down, for layers of d[l] channels.

    >>> predicted("xavier", [8, 8, 8], "response").tolist()
    [1.0, 0.5, 0.25]
    >>> predicted("he backward", [8, 16, 16], "response").tolist()
    [1.0, 0.5, 0.5]
    """
    half = (1 + STARTS[start].slope ** 2) / 2
    fans = [(KERNEL**2 * c, KERNEL**2 * out) for c, out in zip(d, d[1:])]  # of layers 2 .. L
    variances = [STARTS[start].variance(*fan) for fan in fans]
    if which == "response":
        return np.cumprod([1.0] + [half * n * var for (n, _), var in zip(fans, variances)])         # (9)
    factors = [half * nhat * var for (_, nhat), var in zip(fans, variances)]                        # (13)
    return np.cumprod([1.0, *factors[::-1]])[::-1]


def all_courses(rows: Rows) -> dict[tuple[str, int, str], Course]:
    """(start, depth, response or gradient) -> its course."""
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
            "" if lost else f"{100 * (got / theory - 1):+.0f}%", "" if lost else f"{100 * error:.0f}%",
        ])  # fmt: skip
    return ["layers", "start", "of", "measured", "equation (9) or (13)", "difference", "standard error"], lines


def trend(rows: Rows) -> Trend:
    """Every variance of networks up to 30 layers within 10% of the prediction."""
    off = []
    for (start, depth, which), c in all_courses(rows).items():
        if depth <= JUDGED:
            for l in np.flatnonzero(np.isfinite(c.measured)):
                off.append((abs(c.measured[l] / c.predicted[l] - 1), c.error[l], start, depth, which, l + 1))
    worst, error, start, depth, which, layer = max(off)
    # Three standard errors, as one looks for the worst of many.
    certain = any(d - 3 * e > TOLERANCE for d, e, *_ in off)
    close = np.mean([d <= TOLERANCE for d, *_ in off])
    holds = True if worst <= TOLERANCE else False if certain else None
    count = len(distinct(rows, "seed"))
    return Trend(
        holds,
        f"Of {len(off)} variances in networks of up to {JUDGED} layers {100 * close:.0f}% lie within "
        f"{100 * TOLERANCE:.0f}% of the prediction; the largest difference is {100 * worst:.0f}% ({start}, {depth} "
        f"layers, {which} of layer {layer}; its standard error over {count} seeds is {100 * error:.0f}%)."
        + ("" if holds is not None else " More seeds would tell; the difference is within the noise."),
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


def draw_differences(axes: Sequence[Any], courses: dict[tuple[str, int, str], Course], starts: list[str], depth: int) -> None:
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
    paper="Section 2.2 derives how the variance of responses, equation (9), and of gradients, equation (13), changes "
    "from layer to layer, and chooses the initialization that keeps it: (10) forward, (14) backward, with a factor "
    "1 + a² for PReLU. Xavier's halves it in every layer, and a fixed 0.01 shrinks it faster.",
    ours=f"Plain stacks of {KERNEL}x{KERNEL} conv layers and rectifiers on maps without borders, where the assumptions "
    "of the equations hold (no padding, pooling or fully connected layers), that read pieces of training images. "
    "Nothing is trained. Where responses are too small for float32 numbers they are 0, and "
    "gradients end there too. Ratios of neighbouring layers are averaged over many networks and multiplied. PReLU "
    f"(slope {PRELU}) with he (1+a²), ReLU with the others; xavier is sqrt(1/n), the paper's comparison.",
    budgets={
        "quick": Budget(4, {"networks": 12, "widths": WIDTHS}),
        "lab": Budget(16, {"networks": 64, "widths": WIDTHS}),
        "full": Budget(64, {"networks": 128, "widths": WIDTHS}),
    },
    variants=lambda budget: [f"{start}, {depth}" for depth in DEPTHS for start in STARTS],
    run=run, table=table, trend=trend, draw=draw,
)  # fmt: skip
