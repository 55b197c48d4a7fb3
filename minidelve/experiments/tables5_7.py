"""`tables5-7`: models A, B and C, ten views (Table 5), dense windows at all scales (6), and all three together (7).

An ensemble's score of an image is the mean of its members'.  Where their mistakes differ, they outvote each other's.
It is compared with its best member, and that is chosen on the images that are tested, in the member's favour.

The page quotes what the paper and others published, to be read beside ours and not against it: those are errors on
ImageNet's 1000 classes.
"""

from __future__ import annotations

from typing import Any

from minidelve.evaluation.ensemble import ALL_SCALES
from minidelve.experiments import large, style
from minidelve.experiments.claims import Own, Trend
from minidelve.experiments.item import Item, Setup
from minidelve.experiments.large import DENSE, NETWORKS, TEN_VIEWS
from minidelve.experiments.rows import Rows, distinct, select
from minidelve.experiments.statistics import mean_and_error, paired, plus_minus

ENSEMBLE = "ensemble of A, B, C"
MEMBERS = (large.A, large.B, large.C)

# Top-1 and top-5 error in percent on ImageNet: ten views (Table 5), multi-scale (Table 6), both on the validation set.
PAPER = {
    large.A_RELU: ((26.48, 8.59), (24.02, 6.51)),
    large.A: ((25.59, 8.23), (22.97, 6.28)),
    large.B: ((25.53, 8.13), (22.85, 6.27)),
    large.C: ((24.27, 7.38), (21.59, 5.71)),
}
PAPER_ENSEMBLE, HUMAN = 4.94, 5.1  # top-5, test set: Table 7, six models; Russakovsky et al.
# What others published, as the paper quotes it: Table 5, Table 6, and top-5 of several models on the test set, Table 7.
CITED = (
    ("SPP-net", "29.68 / 10.95", "27.86 / 9.08 (test set)", "8.06"),
    ("VGG", "28.07 / 9.33 (VGG-16, tested by the paper's authors)", "- / 8.43 (test set)", "7.32"),
    ("GoogLeNet", "- / 9.15", "- / 7.89", "6.66"),
    ("VGG, arXiv v2", "", "24.8 / 7.5", ""),
    ("VGG, arXiv v5", "", "24.4 / 7.1", "6.8"),
    ("Baidu (in v1 of the paper only)", "", "24.88 / 7.42", "5.98"),
    ("the paper: six models", "", "", f"{PAPER_ENSEMBLE}"),
    ("one trained person (Russakovsky et al.), 1,500 images", "", "", f"{HUMAN}"),
)


def run(setup: Setup) -> Rows:
    """A network: ten views at the scale of training's test, and dense windows; the ensemble: dense windows, one row."""
    scales = setup.budget["scales"]
    if setup.variant == ENSEMBLE:
        members = large.networks(setup, MEMBERS)
        # An output: trained() has added the members' training to it, but that is counted by the members' own parts.
        setup.earlier = 0.0
        return large.errors(members, DENSE, scales)[-1:]
    nets = large.networks(setup, [setup.variant])
    return large.errors(nets, TEN_VIEWS) + large.errors(nets, DENSE, scales)


def multi_scale(rows: Rows) -> Rows:
    """The rows of Tables 6 and 7."""
    return large.known(select(rows, test=DENSE, scale=ALL_SCALES))


def beside_best(rows: Rows) -> list[float]:
    """The ensemble's top-1 error less its best member's, for each seed that has all of them."""
    differences = []
    for seed in distinct(rows, "seed"):
        of_seed = {row["variant"]: row["top1_error"] for row in multi_scale(select(rows, seed=seed))}
        if ENSEMBLE in of_seed and all(member in of_seed for member in MEMBERS):
            differences.append(of_seed[ENSEMBLE] - min(of_seed[member] for member in MEMBERS))
    return differences


def table(rows: Rows) -> tuple[list[str], list[list[str]]]:
    """Ours in percent with the paper's beside them, and below what others published."""
    lines = []
    for variant in distinct(rows, "variant"):
        of = select(rows, variant=variant)
        dense = select(of, test=DENSE, scale=ALL_SCALES)
        ours = [large.cell(of, f"{w}_error") for of in (select(of, test=TEN_VIEWS), dense) for w in ("top1", "top5")]
        paper = [f"{top1:.2f} / {top5:.2f}" for top1, top5 in PAPER.get(variant, ())] or ["", ""]
        lines.append([f"ours: {variant}", *ours, *paper, ""])
    lines += [[f"not ours: {name}", "", "", "", "", *published] for name, *published in CITED]
    return [
        "network", "ten views: top-1 error %", "ten views: top-5 %", "dense, all scales: top-1 error %",
        "dense, all scales: top-5 %", "published, ImageNet val: ten views, top-1 / top-5 (Table 5)",
        "published, ImageNet val: multi-scale (Table 6)",
        "published, ImageNet test set: several models, top-5 (Table 7)",
    ], lines  # fmt: skip


