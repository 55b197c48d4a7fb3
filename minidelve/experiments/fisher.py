"""`fisher`: why PReLU's training may be easier, seen in the Fisher information matrix of a small network.

The ICCV version of the paper argues that parameters of different layers disturb each other less the closer the
off-diagonal blocks of the Fisher matrix are to 0, and that PReLU moves them towards 0.  The paper's own equation is
not at hand; this is ours, for one hidden layer,

    u_q = sum_m U_qm x_m + b_q       h = f(u)       z = sum_j V_j h_j + noise of variance s^2

The Fisher matrix is the mean of products of log p(z | x)'s derivatives, over inputs x and over answers z that the
network itself gives.  With e = (z - sum_j V_j h_j) / s, which has mean 0 and variance 1,

    d log p / dV_j = e h_j / s              d log p / db_q = e V_q f'(u_q) / s

    F[V_j, b_q]    = V_q / s^2  E[h_j f'(u_q)]      nearly  V_q / s^2  E[h] E[f']    for units j and q that differ
    F[V_j, V_j]    =   1 / s^2  E[h_j^2]
    F[b_q, b_q]    = V_q^2 / s^2  E[f'(u_q)^2]

(The weights U_qm have a factor x_m more.  Our x has mean 0, so that their elements nearly vanish, whatever a is; the
bias reads the constant x_0 = 1.  It stands for the weights of a deeper layer, whose x, a rectifier's output, has a
positive mean: there the element has the factor E[x] / sqrt(E[x^2]) more, .564 behind a ReLU.)

For u from N(0, t^2) and a slope a,

    E[h] = (1 - a) t / sqrt(2 pi)     E[h^2] = (1 + a^2) t^2 / 2
    E[f'] = (1 + a) / 2               E[f'^2] = (1 + a^2) / 2

so that the block, measured in units of the diagonal, is up to the sign of V_q

    F[V_j, b_q] / sqrt(F[V_j, V_j] F[b_q, b_q]) = (1 - a^2) / ((1 + a^2) sqrt(2 pi))

.399 for ReLU (a = 0), .352 for a = 0.25, .188 for a = 0.6, and 0 for a linear unit.  A mean response of 0 empties it.
All this is for random weights; fisher_course.py goes on from there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidelve.experiments import style
from minidelve.experiments.claims import Own, Trend
from minidelve.experiments.fisher_course import measure, network, train
from minidelve.experiments.item import Budget, Item, Setup
from minidelve.experiments.rows import Rows, distinct, select
from minidelve.experiments.statistics import mean_and_error, paired, plus_minus

RELU = "ReLU"
SLOPES = {RELU: 0.0, "PReLU a=0.1": 0.1, "PReLU a=0.25": 0.25, "PReLU a=0.4": 0.4, "PReLU a=0.6": 0.6, "a=1": 1.0}
STATED = (RELU, "PReLU a=0.25", "PReLU a=0.6")  # those that the trend is about, and that are trained too
TOLERANCE = 0.05


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
    rows = [{"step": 0} | measure(net, budget["batches"], rng)]
    if setup.variant in STATED:
        # The same teacher and the same answers for each of them.
        lessons = np.random.default_rng([setup.seed, 1])
        teacher = network(inputs, units, 0.0, lessons, setup.device)
        for step in train(net, teacher, budget["steps"], lessons):
            rows.append({"step": step} | measure(net, budget["batches"], rng))
    return rows


def stated(rows: Rows, column: str, **wanted: Any) -> tuple[float, float]:
    """Mean and standard error of a column over the seeds; (NaN, inf) where every number is missing."""
    numbers = [row[column] for row in select(rows, **wanted) if row[column] is not None]
    return mean_and_error(numbers) if numbers else (math.nan, math.inf)


def measured(rows: Rows, variant: str) -> tuple[float, float]:
    """At the start: mean over the seeds and its standard error."""
    return stated(rows, "measured", variant=variant, step=0)


def table(rows: Rows) -> tuple[list[str], list[list[str]]]:
    """Measured beside derived, at the start; then, by steps, with what the moment's mean slope would give."""
    lines = []
    moments = {(row["variant"], row["step"]) for row in rows}
    for variant, step in sorted(moments, key=lambda m: (m[1] > 0, list(SLOPES).index(m[0]), m[1])):
        of = {"variant": variant, "step": step}
        mean, error = stated(rows, "measured", **of)
        slope, theory = stated(rows, "slope", **of)[0], derived(stated(rows, "slope", **of)[0])
        off = f"{100 * (mean / theory - 1):+.1f}%" if abs(theory) > 1e-6 else ""
        line = [
            variant, f"{step:,}", plus_minus(mean, error, 4), f"{theory:.4f}", off,
            f"{stated(rows, 'size', **of)[0]:.4f}", f"{slope:.3f} (sd {stated(rows, 'slope_sd', **of)[0]:.3f})",
            f"{stated(rows, 'response', **of)[0]:.3f}",
        ]  # fmt: skip
        lines.append(["" if "nan" in cell else cell for cell in line])
    return [
        "network", "steps of training", "measured", "derived from the mean slope", "difference", "mean size",
        "slope a: mean over the units", "mean response / rms",
    ], lines  # fmt: skip


