"""Claims of the paper as data: judged, and told in a sentence. comparison.py sets them in a table and draws them.

Most claims compare: the errors of one variant are below those of another. Runs of one seed see the same images in the
same order, so they are compared seed by seed, and what the differences say of their mean is an Estimate
(statistics.py).

    Below("PReLU", "ReLU", TOP1, paper=-1.18)   the 95% interval of PReLU's top-1 error less ReLU's lies below 0
    Above("PReLU", 0, TOP1)                     PReLU's own numbers are above 0
    NotAbove("PReLU", "ReLU", TOP1)             a weaker claim: it holds unless the interval lies above 0
    Told("LReLU", "ReLU", TOP1)                 no claim, but a number that the reader should know
    Every("PReLU", TOP1, low=0, high=40)        a number of each seed, not of their mean, lies between the two

A claim holds, does not hold (the interval lies on the other side of 0), or cannot be told with this many seeds. The
verdict of an item is that of all its claims: one that does not hold decides, else one that cannot be told. A claim
that asks for something else is a class with a `judge` of its own, in its item's file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from minidelve.experiments.rows import Rows, numbers, select
from minidelve.experiments.statistics import estimate, paired

LARGE = 3  # times the paper's effect: a larger one is remarked on
VERDICTS = {True: "holds", False: "does not hold", None: "cannot be told"}
Table = tuple[Sequence[str], Sequence[Sequence[str]]]  # header and lines


@dataclass(frozen=True)
class Verdict:
    """Whether a claim shows: True, False, or None where this many runs cannot tell; and a sentence on it.

    claims   of an item: what became of each that is judged
    """

    holds: bool | None
    sentence: str
    claims: tuple[bool | None, ...] = field(default=(), compare=False)

    @property
    def word(self) -> str:
        """For an index: holds, does not hold, cannot be told."""
        return VERDICTS[self.holds]

    @property
    def short(self) -> str:
        """For a line.

        >>> Verdict(None, "...", (True, None)).short, Verdict(True, "...").short
        ('cannot be told (claims that hold: 1 of 2)', 'holds')
        """
        hold = f" (claims that hold: {self.claims.count(True)} of {len(self.claims)})"
        return self.word + (hold if self.claims else "")


class CannotTell(Exception):
    """Why an item cannot be judged at all, whatever its other claims say: raised by a claim's `judge`."""


class Claim(Protocol):
    """What an item claims."""

    def judge(self, rows: Rows) -> Verdict:
        """Whether the rows show it."""


@dataclass(frozen=True)
class Column:
    """A column of results.csv: its name there, and how it is called on a page; `unit` is that of a difference."""

    name: str
    words: str
    unit: str = ""
    digits: int = 3


TOP1, TOP5 = (Column(f"top{k}_error", f"top-{k} error", "points", 2) for k in (1, 5))


def judge(claims: Sequence[Claim], rows: Rows) -> Verdict:
    """All claims together, and what is said of each."""
    try:
        found = [claim.judge(rows) for claim in claims]
    except CannotTell as reason:
        return Verdict(None, str(reason))
    sentences = (verdict.sentence for verdict in found if verdict.sentence)
    judged = tuple(verdict.holds for claim, verdict in zip(claims, found, strict=True) if not isinstance(claim, Told))
    return Verdict(together([verdict.holds for verdict in found]), " ".join(sentences), judged)


def together(verdicts: Sequence[bool | None]) -> bool | None:
    """False if any is, else None if any is, else True.

    >>> together([True, None, False]), together([True, None]), together([True, True])
    (False, None, True)
    """
    return False if False in verdicts else None if None in verdicts else True


def over(seeds: int) -> str:
    """On how many seeds an estimate rests.

    >>> over(4), over(1)
    (' over 4 seeds', ' with one seed, which tells no interval')
    """
    return f" over {seeds} seeds" if seeds != 1 else " with one seed, which tells no interval"


def beside_paper(mean: float, paper: float | None, digits: int) -> str:
    """The paper's number, with a remark where ours is of the opposite sign or more than LARGE times as large.

    >>> beside_paper(-2.0, -1.18, 2), beside_paper(-17.2, -1.18, 2), beside_paper(0.3, -1.18, 2)
    (", the paper's is -1.18", ", 15 times the paper's -1.18", ", of the opposite sign to the paper's -1.18")
    """
    if paper is None:
        return ""
    mean = round(mean, digits)
    if mean * paper < 0:
        return f", of the opposite sign to the paper's {paper:.{digits}f}"
    if abs(mean) > LARGE * abs(paper):
        return f", {mean / paper:.0f} times the paper's {paper:.{digits}f}"
    return f", the paper's is {paper:.{digits}f}"


