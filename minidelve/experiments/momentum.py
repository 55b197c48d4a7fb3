"""`momentum`: two ways to write momentum, through a learning-rate drop; and the heavy ball on a quadratic.

Both rules, with g the gradient at a:

    paper    D := mu D + eps g     a := a - D              (4)
    PyTorch  v := mu v + g         a := a - eps v

While eps stays, D = eps v and the walks are the same. Let eps drop to eps' where g is constant. Before, D has
settled at eps g / (1 - mu). After it, PyTorch's step is at once eps' g / (1 - mu), while the paper's ball keeps its
speed and slows down: k steps after the drop

    D_k = eps' g / (1 - mu)  +  mu^k (eps - eps') g / (1 - mu)

and altogether it goes further by the sum over k >= 1 of the second term, mu (eps - eps') g / (1 - mu)^2.

The heavy ball. On E = lambda/2 a^2, (4) reads a_{k+1} = (1 + mu - eps lambda) a_k - mu a_{k-1}. Its solutions are
powers r^k with r^2 - (1 + mu - eps lambda) r + mu = 0. If the two roots are complex their product is mu, so each has
size sqrt(mu): every direction with (1 - sqrt(mu))^2 < eps lambda < (1 + sqrt(mu))^2 shrinks by sqrt(mu) a step.
Without momentum it shrinks by |1 - eps lambda|, which in a flat direction is almost 1.

Nothing is random here, and nothing is trained: optim.SGD walks beside the rules written out below.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidelve import nn, optim
from minidelve.experiments import style
from minidelve.experiments.claims import VERDICTS, Table, Verdict
from minidelve.experiments.item import Budget, Item, Setup
from minidelve.experiments.rows import Rows, select

MU, RATE, FACTOR, DROP = 0.9, 0.1, 0.1, 60  # eps and, from step DROP on, eps FACTOR
CURVATURES = (0.1, 20.0)  # lambda of the flat and of the steep direction of the quadratic
BALL_RATE = 0.08
START = (2.0, 0.3)
PAPER, PYTORCH, OURS = "drop: paper", "drop: pytorch", "drop: optim.SGD"
BALLS = {"ball: no momentum": 0.0, "ball: momentum 0.9": MU}
PLAIN, BALL = BALLS
STEPS = 40  # over which the ball is watched: before rounding shows
CLOSE = 1e-6  # of the derived figure, or of 1


def rate_at(step: int) -> float:
    """The learning rate of the walk down a slope."""
    return RATE * (FACTOR if step >= DROP else 1.0)


def walk(rule: str, steps: int, gradient: Any, start: Any, rate: Any, mu: float) -> np.ndarray:
    """Positions (steps + 1, n) of a rule: PAPER, PYTORCH, or minidelve's optim.SGD."""
    a, D, v = np.array(start, np.float64), np.zeros(len(start)), np.zeros(len(start))
    parameter = nn.Parameter(a.copy())
    sgd = optim.SGD([parameter], lr=rate(0), momentum=mu, weight_decay=0.0)
    positions = [a.copy()]
    for step in range(steps):
        g = gradient(a)
        if rule == PAPER:
            D = mu * D + rate(step) * g  # (4)
            a = a - D
        elif rule == PYTORCH:
            v = mu * v + g
            a = a - rate(step) * v
        else:
            parameter.grad, sgd.lr = g, rate(step)
            sgd.step()
            a = parameter.data.copy()
        positions.append(a.copy())
    return np.stack(positions)


def run(setup: Setup) -> Rows:
    """A row for each step: of a walk down a constant slope, or of a ball in the quadratic valley."""
    steps, curvatures = setup.budget["steps"], np.array(CURVATURES)
    if setup.variant in BALLS:
        a = walk(OURS, steps, lambda a: curvatures * a, START, lambda step: BALL_RATE, BALLS[setup.variant])
        return [{"step": k, "x": x, "y": y} for k, (x, y) in enumerate(a)]
    a = walk(setup.variant, steps, lambda a: np.ones(1), [0.0], rate_at, MU)
    return [{"step": k, "x": x} for k, (x,) in enumerate(a)]


def positions(rows: Rows, variant: str, column: str = "x") -> np.ndarray:
    """The course of one variant."""
    return np.array([row[column] for row in select(rows, variant=variant)])


def steps_of(rows: Rows, variant: str) -> np.ndarray:
    """The steps down the slope: D, or eps v; that of index DROP is the first after the drop."""
    return -np.diff(positions(rows, variant))


def settled(step: int) -> float:
    """1 + mu + ... : what v has come to at that step, of 1 / (1 - mu) in the end."""
    return (1 - MU**step) / (1 - MU)


def envelope(x: np.ndarray, k: int) -> float:
    """By which factor a step an oscillation shrinks.

    Of x_k = c r^k cos(w k + p), x_k^2 - x_{k+1} x_{k-1} is c^2 r^2k sin^2 w: the cosine is gone.
    """
    size = x[1:-1] ** 2 - x[2:] * x[:-2]
    return float((size[k] / size[0]) ** (1 / (2 * k)))