def trend(rows: Rows) -> Trend:
    """Each stated slope within TOLERANCE of the derivation, two standard errors included; one beyond it fails."""
    found = {v: measured(rows, v) for v in STATED}
    if any(math.isnan(mean) for mean, _ in found.values()):
        return Trend(None, "The block could not be measured.")
    off = [(abs(m / t - 1), e / t, v) for v, (m, e) in found.items() for t in [derived(SLOPES[v])]]
    within = all(x + 2 * error <= TOLERANCE for x, error, _ in off)
    beyond = any(x - 2 * error > TOLERANCE for x, error, _ in off)
    numbers = ", ".join(f"{found[v][0]:.3f} for {v} (derived {derived(SLOPES[v]):.3f})" for v in STATED)
    worst, error, name = max(off)
    return Trend(
        True if within else False if beyond else None,
        f"Before training the scaled off-diagonal element is {numbers}: the largest difference is "
        f"{plus_minus(100 * worst, 100 * error, 2)}% ({name}; asked for of each: at most {100 * TOLERANCE:.0f}%, two "
        "standard errors included). This judges our derivation, at the start."
        + in_training(rows)
        + ("" if math.isfinite(error) else " One seed tells no error."),
    )


def in_training(rows: Rows) -> str:
    """What training makes of it: mean sizes at the last step, and PReLU's less ReLU's seed by seed."""
    last = max(row["step"] for row in rows)
    ends = [row for row in select(rows, step=last) if row["size"] is not None]
    sizes = [f"{plus_minus(*stated(ends, 'size', variant=v))} for {v}" for v in STATED if select(ends, variant=v)]
    gaps = {v: paired(ends, v, RELU, "size") for v in STATED if v != RELU}
    less = [f"{plus_minus(*mean_and_error(gap))} for {v}" for v, gap in gaps.items() if gap]
    if not last or not less:
        return ""
    return (
        f" In training, of which it says nothing, the mean size after {last:,} steps is {', '.join(sizes)}; less "
        f"ReLU's, seed by seed: {', '.join(less)}."
    )


def draw(rows: Rows) -> Any:
    """Measured points on the derived curve, and what training makes of three of them."""
    figure, (left, right) = style.panels("Fisher matrix: output weights against hidden biases", 1, 2)
    a = np.linspace(0, 1, 101)
    left.plot(a, [derived(s) for s in a], label="derived: (1 - a²) / ((1 + a²) √(2π))", **style.PREDICTION)
    variants = distinct(rows, "variant")
    pairs = [measured(rows, v) for v in variants]
    slopes, (means, bars) = [SLOPES[v] for v in variants], zip(*((m, style.bar(e)) for m, e in pairs), strict=True)
    left.errorbar(slopes, means, bars, fmt="o", color="black", capsize=4, zorder=3,
                  label="sampled, ± 2 standard errors")  # fmt: skip
    left.annotate("ReLU", (0, derived(0)), xytext=(8, 4), textcoords="offset points")
    left.set(xlabel="slope a of the hidden units", ylabel="off-diagonal element / diagonal", ylim=(-0.03, 0.46))
    left.set_title("One hidden layer, at initialization")
    left.legend(loc="lower left")
    draw_course(right, rows)
    return figure


def draw_course(panel: Any, rows: Rows) -> None:
    """Mean size by step; beneath, what the mean slope of the moment alone would give."""
    steps = distinct(rows, "step")
    for i, variant in enumerate(STATED):
        sizes = [stated(rows, "size", variant=variant, step=step) for step in steps]
        alone = [derived(stated(rows, "slope", variant=variant, step=step)[0]) for step in steps]
        label = None if i else "derived from the mean slope of the moment"
        panel.plot(steps, alone, label=label, **style.PREDICTION)
        means, bars = zip(*((mean, style.bar(error)) for mean, error in sizes), strict=True)
        panel.errorbar(steps, means, bars, capsize=3, label=variant, **style.line(i))
    panel.set_xscale("symlog", linthresh=10)  # even up to 10: step 0 has no logarithm
    panel.set_xticks(steps, [f"{step:,}" for step in steps])
    panel.minorticks_off()
    panel.set(xlabel="steps of training", ylabel="mean |off-diagonal element / diagonal|", ylim=(-0.03, 0.46))
    panel.set_title("The same network while it learns")
    panel.legend(loc="lower left")


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
        "lab": Budget(16, {"inputs": 400, "units": 128, "batches": 40, "steps": 1000}),
        "full": Budget(32, {"inputs": 400, "units": 256, "batches": 200, "steps": 1000}),
    },
    variants=lambda budget: list(SLOPES),
    run=run, table=table, claims=[Own(trend)], draw=draw, uses_data=False,
)  # fmt: skip
