"""Lab 1's experiment: your engine fits two spirals, and its gradient is compared with central differences.

1. Before any training: dE/da of every weight by your backward(), and by (E(a + h) - E(a - h)) / 2h for many h.
2. A net of three layers, maximum(x W + b, 0), is fitted to two spirals by your descend().

Nothing but lab 1's files and a sum is used: the loss is a hinge, maximum(1 - t score, 0), with t = 1 or -1.
"""

import time
from pathlib import Path

import numpy as np

from minidelve import Tensor, no_grad
from minidelve.analysis.pictures import picture
from minidelve.disk.files import write_whole
from minidelve.experiments import style
from minidelve.ops.elementwise import maximum
from minidelve.optim import descend
from minidelve.progress import say

POINTS, UNITS, TURNS = 200, 24, 2.0
LR, STEPS, AT_ONCE = 0.1, 2500, 250  # the loss is said after so many steps
WIDTHS = [10.0**-k for k in range(1, 12)]  # of the central differences
USUAL = 1e-5
# How far a number may lie from another run's: relatively, absolutely. Rounding grows over thousands of steps.
TOLERANCE = {
    "loss_first": (1e-6, 0), "loss_last": (0.5, 0.02), "error_last": (0, 5), "weights": (0, 0),
    "typical_difference": (0, 1e-7), "largest_difference": (0, 1e-3), "best_exponent": (0, 1),
}  # fmt: skip


def main(out: Path, seed: int, quick: bool = False) -> dict[str, float]:
    """The numbers of both parts; gradient.png and spirals.png in `out`."""
    rng = np.random.default_rng(seed)
    x, t = spirals(rng, 60 if quick else POINTS)
    weights = layers(rng, 8 if quick else UNITS)
    errors, gradients, numbers = compare(x, t, weights)
    keep(out / "gradient.png", lambda: draw_gradients(errors, gradients))
    losses, more = fit(x, t, weights, 200 if quick else STEPS)
    keep(out / "spirals.png", lambda: draw_spirals(x, t, weights, losses))
    return numbers | more


def keep(path, draw):
    """A figure in its file, where one can be drawn."""
    if content := picture(path.name, draw):
        write_whole(path, content)


def spirals(rng, count):
    """Points x (count, 2) on two spirals, half on each, and on which of them: t (count, 1), 1 or -1."""
    t = np.where(np.arange(count) % 2 == 0, 1.0, -1.0)[:, None]
    angle = 2 * np.pi * TURNS * np.sqrt(rng.uniform(0.04, 1, (count, 1)))
    radius = angle / (2 * np.pi * TURNS)
    x = t * np.hstack([radius * np.cos(angle), radius * np.sin(angle)])
    return x + rng.normal(0, 0.01, x.shape), t


def layers(rng, units):
    """W and b of three layers, in a flat list."""
    sizes = [2, units, units, 1]
    shapes = [shape for n, m in zip(sizes, sizes[1:], strict=False) for shape in [(n, m), (m,)]]
    draws = [rng.normal(0, np.sqrt(2 / s[0]), s) if len(s) == 2 else rng.uniform(-0.5, 0.5, s) for s in shapes]
    return [Tensor(a, requires_grad=True) for a in draws]


def scores(x, weights):
    """The net's answer (N, 1): its sign is its guess."""
    *inner, W, b = weights
    for V, c in zip(inner[::2], inner[1::2], strict=True):
        x = maximum(x @ V + c, 0)
    return x @ W + b


def loss_of(x, t, weights):
    """The hinge: 0 where the score has the right sign and is at least 1 in size."""
    return maximum(1 - t * scores(x, weights), 0).sum() / len(x)


# -- backward() beside central differences ---------------------------------------------------------------


