"""`per-class`: which classes a network gets wrong, how unevenly, and what it takes them for.

per_class_rows.py has the errors by class, per_class_chance.py asks how much of their differences could be chance, and
per_class_guesses.py shows some images.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidelve.analysis.pictures import legible
from minidelve.evaluation.predict import first_name
from minidelve.experiments import style, table2
from minidelve.experiments.claims import VERDICTS, CannotTell, Table, Verdict
from minidelve.experiments.item import Budget, Item, Setup
from minidelve.experiments.large import LEARNED
from minidelve.experiments.per_class_chance import agreement, unevenness
from minidelve.experiments.per_class_guesses import draw_guesses, guesses
from minidelve.experiments.per_class_rows import OfClass, averaged, by_run, of_classes
from minidelve.experiments.rows import Rows, select
from minidelve.experiments.trained import CLASS_LONGER, tested, trained

LISTED = 10  # of the worst and of the best classes, where there are more than twice as many
FEW = 0.01  # of its images: what a class is taken for less often is not listed
RARE = 0.01  # a p up to which a difference is called more than chance
PAPER = (("letter opener", 49), ("spotlight", 38), ("restaurant", 36))  # top-5 error %: the three worst of 1000
PAPER_FAULTLESS = "113 of 1000 classes"


def run(setup: Setup) -> Rows:
    """A row for each class that has images; and, of the first seed, one for each guess at each image shown."""
    net = trained(setup, **table2.RUNS[setup.variant])
    found = tested([net], protocol="ten-view")
    names = [first_name(name) for name in found.dataset.class_names]
    rows = of_classes(found.rows[0].tally, names)
    return rows + guesses(net, found.dataset) if setup.seed == 0 else rows


def listed(rows: Rows) -> tuple[list[OfClass], list[OfClass]]:
    """(the worst, the best): all classes as long as that is a short list."""
    classes = averaged(rows)
    return (classes, []) if len(classes) <= 2 * LISTED else (classes[:LISTED], classes[-LISTED:])


def table(rows: Rows) -> Table:
    """The worst and the best classes, what they are taken for, and the paper's."""
    names = {c.label: c.name for c in averaged(rows)}
    lines: list[list[str]] = []
    for classes in filter(None, listed(rows)):
        lines += [["...", "", "", "", ""]] if lines else []
        for c in classes:
            often = [(names.get(w, f"class {w}"), share) for w, share in c.mostly_taken_for() if share >= FEW]
            mostly = ", ".join(f"{name} {100 * share:.0f}%" for name, share in often)
            lines.append([c.name, f"{c.top1:.1f}", "" if c.top5 is None else f"{c.top5:.1f}", mostly, ""])
    lines += [[f"paper: {name}", "", "", "", f"{error}"] for name, error in [*PAPER, (PAPER_FAULTLESS, 0)]]
    return ["class", "top-1 error %", "top-5 error %", "taken for, share of its images", "paper: top-5 error %"], lines


class Extremes:
    """From where to where the classes' errors go, if the network is better than guessing; not judged."""

    def judge(self, rows: Rows) -> Verdict:
        classes = averaged(rows)
        if not classes:
            raise CannotTell("There are no errors to look at.")
        mean = np.average([c.top1 for c in classes], weights=[c.images for c in classes])
        if mean >= LEARNED * (100 - 100 / len(classes)):
            raise CannotTell(f"The error of {mean:.1f}% is not below {100 * LEARNED:.0f}% of guessing's: too early.")
        worst, best = classes[0], classes[-1]
        ratio = f", {worst.top1 / best.top1:.1f} times as much" if best.top1 > 0 else ""
        top1, top5 = (sum(getattr(c, which) == 0 for c in classes) for which in ("top1", "top5"))
        return Verdict(
            True,
            f"Top-1 error by class goes from {best.top1:.1f}% ({best.name}) to {worst.top1:.1f}% ({worst.name}){ratio}"
            f"; {top1} of {len(classes)} classes have no top-1 error"
            f"{'' if worst.top5 is None else f', {top5} no top-5 error'} (paper: {PAPER_FAULTLESS} no top-5 error, the "
            f"worst {PAPER[0][1]}%).",
        )


