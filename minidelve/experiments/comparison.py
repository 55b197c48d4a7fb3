"""Variants side by side, from a comparison's claims: the table beside the paper's numbers, and the panels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minidelve.experiments import style
from minidelve.experiments.claims import Column, Compared, Table
from minidelve.experiments.rows import Rows, distinct, numbers
from minidelve.experiments.statistics import estimate, paired, spread


@dataclass(frozen=True)
class Comparison:
    """Variants whose errors are compared with those of one of them.

    title     of the figure
    columns   errors in percent; differences are those of the first
    against   the variant with which the others are compared
    claims    on these differences
    paper     variant -> the paper's number for each of the columns
    """

    title: str
    columns: Sequence[Column]
    against: str
    claims: Sequence[Compared]
    paper: Mapping[str, Sequence[float]]

    def table(self, rows: Rows) -> Table:
        """A line for each variant: its errors, the first one less that of `against`, and the paper's."""
        first, lines = self.columns[0], []
        for variant in distinct(rows, "variant"):
            ours = [mean_and_spread(rows, column, variant=variant) for column in self.columns]
            theirs = self.paper.get(variant, ())
            printed = [f"{number:.{first.digits}f}" for number in theirs] or [""] * len(self.columns)
            less = papers_less = ""
            if variant != self.against:
                less = estimate(paired(rows, variant, self.against, first.name)).text(first.digits)
                papers_less = f"{theirs[0] - self.paper[self.against][0]:.{first.digits}f}" if theirs else ""
            lines.append([variant, *ours, less, *printed, papers_less])
        names, difference = [f"{column.words} %" for column in self.columns], f"{first.words} less {self.against}'s"
        header = ["variant", *names, f"{difference}, seed by seed", *(f"paper: {name}" for name in names)]
        return [*header, f"paper: {difference}"], lines

    def draw(self, rows: Rows) -> Any:
        """Every run's error on the left; the claims on the right, a panel for each column that they are about."""
        columns = list(dict.fromkeys(claim.column for claim in self.claims))
        figure, (left, *others) = style.panels(self.title, 1, 1 + len(columns))
        draw_runs(left, rows, self.columns[0], {variant: of[0] for variant, of in self.paper.items()})
        for panel, column in zip(others, columns, strict=True):
            draw_claims(panel, [claim for claim in self.claims if claim.column == column], rows)
        style.legend_below(figure, left)
        return figure


def mean_and_spread(rows: Rows, column: Column, **wanted: Any) -> str:
    """The mean over the seeds, with the standard deviation of single runs: a cell of a table.

    >>> from minidelve.experiments.claims import TOP1
    >>> errors = [{"seed": 0, "top1_error": 30.0}, {"seed": 1, "top1_error": 32.0}]
    >>> mean_and_spread(errors, TOP1), mean_and_spread(errors, TOP1, seed=0)
    ('31.00 (sd 1.41)', '30.00')
    """
    found = numbers(rows, column.name, **wanted)
    if not found:
        return ""
    mean = f"{estimate(found).mean:.{column.digits}f}"
    return mean + (f" (sd {spread(found):.{column.digits}f})" if len(found) > 1 else "")


def draw_runs(panel: Any, rows: Rows, column: Column, paper: Mapping[str, float]) -> None:
    """Every run's number, a line for each variant, with the means and the paper's."""
    variants = distinct(rows, "variant")
    for i, variant in enumerate(variants):
        draw_estimate(panel, i, numbers(rows, column.name, variant=variant), paper.get(variant))
    style.name_lines(panel, variants)
    panel.set(title=column.words, xlabel=f"{column.words} (%)")


def draw_claims(panel: Any, claims: Sequence[Compared], rows: Rows) -> None:
    """Every seed's difference, a line for each claim, with their mean and the paper's; all are about one column."""
    for i, claim in enumerate(claims):
        draw_estimate(panel, i, claim.numbers(rows), claim.paper)
    panel.axvline(0, color="0.4", lw=1)
    style.name_lines(panel, [f"{claim.variant}\nless {claim.other}" for claim in claims])
    column, unit = claims[0].column, f" ({claims[0].column.unit})" if claims[0].column.unit else ""
    panel.set(title=f"{column.words}, seed by seed", xlabel=f"difference{unit}")


def draw_estimate(panel: Any, place: int, seeds: Sequence[float], paper: float | None) -> None:
    """One line of a panel: a pale dot for each seed, the mean with its interval, a cross for the paper's number."""
    found = estimate(seeds)
    panel.plot(seeds, [place] * len(seeds), "o", color="0.6", ms=5, label="one seed")
    if seeds:
        look = {"fmt": "D", "color": "black", "ms": 5, "capsize": 4, "zorder": 4}
        panel.errorbar(found.mean, place, xerr=found.bar, label="mean and 95% interval", **look)
    if paper is not None:
        panel.plot(paper, place, "x", color=style.PAPER, ms=8, mew=2, label="paper (ImageNet)")