@dataclass(frozen=True)
class Compared:
    """A variant's numbers of a column less another's, seed by seed; or less 0.

    paper   the paper's difference
    least   what the mean must exceed besides, where numbers come in steps
    where   further columns and their values, which tell the rows apart
    words   in place of "PReLU less ReLU, top-1 error"
    """

    variant: str
    other: str | int
    column: Column
    paper: float | None = None
    least: float = 0.0
    where: Mapping[str, Any] = field(default_factory=dict)
    words: str = ""
    asked: ClassVar[str]
    verdicts: ClassVar[Mapping[int, bool | None]]  # by the sign of the estimate: on which side of 0 its interval lies

    @property
    def subject(self) -> str:
        """What is estimated."""
        difference = f"{self.variant} less {self.other}" if self.other else self.variant
        return self.words or f"{difference}, {self.column.words}"

    def numbers(self, rows: Rows) -> list[float]:
        """One for each seed that has what it takes."""
        rows = select(rows, **self.where)
        if self.other:
            return paired(rows, self.variant, str(self.other), self.column.name)
        return numbers(rows, self.column.name, variant=self.variant)

    def judge(self, rows: Rows) -> Verdict:
        """The verdict, and the estimate beside the paper's number."""
        found = estimate(self.numbers(rows))
        if not found.count:
            return Verdict(None, f"{self.subject}: no seed has the numbers.")
        # One number has no interval, and tells nothing.
        holds = self.verdicts[found.sign(self.least)] if found.count > 1 else None
        number = f"{found.text(self.column.digits)} {self.column.unit}".rstrip()
        paper = beside_paper(found.mean, self.paper, self.column.digits)
        return Verdict(holds, f"{self.subject}: {number}{over(found.count)}{paper} ({self.claimed(holds)}).")

    def claimed(self, holds: bool | None) -> str:
        """What was claimed, and whether it holds."""
        by = f" by more than {self.least:g}" if self.least else ""
        return f"claimed: {self.asked}{by}; {VERDICTS[holds]}"


class Below(Compared):
    """The interval lies below 0."""

    asked, verdicts = "below 0", {-1: True, 0: None, 1: False}


class Above(Compared):
    """The interval lies above 0."""

    asked, verdicts = "above 0", {-1: False, 0: None, 1: True}


class NotAbove(Compared):
    """The interval does not lie above 0; it may reach above it."""

    asked, verdicts = "not above 0", {-1: True, 0: True, 1: False}


@dataclass(frozen=True)
class Every:
    """In every seed a variant's number lies from `low` to `high`.

    early   whether a number elsewhere contradicts nothing, as it may come to lie there yet
    where   as in Compared
    """

    variant: str
    column: Column
    low: float = -math.inf
    high: float = math.inf
    early: Callable[[Rows], bool] = lambda rows: False
    where: Mapping[str, Any] = field(default_factory=dict)

    def judge(self, rows: Rows) -> Verdict:
        """The verdict, and every seed's number."""
        found = numbers(rows, self.column.name, variant=self.variant, **self.where)
        if not found:
            return Verdict(None, f"{self.variant}, {self.column.words}: no seed has the number.")
        inside = all(self.low <= number <= self.high for number in found)
        holds = inside or (None if self.early(rows) else False)
        said = ", ".join(f"{number:.{self.column.digits}f}" for number in found)
        asked = f"{self.low:g} to {self.high:g}"
        if math.isinf(self.low) or math.isinf(self.high):
            asked = f"at least {self.low:g}" if math.isinf(self.high) else f"at most {self.high:g}"
        asked = f"claimed, in every seed: {asked}; {VERDICTS[holds]}"
        return Verdict(holds, f"{self.variant}, {self.column.words}: {said} ({asked}).")


@dataclass(frozen=True)
class Told(Compared):
    """Beside the claims, with a `note` in place of a verdict."""

    note: str = "not judged"
    verdicts = {-1: True, 0: True, 1: True}

    def judge(self, rows: Rows) -> Verdict:
        """A missing number is no reason to withhold a verdict on the claims."""
        return Verdict(True, super().judge(rows).sentence)

    def claimed(self, holds: bool | None) -> str:
        return self.note