def order(rows: Rows) -> str:
    """How A, B and C come out beside each other."""
    found = {m: mean_and_error(x) for m in MEMBERS if (x := [r["top1_error"] for r in select(rows, variant=m)])}
    ranked = ", ".join(f"{m[0]} {plus_minus(*found[m], 2)}" for m in sorted(found, key=lambda m: found[m][0]))
    pairs = ((large.A, large.B), (large.B, large.C))
    steps = [
        f"{second[0]} less {first[0]} {plus_minus(*mean_and_error(x), 2)}"
        for first, second in pairs if (x := paired(rows, second, first, "top1_error"))
    ]  # fmt: skip
    paper = ", ".join(f"{m[0]} {PAPER[m][1][0]:.2f}" for m in reversed(MEMBERS))
    return f"From best to worst: {ranked} (paper: {paper}); seed by seed {', '.join(steps) or 'nothing to compare'}."


def trend(rows: Rows) -> Trend:
    """The ensemble below its best member in every seed, and clearly (large.clear) so on average."""
    found, differences = multi_scale(rows), beside_best(rows)
    if not differences:
        return Trend(None, "No seed has all three members: a loss did not stay finite.")
    if not large.learned(found):
        return Trend(None, large.TOO_EARLY)
    mean, error = mean_and_error(differences)
    clear = large.clear(differences)
    below = clear < 0 and all(d < 0 for d in differences)
    seeds = f"{len(differences)} seed" + ("s" if len(differences) > 1 else "")
    return Trend(
        True if below else False if clear > 0 else None,
        f"Dense windows, all scales: the ensemble's top-1 error less its best member's is {plus_minus(mean, error, 2)} "
        f"points over {seeds}, from {min(differences):.2f} to {max(differences):.2f} (asked for: below 0 in every "
        f"seed, and on average by more than two standard errors and {large.LEAST} points, one image of 1,000). "
        f"{order(found)}{large.few_seeds(len(differences))}",
    )


def draw(rows: Rows) -> Any:
    """Ours on the left; what was published on the right."""
    figure, (ours, published) = style.panels("Models A, B and C, and all three together", 1, 2, height=4.3)
    variants = distinct(rows, "variant")
    tests = (("ten views", select(rows, test=TEN_VIEWS), -0.13), ("dense, all scales", multi_scale(rows), 0.13))
    for i, (label, of_test, shift) in enumerate(tests):
        for place, variant in enumerate(variants):
            numbers = [row["top1_error"] for row in large.known(select(of_test, variant=variant))]
            dots(ours, i, numbers, place + shift)
        ours.plot([], [], label=label, **look(i))
    ours.set(title="ours: mean ± 2 standard errors, and runs", xlabel="top-1 error (%)")
    ours.set_yticks(range(len(variants)), variants)
    for i, label in enumerate(("ten views (Table 5)", "multi-scale (Table 6)")):
        published.plot([PAPER[name][i][1] for name in NETWORKS], range(len(NETWORKS)), label=label, **look(i))
    published.plot(PAPER_ENSEMBLE, len(NETWORKS), label="test set (Table 7)", **look(2))
    published.axvline(HUMAN, color="0.4", lw=1, ls=":", label=f"one trained person: {HUMAN}%")
    published.set(title="the paper's, on ImageNet: not ours", xlabel="top-5 error (%)")
    published.set_yticks(range(len(NETWORKS) + 1), [*NETWORKS, "six models"])
    for panel in (ours, published):
        panel.locator_params(axis="x", nbins=7)
        panel.set_ylim(len(NETWORKS) + 0.6, -0.6)
        panel.legend(loc="best")
    return figure


def look(i: int) -> dict[str, Any]:
    """The i-th kind of point, without a line."""
    return style.line(i) | {"linestyle": "none", "markersize": 6}


def dots(panel: Any, i: int, numbers: list[float], y: float) -> None:
    """The runs of one network in one test, and their mean with its bar."""
    panel.plot(numbers, [y] * len(numbers), ".", color="0.65", ms=5)
    if numbers:
        mean, error = mean_and_error(numbers)
        panel.errorbar(mean, y, xerr=style.bar(error), capsize=3, **look(i))


ITEM = Item(
    name="tables5-7",
    title="models A, B and C: ten views, dense testing at all scales, and an ensemble",
    where="Tables 5, 6 and 7",
    paper="Tables 5 and 6: models A (19 layers), B (22) and C (22, wider) on ImageNet with PReLU, and A with ReLU, "
    "tested with ten views, and with every window of the last feature map at several scales. More layers bring little "
    "(A to B), more channels more (B to C). Table 7: six models together, 4.94% top-5 error on the test set, below the "
    "5.1% of a trained person.",
    ours="The same four networks with all their layers, narrower and on smaller images "
    "(minidelve/experiments/large.py; both A are those of `table4`), trained with the same options, several seeds, and "
    "tested after the last epoch. The ensemble is one A, one B and one C of the same seed, where the paper has six "
    "models; their scores are averaged, which for models is our reading. Different from the paper besides: the data, "
    "far fewer epochs (the rate drops once, after 75% or 80% of them), crops and scales a fourth to an eighth as long, "
    "the same scales for B and C as for A (the paper states A's), a pyramid of 3, 2 and 1 bins, fully connected layers "
    "started by He's rule, no colour alteration, and images also divided by their standard deviation. Lines marked "
    "'not ours' are quoted.",
    budgets=large.BUDGETS,
    variants=lambda budget: [*NETWORKS, ENSEMBLE],
    run=run, table=table, claims=[Own(trend)], draw=draw,
)  # fmt: skip