@dataclass(frozen=True)
class AsDerived:
    """A figure of the walks is the derived one."""

    words: str
    measured: Callable[[Rows], float]
    derived: float

    def judge(self, rows: Rows) -> Verdict:
        got = float(self.measured(rows))
        off = abs(got - self.derived) / max(abs(self.derived), 1.0)
        return Verdict(
            off < CLOSE,
            f"{self.words}: {got:.6g}, derived {self.derived:.6g}, off by {off:.1e} ({VERDICTS[off < CLOSE]}).",
        )


CLAIMS = [
    AsDerived("minidelve's optim.SGD against the paper's rule, largest difference",
              lambda rows: abs(positions(rows, OURS) - positions(rows, PAPER)).max(), 0.0),
    AsDerived("The two rules before the drop, largest difference",
              lambda rows: abs(positions(rows, PAPER) - positions(rows, PYTORCH))[: DROP + 1].max(), 0.0),
    AsDerived("How much further the paper's rule goes after the drop",
              lambda rows: positions(rows, PYTORCH)[-1] - positions(rows, PAPER)[-1],
              MU * RATE * (1 - FACTOR) * settled(DROP) / (1 - MU)),
    AsDerived("The paper's step 10 after the drop", lambda rows: steps_of(rows, PAPER)[DROP + 9],
              RATE * FACTOR * settled(10) + MU**10 * RATE * settled(DROP)),
    AsDerived("PyTorch's first step after the drop", lambda rows: steps_of(rows, PYTORCH)[DROP],
              RATE * FACTOR * settled(DROP + 1)),
    AsDerived("The ball's shrinking a step in the flat direction, momentum 0.9",
              lambda rows: envelope(positions(rows, BALL), STEPS), math.sqrt(MU)),
    AsDerived("The same without momentum",
              lambda rows: (positions(rows, PLAIN)[STEPS] / positions(rows, PLAIN)[0]) ** (1 / STEPS),
              abs(1 - BALL_RATE * CURVATURES[0])),
]  # fmt: skip


def table(rows: Rows) -> Table:
    """Measured beside derived."""
    lines = [[claim.words, f"{claim.measured(rows):.6g}", f"{claim.derived:.6g}"] for claim in CLAIMS]
    return ["", "measured", "derived"], lines


def draw(rows: Rows) -> Any:
    """Left: the step through the drop. Right: two balls in a valley."""
    figure, (left, right) = style.panels("Momentum", columns=2)
    labels = {PAPER: "the paper's rule (4)", PYTORCH: "PyTorch's rule", OURS: "minidelve's optim.SGD"}
    for i, (rule, label) in enumerate(labels.items()):
        D = steps_of(rows, rule)[: 2 * DROP]
        left.plot(np.arange(1, len(D) + 1), D, label=label, **style.line(i, (3 * i, 10)))
    left.axvline(DROP + 0.5, color="0.6", ls=":", label="learning rate / 10")
    left.set(title="A constant slope of 1", xlabel="step", ylabel="length of the step (units of a)", ylim=(0, 1.45))

    x, y = np.meshgrid(np.linspace(-1.8, 2.2, 200), np.linspace(-0.62, 0.42, 200))
    height = 0.5 * (CURVATURES[0] * x**2 + CURVATURES[1] * y**2)
    right.contour(x, y, height, levels=np.geomspace(0.005, 2, 9), colors="0.85", linewidths=1)
    for i, ball in enumerate(BALLS):
        course = [positions(rows, ball, column)[:60] for column in "xy"]
        right.plot(*course, label=f"{ball.removeprefix('ball: ')}, 60 steps", **style.line(i))
    right.plot(0, 0, "*", color="black", markersize=11, label="the minimum", zorder=4, linestyle="none")
    title = f"A valley, curvature {CURVATURES[0]:g} along and {CURVATURES[1]:g} across"
    right.set(title=title, xlabel="a, along the valley", ylabel="a, across the valley")
    style.legend(left, right)
    return figure


ITEM = Item(
    name="momentum",
    title="the paper's momentum through a learning-rate drop, and the heavy ball",
    where="section 2.1, equation (4)",
    paper="Section 2.1, equation (4), gives momentum as D := mu D + eps dE/da, with the learning rate inside D; "
    "section 3 trains with mu = 0.9 and divides the learning rate by 10 twice. It shows no figure of it.",
    ours="Both rules, written out, and minidelve's optim.SGD walk down a constant slope while the learning rate drops "
    f"from {RATE} to {RATE * FACTOR:g} after {DROP} steps. Then optim.SGD rolls down a quadratic valley with and "
    "without momentum. Every figure is set beside its derivation (minidelve/experiments/momentum.py).",
    budgets={name: Budget(1, {"steps": 400}) for name in ("quick", "class", "lab", "full")},
    minutes=dict.fromkeys(("quick", "class", "lab"), 0.1),
    variants=lambda budget: [PAPER, PYTORCH, OURS, *BALLS],
    run=run, table=table, claims=CLAIMS, draw=draw, uses_data=False, random=False,
)  # fmt: skip
