"""`fisher`: why PReLU's training may be easier, seen in the Fisher information matrix of a small network.

The ICCV version of the paper argues that parameters of different layers disturb each other less the closer the
off-diagonal blocks of the Fisher matrix are to 0, and that PReLU moves them towards 0. The paper's own equation is
not at hand; this is ours, for one hidden layer,

    u_q = sum_m U_qm x_m + b_q       h = f(u)       z = sum_j V_j h_j + noise of variance s^2

The Fisher matrix is the mean of products of log p(z | x)'s derivatives, over inputs x and over answers z that the
network itself gives. With e = (z - sum_j V_j h_j) / s, which has mean 0 and variance 1,

    d log p / dV_j = e h_j / s              d log p / db_q = e V_q f'(u_q) / s

    F[V_j, b_q]    = V_q / s^2  E[h_j f'(u_q)]      nearly  V_q / s^2  E[h] E[f']    for units j and q that differ
    F[V_j, V_j]    =   1 / s^2  E[h_j^2]
    F[b_q, b_q]    = V_q^2 / s^2  E[f'(u_q)^2]

(The weights U_qm have a factor x_m more. Our x has mean 0, so that their elements nearly vanish, whatever a is; the
bias reads the constant x_0 = 1. It stands for the weights of a deeper layer, whose x, a rectifier's output, has a
positive mean: there the element has the factor E[x] / sqrt(E[x^2]) more, .564 behind a ReLU.)

For u from N(0, t^2) and a slope a,

    E[h] = (1 - a) t / sqrt(2 pi)     E[h^2] = (1 + a^2) t^2 / 2
    E[f'] = (1 + a) / 2               E[f'^2] = (1 + a^2) / 2

so that the block, measured in units of the diagonal, is up to the sign of V_q

    F[V_j, b_q] / sqrt(F[V_j, V_j] F[b_q, b_q]) = (1 - a^2) / ((1 + a^2) sqrt(2 pi))

.399 for ReLU (a = 0), .352 for a = 0.25, .188 for a = 0.6, and 0 for a linear unit. A mean response of 0 empties it.
All this is for random weights; fisher_course.py goes on from there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidelve.experiments import style
from minidelve.experiments.claims import VERDICTS, Claim, Column, Table, Told, Verdict, judge, over
from minidelve.experiments.fisher_course import measure, network, train
from minidelve.experiments.item import Budget, Item, Setup
from minidelve.experiments.layers import cell
from minidelve.experiments.rows import Row, Rows, distinct, numbers
from minidelve.experiments.statistics import Estimate, estimate

RELU = "ReLU"
SLOPES = {RELU: 0.0, "PReLU a=0.1": 0.1, "PReLU a=0.25": 0.25, "PReLU a=0.4": 0.4, "PReLU a=0.6": 0.6, "a=1": 1.0}
STATED = (RELU, "PReLU a=0.25", "PReLU a=0.6")  # those that the claims are about, and that are trained too
TOLERANCE = 0.05
SIZE = Column("size", "mean size of the element")


def derived(a: float) -> float:
    """The scaled off-diagonal element for slope a.

    >>> [round(derived(a), 3) for a in (0, 0.25, 0.6, 1)]
    [0.399, 0.352, 0.188, 0.0]
    """
    return (1 - a * a) / ((1 + a * a) * math.sqrt(2 * math.pi))


def run(setup: Setup) -> Rows:
    """A row before training; for the stated slopes, one at each moment of training too."""
    budget, slope, rng = setup.budget, SLOPES[setup.variant], np.random.default_rng(setup.seed)
    inputs, units = budget["inputs"], budget["units"]
    net = network(inputs, units, slope, rng, setup.device)
    rows: list[Row] = [{"step": 0} | measure(net, budget["batches"], rng)]
    if setup.variant in STATED:
        # The same teacher and the same answers for each of them.
        lessons = np.random.default_rng([setup.seed, 1])
        teacher = network(inputs, units, 0.0, lessons, setup.device)
        for step in train(net, teacher, budget["steps"], lessons):
            rows.append({"step": step} | measure(net, budget["batches"], rng))
    return rows


def found(rows: Rows, column: str, variant: str, step: int) -> Estimate:
    """The mean over the seeds, at a moment of training."""
    return estimate(numbers(rows, column, variant=variant, step=step))


@dataclass(frozen=True)
class AsDerived:
    """Before training, the interval of the element's relative difference from the derived one is within TOLERANCE.

    The claim fails where the whole interval lies beyond it.
    """

    variant: str

    def judge(self, rows: Rows) -> Verdict:
        theory = derived(SLOPES[self.variant])
        measured = numbers(rows, "measured", variant=self.variant, step=0)
        off = estimate([100 * (element / theory - 1) for element in measured])
        if not measured:
            return Verdict(None, f"{self.variant}: the block could not be measured.")
        size, bound = abs(off.mean), 100 * TOLERANCE
        holds = True if size + off.half <= bound else False if size - off.half > bound else None
        return Verdict(
            holds,
            f"{self.variant}, before training: {estimate(measured).text()}, derived {theory:.3f}, a difference of "
            f"{off.text(2)}%{over(off.count)} (claimed: at most {bound:.0f}%; {VERDICTS[holds]}).",
        )


class InTraining:
    """Of which the derivation says nothing: what becomes of the element's size, and of PReLU's beside ReLU's."""

    def judge(self, rows: Rows) -> Verdict:
        last = max(distinct(rows, "step"))
        pairs: list[tuple[str, str | int]] = [(v, 0) for v in STATED] + [(v, RELU) for v in STATED[1:]]
        told = [
            Told(v, other, SIZE, where={"step": last},
                 words=f"{v}{f' less {other}' if other else ''} after {last:,} steps of training, {SIZE.words}")
            for v, other in pairs
        ]  # fmt: skip
        return judge(told if last else [], rows)


