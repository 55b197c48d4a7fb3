"""`tables5-7`: models A, B and C, ten views (Table 5), dense windows at all scales (6), and all three together (7).

An ensemble's score of an image is the mean of its members'. Where their mistakes differ, they outvote each other's.
It is compared with its best member, and that is chosen on the images that are tested, in the member's favour.

What the page quotes is to be read beside ours and not against it: those are errors on ImageNet's 1000 classes.
"""

from __future__ import annotations

from typing import Any

from minidelve.experiments import large, style
from minidelve.experiments.claims import TOP1, TOP5, Below, CannotTell, Claim, Table, Told, Verdict
from minidelve.experiments.item import Item, Setup
from minidelve.experiments.large import DENSE, MULTI_SCALE, NETWORKS, TEN_VIEWS
from minidelve.experiments.rows import Rows, distinct, numbers, select

ENSEMBLE = "ensemble of A, B, C"
MEMBERS = (large.A, large.B, large.C)
BEST = "its best member"
TESTS: dict[str, dict[str, str]] = {"ten views": {"test": TEN_VIEWS}, "dense, all scales": MULTI_SCALE}

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


def best_members(rows: Rows) -> Rows:
    """A row for each seed that has all members: that of the best one."""
    found = []
    for seed in distinct(rows, "seed"):
        of_seed = [row for row in select(rows, seed=seed, **MULTI_SCALE) if row["variant"] in MEMBERS]
        if len(of_seed) == len(MEMBERS) == len(numbers(of_seed, TOP1.name)):
            found.append(min(of_seed, key=lambda row: row[TOP1.name]) | {"variant": BEST})
    return found


class InEverySeed(Below):
    """Below 0 in every seed; one that is not does not contradict it yet."""

    asked = "below 0 in every seed"

    def judge(self, rows: Rows) -> Verdict:
        """The verdict, and from where to where the seeds go."""
        found = self.numbers(rows)
        if not found:
            raise CannotTell("No seed has all of A, B and C: a loss did not stay finite.")
        holds = max(found) < 0 or None
        return Verdict(holds, f"Its seeds go from {min(found):.2f} to {max(found):.2f} ({self.claimed(holds)}).")


CLAIMS: list[Claim] = [
    large.Learned(),
    Below(ENSEMBLE, BEST, TOP1, least=large.LEAST, where=MULTI_SCALE,
          words="The ensemble less its best member, dense windows at all scales, top-1 error"),
    InEverySeed(ENSEMBLE, BEST, TOP1, where=MULTI_SCALE),
    Told(large.B, large.A, TOP1, paper=-0.12, where=MULTI_SCALE, words="B less A"),
    Told(large.C, large.B, TOP1, paper=-1.26, where=MULTI_SCALE, words="C less B"),
]  # fmt: skip


def table(rows: Rows) -> Table:
    """Ours in percent with the paper's beside them, and below what others published."""
    lines = []
    for variant in (*NETWORKS, ENSEMBLE):
        own = select(rows, variant=variant)
        ours = [large.cell(own, column, **test) for test in TESTS.values() for column in (TOP1, TOP5)]
        paper = [f"{top1:.2f} / {top5:.2f}" for top1, top5 in PAPER.get(variant, ())] or ["", ""]
        lines.append([f"ours: {variant}", *ours, *paper, ""])
    lines += [[f"not ours: {name}", "", "", "", "", *published] for name, *published in CITED]
    return [
        "network", "ten views: top-1 error %", "ten views: top-5 %", "dense, all scales: top-1 error %",
        "dense, all scales: top-5 %", "published, ImageNet val: ten views, top-1 / top-5 (Table 5)",
        "published, ImageNet val: multi-scale (Table 6)",
        "published, ImageNet test set: several models, top-5 (Table 7)",
    ], lines  # fmt: skip


def draw(rows: Rows) -> Any:
    """Ours on the left; what was published on the right."""
    figure, (ours, published) = style.panels("Models A, B and C, and all three together", 1, 2, height=4.3)
    variants = [*NETWORKS, ENSEMBLE]
    found = {label: [numbers(rows, TOP1.name, variant=v, **test) for v in variants] for label, test in TESTS.items()}
    large.draw_means(ours, variants, found)
    published.axvline(HUMAN, color="0.4", lw=1, ls=":", label=f"one trained person: {HUMAN}%")
    labels = ("ten views (Table 5)", "multi-scale (Table 6)")
    paper = {label: [*([of[i][1]] for of in PAPER.values()), []] for i, label in enumerate(labels)}
    paper["test set (Table 7)"] = [*([] for _ in PAPER), [PAPER_ENSEMBLE]]
    large.draw_means(published, [*PAPER, "six models"], paper)
    ours.set(title="ours: means, and every seed", xlabel="top-1 error (%)")
    published.set(title="the paper's, on ImageNet: not ours", xlabel="top-5 error (%)")
    return figure


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
    "models; their scores are averaged, which for models is our reading. B and C are tested at A's scales, the only "
    f"ones that the paper states. {large.DIFFERENT} Lines marked 'not ours' are quoted.",
    budgets=large.BUDGETS,
    minutes={"quick": 1, "class": 12, "lab": 53},
    variants=lambda budget: [*NETWORKS, ENSEMBLE],
    run=run, derived=best_members, table=table, claims=CLAIMS, draw=draw,
)  # fmt: skip