class MoreThanChance:
    """In every run the classes' errors differ more than chance makes them."""

    def judge(self, rows: Rows) -> Verdict:
        """False where chance makes as wide a spread on average."""
        images, misses = by_run(averaged(rows))
        spreads, ps = zip(*(unevenness(images, m, np.random.default_rng(0)) for m in misses), strict=True)
        holds = True if max(ps) <= RARE else False if np.mean(spreads) <= 1 else None
        runs = "or less in every run" if len(ps) > 1 else "in the only run"
        return Verdict(
            holds,
            f"The spread (chi-square) is {np.mean(spreads):.1f} times what chance alone makes, p {max(ps):.1g} {runs} "
            f"(claimed: at most {RARE:g}; {VERDICTS[holds]}).",
        )


class TheSameClasses:
    """The runs agree on which classes are hard."""

    def judge(self, rows: Rows) -> Verdict:
        """Nothing is asked of a single run, nor of runs without an order."""
        images, misses = by_run(averaged(rows))
        agreed = agreement(misses / images, np.random.default_rng(0))
        if agreed is None:
            alone = "One run cannot tell whether another finds the same classes hard."
            alike = "A run whose classes are all alike has no order to compare."
            return Verdict(True, alone if len(misses) < 2 else alike)
        (correlation, p), holds = agreed, agreed[1] <= RARE or None
        return Verdict(
            holds,
            f"The runs {'agree' if holds else 'do not agree'} on which classes are hard: rank correlation "
            f"{correlation:.2f}, p {p:.1g} (claimed: at most {RARE:g}; {VERDICTS[holds]}).",
        )


def draw(rows: Rows) -> Any:
    """The classes' errors, and some images with guesses."""
    worst, best = listed(rows)
    figure, (left, right) = style.panels("Errors by class: the 14-layer network with PReLU", 1, 2)
    figure.set_size_inches(13, max(6.0, 0.24 * len(worst + best) + 1.5))
    left.get_gridspec().set_width_ratios([1, 1.4])
    left.set_title(f"mean of the runs, the {len(worst)} worst and {len(best)} best" if best else "mean of the runs")
    draw_errors(left, worst, best)
    draw_guesses(right, select(rows, kind="guess"))
    return figure


def draw_errors(panel: Any, worst: list[OfClass], best: list[OfClass]) -> None:
    """Bars, the worst class on top, with a gap before the best; a stroke for each run."""
    shown = worst + best
    places = [i + (i >= len(worst)) for i in range(len(shown))]
    panel.barh(places, [c.top1 for c in shown], color="0.8", height=0.8, label="top-1 error")
    if all(c.top5 is not None for c in shown):
        panel.barh(places, [c.top5 for c in shown], color="#1f4e9c", height=0.4, label="top-5 error")
    for place, c in zip(places, shown, strict=True):
        panel.plot(c.top1_runs, [place] * len(c.top1_runs), "|", color="black", ms=6)
    panel.plot([], [], "|", color="black", label="top-1 error of a run")
    panel.set_yticks(places, [legible(c.name, f"class {c.label}", most=24) for c in shown])
    panel.set(xlabel="error (%)", xlim=(0, 101), ylim=(max(places, default=0) + 0.6, -0.6))
    panel.legend(loc="lower right")


ITEM = Item(
    name="per-class",
    title="errors class by class, and what the classes are taken for",
    where="section 4 and a figure [arXiv v1 only]",
    paper="Section 4 and a figure of the arXiv version: top-5 errors of the final result, class by class, on ImageNet. "
    "113 of 1000 classes have none; the worst are letter opener (49%), spotlight (38%) and restaurant (36%).",
    ours="One network of `table2` (with `class` trained for longer, and more seeds), the 14 layers for small images "
    "with a PReLU for each channel, several seeds, tested with ten views after its last epoch: no ensemble as in the "
    "paper, and far fewer classes, for which top-1 error says more. Errors are means over the runs. The images with "
    "guesses (centre crop, first run) are the first of evenly spaced classes.",
    budgets={**table2.ITEM.budgets, "class": Budget(8, CLASS_LONGER)},
    minutes={"quick": 1, "class": 3, "lab": 10},
    variants=lambda budget: [table2.CHANNELS],
    run=run, table=table, claims=[Extremes(), MoreThanChance(), TheSameClasses()], draw=draw,
)  # fmt: skip