def compare(x, t, weights):
    """The error of the differences by h, for both dtypes; both gradients at the usual h; and the numbers."""
    started = time.perf_counter()
    loss = loss_of(x, t, weights)
    loss.backward()
    once = time.perf_counter() - started
    exact = np.concatenate([a.grad.ravel() for a in weights])
    say(f"1. A net of {exact.size} weights, E = {loss.item():.4f}: backward() beside central differences")
    say("   h         median difference   largest    the same in float32")
    errors, usual, seconds = {"float64": [], "float32": []}, exact, 0.0
    for h in WIDTHS:
        started = time.perf_counter()
        found = {dtype: differences(x, t, weights, h, dtype) for dtype in errors}
        seconds = time.perf_counter() - started
        usual = found["float64"] if h == USUAL else usual
        for dtype, gradient in found.items():
            errors[dtype].append(np.abs(gradient - exact))
        last, single = errors["float64"][-1], errors["float32"][-1]
        say(f"   {h:.0e}     {np.median(last):.1e}             {last.max():.1e}    {np.median(single):.1e}")
    typical = [float(np.median(error)) for error in errors["float64"]]
    at = WIDTHS.index(USUAL)
    say(f"   backward(): {1000 * once:.1f} ms, forward included. Differences: {2 * exact.size} times forward, "
        f"{500 * seconds:.0f} ms for each h and dtype")  # fmt: skip
    numbers = {
        "weights": exact.size, "loss_first": loss.item(), "typical_difference": typical[at],
        "largest_difference": float(errors["float64"][at].max()),
        "best_exponent": round(np.log10(WIDTHS[int(np.argmin(typical))])),
    }  # fmt: skip
    return errors, (exact, usual), numbers


def differences(x, t, weights, h, dtype):
    """(E(a + h) - E(a - h)) / 2h for every number a of the weights."""
    copies = [Tensor(a.data.astype(dtype)) for a in weights]
    x, t = x.astype(dtype), t.astype(dtype)
    found = []
    with no_grad():
        for a in copies:
            for i in range(a.size):
                value, E = a.data.flat[i], []
                for moved in (value + h, value - h):
                    a.data.flat[i] = moved
                    E.append(loss_of(x, t, copies).item())
                a.data.flat[i] = value
                found.append((E[0] - E[1]) / (2 * h))
    return np.array(found)


def draw_gradients(errors, gradients):
    """Both gradients, and how the difference depends on h."""
    exact, usual = gradients
    figure, (left, right) = style.panels("backward() and central differences", columns=2)
    left.plot(exact, usual, "o", color=style.LINES[1][0], markersize=3)
    left.axline((0, 0), slope=1, **style.LEVEL)
    left.set(title=f"Every weight, h = {USUAL:.0e}", xlabel="dE/da by backward()", ylabel="dE/da by differences")
    for i, (dtype, each) in enumerate(errors.items()):
        right.plot(WIDTHS, [np.median(e) for e in each], label=f"{dtype}, median", **style.line(i))
    right.plot(WIDTHS, [e.max() for e in errors["float64"]], label="float64, largest", **style.line(2))
    right.set(title="How far they are apart", xlabel="h", ylabel="difference of dE/da", xscale="log", yscale="log")
    style.legend(right)
    return figure


# -- the fit ---------------------------------------------------------------------------------------------


def fit(x, t, weights, steps):
    """Descend; the losses and the numbers."""
    say(f"\n2. Two spirals of {len(x)} points: {steps} steps with all of them, eps = {LR}")
    say("   step      loss    on the wrong side")
    losses = []
    while len(losses) < steps:
        say(f"   {len(losses):5}   {loss_of(x, t, weights).item():7.4f}   {wrong(x, t, weights):5.1f}%")
        losses += descend(lambda: loss_of(x, t, weights), weights, LR, min(AT_ONCE, steps - len(losses)))
    last, error = loss_of(x, t, weights).item(), wrong(x, t, weights)
    say(f"   {len(losses):5}   {last:7.4f}   {error:5.1f}%")
    return [*losses, last], {"loss_last": last, "error_last": error}


def wrong(x, t, weights):
    """How many points in a hundred lie on the wrong side."""
    with no_grad():
        return float(100 * (scores(Tensor(x), weights).data * t <= 0).mean())


def draw_spirals(x, t, weights, losses):
    """The points over what the net says of every place, and the loss step by step."""
    figure, (left, right) = style.panels("Two spirals, fitted by your engine", columns=2)
    grid = np.linspace(-1.2, 1.2, 160)
    places = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    with no_grad():
        answers = scores(Tensor(places), weights).data.reshape(len(grid), -1)
    left.contourf(
        grid, grid, answers, levels=[-1e9, -1, 0, 1, 1e9], colors=["#9ab4dd", "#d7e1f2", "#f7e0d0", "#e8b08d"]
    )
    for sign, look in ((1, "s"), (-1, "o")):
        left.plot(*x[t[:, 0] == sign].T, look, color="#7a2a12" if sign > 0 else "#123a7a", markersize=3)
    left.set(title="Pale: scores between -1 and 1", aspect="equal", xlabel="x[0]", ylabel="x[1]")
    left.grid(False)
    right.plot(losses, color=style.LINES[0][0], linewidth=1.2)
    right.set(title="The loss", xlabel="step", ylabel="E", ylim=0)
    return figure