CLAIMS: list[Claim] = [*map(AsDerived, STATED), InTraining()]


def table(rows: Rows) -> Table:
    """Measured beside derived, at the start; then, by steps, with what the moment's mean slope would give."""
    moments = {(row["variant"], row["step"]) for row in rows}
    in_order = sorted(moments, key=lambda m: (m[1] > 0, list(SLOPES).index(m[0]), m[1]))
    return [
        "network", "steps of training", "measured", "derived from the mean slope", "difference %", "mean size",
        "slope a: mean over the units", "sd of the slopes", "mean response / rms",
    ], [line(rows, variant, step) for variant, step in in_order]  # fmt: skip


def line(rows: Rows, variant: str, step: int) -> list[str]:
    """Of one network at one moment."""
    measured, size, slope, sd, response = (
        found(rows, column, variant, step) for column in ("measured", "size", "slope", "slope_sd", "response")
    )
    theory = derived(slope.mean)
    off = 100 * (measured.mean / theory - 1) if abs(theory) > 1e-6 else math.nan
    return [
        variant, f"{step:,}", measured.text(4), cell(theory, ".4f"), cell(off, "+.1f"), cell(size.mean, ".4f"),
        cell(slope.mean), cell(sd.mean), cell(response.mean),
    ]  # fmt: skip


def draw(rows: Rows) -> Any:
    """Measured points on the derived curve, and what training makes of three of them."""
    figure, (left, right) = style.panels("Fisher matrix: output weights against hidden biases", 1, 2)
    a = np.linspace(0, 1, 101)
    left.plot(a, [derived(s) for s in a], label="derived: (1 - a²) / ((1 + a²) √(2π))", **style.PREDICTION)
    points = [found(rows, "measured", variant, 0) for variant in SLOPES]
    style.draw_estimates(left, list(SLOPES.values()), points, "sampled, 95% intervals", fmt="o", color="k", zorder=3)
    left.annotate("ReLU", (0, derived(0)), xytext=(8, 4), textcoords="offset points")
    left.set(xlabel="slope a of the hidden units", ylabel="off-diagonal element / diagonal")
    left.set_title("One hidden layer, at initialization")
    draw_course(right, rows)
    for panel in (left, right):
        panel.set_ylim(-0.03, 0.46)
        style.legend(panel)
    return figure


def draw_course(panel: Any, rows: Rows) -> None:
    """Mean size by step; beneath, what the mean slope of the moment alone would give."""
    steps = distinct(rows, "step")
    for i, variant in enumerate(STATED):
        alone = [derived(found(rows, "slope", variant, step).mean) for step in steps]
        label = None if i else "derived from the mean slope of the moment"
        panel.plot(steps, alone, label=label, **style.PREDICTION)
        sizes = [found(rows, "size", variant, step) for step in steps]
        style.draw_estimates(panel, steps, sizes, variant, **style.line(i))
    panel.set_xscale("symlog", linthresh=10)  # even up to 10: step 0 has no logarithm
    panel.set_xticks(steps, [f"{step:,}" for step in steps])
    panel.minorticks_off()
    panel.set(xlabel="steps of training", ylabel="mean |off-diagonal element / diagonal|")
    panel.set_title("The same network while it learns")


ITEM = Item(
    name="fisher",
    title="the Fisher matrix's off-diagonal block, ReLU against PReLU",
    where="the discussion of the Fisher matrix [not in arXiv v1]",
    paper="The ICCV version discusses the Fisher information matrix: the nearer its off-diagonal blocks are to 0, the "
    "faster training converges, and PReLU moves them towards 0. No numbers of it are at hand; those beside ours are "
    "derived in minidelve/experiments/fisher.py.",
    ours="A network of one hidden layer at its initialization, with Gaussian inputs, answers itself; the products of "
    "the derivatives of log p by an output weight and by another unit's bias are averaged over inputs and answers, and "
    "over all pairs of units, in units of the diagonal. Three of the networks are then trained with momentum on the "
    "noisy answers of another one, of ReLUs with random weights, and measured again at a few moments. ReLU and PReLU "
    "see the same inputs and answers. This is a small regression, not the paper's networks.",
    budgets={
        "quick": Budget(4, {"inputs": 200, "units": 64, "batches": 10, "steps": 300}),
        "class": Budget(8, {"inputs": 200, "units": 64, "batches": 20, "steps": 300}),
        "lab": Budget(16, {"inputs": 400, "units": 128, "batches": 40, "steps": 1000}),
        "full": Budget(32, {"inputs": 400, "units": 256, "batches": 200, "steps": 1000}),
    },
    minutes={"quick": 1, "class": 0.5, "lab": 12},
    variants=lambda budget: list(SLOPES),
    run=run, table=table, claims=CLAIMS, draw=draw, uses_data=False,
)  # fmt: skip
