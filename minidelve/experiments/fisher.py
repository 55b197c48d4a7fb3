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

(b_q stands for all the weights U_qm: those have a factor x_m more, and the bias reads the constant x_0 = 1.)  For u
from N(0, t^2) and a slope a,

    E[h] = (1 - a) t / sqrt(2 pi)     E[h^2] = (1 + a^2) t^2 / 2
    E[f'] = (1 + a) / 2               E[f'^2] = (1 + a^2) / 2

so that the block, measured in units of the diagonal, is up to the sign of V_q

    F[V_j, b_q] / sqrt(F[V_j, V_j] F[b_q, b_q]) = (1 - a^2) / ((1 + a^2) sqrt(2 pi))

.399 for ReLU (a = 0), .352 for a = 0.25, .188 for a = 0.6, and 0 for a linear unit.  A mean response of 0 empties it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidelve import Tensor, nn, no_grad, ops
from minidelve.analysis import watch
from minidelve.experiments import style
from minidelve.experiments.item import Budget, Item, Rows, Setup, Trend, distinct, select
from minidelve.experiments.statistics import mean_and_error, plus_minus
from minidelve.nn import init

SLOPES = {"ReLU": 0.0, "PReLU a=0.1": 0.1, "PReLU a=0.25": 0.25, "PReLU a=0.4": 0.4, "PReLU a=0.6": 0.6, "a=1": 1.0}
STATED = ("ReLU", "PReLU a=0.25", "PReLU a=0.6")  # those that the trend is about
BATCH = 1000
TOLERANCE = 0.05


def derived(a: float) -> float:
    """The scaled off-diagonal element for slope a.

    >>> [round(derived(a), 3) for a in (0, 0.25, 0.6, 1)]
    [0.399, 0.352, 0.188, 0.0]
    """
    return (1 - a * a) / ((1 + a * a) * math.sqrt(2 * math.pi))


def network(inputs: int, units: int, slope: float, rng: np.random.Generator) -> nn.Sequential:
    """x (N, inputs) -> z (N, 1) with one hidden layer of PReLUs, started for its slope (10a)."""
    first = nn.Linear(inputs, units, rng=rng, init=lambda w, rng: init.he_normal_(w, a=slope, rng=rng))
    return nn.Sequential(first, nn.PReLU(units, init=slope), nn.Linear(units, 1, rng=rng))


def run(setup: Setup) -> Rows:
    """One row: the mean over all pairs of different units of the scaled element of the block."""
    budget, slope, rng = setup.budget, SLOPES[setup.variant], np.random.default_rng(setup.seed)
    inputs, units = budget["inputs"], budget["units"]
    net = network(inputs, units, slope, rng)
    block, output_diagonal, bias_diagonal = np.zeros((units, units)), np.zeros(units), np.zeros(units)
    for _ in range(budget["batches"]):
        dV, db = derivatives(net, rng.standard_normal((BATCH, inputs)).astype(np.float32), rng)
        block += dV.T @ db
        output_diagonal += (dV**2).sum(axis=0)
        bias_diagonal += (db**2).sum(axis=0)
    scaled = block / np.sqrt(np.outer(output_diagonal, bias_diagonal))
    scaled *= np.sign(dict(net.named_parameters())["2.weight"].data[0])  # of V_q
    return [{"slope": slope, "measured": scaled[~np.eye(units, dtype=bool)].mean()}]


def derivatives(net: nn.Sequential, x: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(d log p / dV_j, d log p / db_q), each (N, units), for answers that the network itself gives; s = 1.

    What arrives at u and at z in backward is each image's own derivative: the parameters' gradients, which are
    sums over the batch, are not needed.
    """
    with no_grad():
        z = net(Tensor(x)).data
    answer = z + rng.standard_normal(z.shape).astype(np.float32)
    h: dict[str, np.ndarray] = {}
    arrived: dict[str, np.ndarray] = {}
    with watch(net, h.__setitem__, arrived.__setitem__):
        error = ops.subtract(net(Tensor(x)), Tensor(answer))
        ops.multiply(ops.multiply(error, error), -0.5).sum().backward()  # log p but for a constant
    return (arrived["2"] * h["1"]).astype(np.float64), arrived["0"].astype(np.float64)


def measured(rows: Rows, variant: str) -> tuple[float, float]:
    """Mean over the seeds and its standard error."""
    return mean_and_error([row["measured"] for row in select(rows, variant=variant)])


def table(rows: Rows) -> tuple[list[str], list[list[str]]]:
    """Measured beside derived."""
    lines = []
    for variant in distinct(rows, "variant"):
        theory, (mean, error) = derived(SLOPES[variant]), measured(rows, variant)
        off = f"{100 * (mean / theory - 1):+.1f}%" if theory else ""
        lines.append([variant, plus_minus(mean, error, 4), f"{theory:.4f}", off])
    return ["activation", "measured", "derived", "difference"], lines


def trend(rows: Rows) -> Trend:
    """Each stated slope within 5% of the derivation; a difference within two standard errors of that tells nothing."""
    worst, error, name = max(
        (abs(m / t - 1), e / t, v) for v in STATED for t, (m, e) in [(derived(SLOPES[v]), measured(rows, v))]
    )
    holds = True if worst <= TOLERANCE else None if worst - 2 * error <= TOLERANCE else False
    figures = ", ".join(f"{measured(rows, v)[0]:.3f} for {v} (derived {derived(SLOPES[v]):.3f})" for v in STATED)
    return Trend(
        holds,
        f"The scaled off-diagonal element is {figures}: the largest difference is {100 * worst:.1f}% ({name}; "
        f"asked for: {100 * TOLERANCE:.0f}%). A slope above 0 moves it towards 0.",
    )


def draw(rows: Rows) -> Any:
    """Measured points on the derived curve."""
    figure, (axes,) = style.panels("Fisher matrix: output weights against hidden biases")
    a = np.linspace(0, 1, 101)
    axes.plot(a, [derived(s) for s in a], label="derived: (1 - a²) / ((1 + a²) √(2π))", **style.PREDICTION)
    slopes = [SLOPES[v] for v in distinct(rows, "variant")]
    means, errors = zip(*(measured(rows, v) for v in distinct(rows, "variant")), strict=True)
    bars = [2 * e if math.isfinite(e) else 0.0 for e in errors]
    axes.errorbar(
        slopes, means, bars, fmt="o", color="black", capsize=4, zorder=3, label="sampled, ± 2 standard errors"
    )
    axes.annotate("ReLU", (0, means[0]), xytext=(8, 4), textcoords="offset points")
    axes.set(xlabel="slope a of the hidden units", ylabel="off-diagonal element / diagonal", ylim=(-0.03, 0.46))
    axes.set_title("One hidden layer, at initialization")
    axes.legend(loc="lower left")
    return figure


ITEM = Item(
    name="fisher",
    title="the Fisher matrix's off-diagonal block, ReLU against PReLU",
    paper="The ICCV version discusses the Fisher information matrix: the nearer its off-diagonal blocks are to 0, the "
    "faster training converges, and PReLU moves them towards 0. It prints no figures; those beside ours are "
    "derived in minidelve/experiments/fisher.py.",
    ours="A network of one hidden layer at its initialization, with Gaussian inputs, answers itself; the products of "
    "the derivatives of log p by an output weight and by another unit's bias are averaged over inputs and answers, and "
    "over all pairs of units, in units of the diagonal. Not shown: how the block changes during training.",
    budgets={
        "quick": Budget(4, {"inputs": 200, "units": 64, "batches": 10}),
        "lab": Budget(16, {"inputs": 400, "units": 128, "batches": 40}),
        "full": Budget(32, {"inputs": 400, "units": 256, "batches": 200}),
    },
    variants=lambda budget: list(SLOPES),
    run=run, table=table, trend=trend, draw=draw, uses_data=False,
)  # fmt: skip
