"""An item: one table or figure of the paper, as something that can be run, drawn and judged.

An item's work falls into *parts*, one for each (variant, seed): the same variants with every seed.  A part gives rows,
plain dicts of numbers and words, and everything else (table, figure, trend) is computed from the rows of all parts.
So work can stop after any part and go on later, and a figure can be drawn anew without computing anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]  # column -> number, word or None; the frame adds "variant" and "seed"
Rows = list[Row]


@dataclass(frozen=True)
class Budget:
    """How much to run: `seeds` of every variant, and the item's own settings."""

    seeds: int
    settings: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.settings[name]


@dataclass
class Setup:
    """What one part is to run: a variant with a seed, on which data and device.

    runs      where trained networks lie; all items share them (training.py)
    earlier   seconds of training that this part found done: by another item, or before an interruption
    """

    budget: Budget
    data: str
    variant: str
    seed: int
    runs: Path = Path("results/runs")
    device: str = "cpu"
    earlier: float = 0.0


@dataclass(frozen=True)
class Trend:
    """Whether the paper's claim shows: True, False, or None where this many runs cannot tell; and a sentence on it."""

    holds: bool | None
    sentence: str

    @property
    def word(self) -> str:
        """For an index: holds, does not hold, cannot be told."""
        return {True: "holds", False: "does not hold", None: "cannot be told"}[self.holds]


@dataclass(frozen=True)
class Item:
    """One item of `minidelve reproduce`.

    name, title   as in `minidelve reproduce NAME`
    paper         what the paper did, with its section, equation or table
    ours          what we run, and in what it differs
    budgets       quick (under two minutes), lab (at most 25 minutes on two cores), full
    variants      budget -> the names of what is compared
    run           setup -> rows of that part
    table         all rows -> header and lines of text, the paper's numbers beside ours
    trend         all rows -> whether the claim holds, with its statistics
    draw          all rows -> a matplotlib Figure (see style.py)
    uses_data     whether `run` reads images
    random        whether a seed changes anything; else one is run
    """

    name: str
    title: str
    paper: str
    ours: str
    budgets: Mapping[str, Budget]
    variants: Callable[[Budget], Sequence[str]]
    run: Callable[[Setup], Rows]
    table: Callable[[Rows], tuple[Sequence[str], Sequence[Sequence[str]]]]
    trend: Callable[[Rows], Trend]
    draw: Callable[[Rows], Any]
    uses_data: bool = True
    random: bool = True


def select(rows: Rows, **wanted: Any) -> Rows:
    """The rows with these values.

    >>> select([{"a": 0.0, "seed": 1}, {"a": 0.25, "seed": 1}], a=0.25)
    [{'a': 0.25, 'seed': 1}]
    """
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def distinct(rows: Rows, column: str) -> list[Any]:
    """The values of a column, each once, in the order in which they first occur."""
    return list(dict.fromkeys(row[column] for row in rows))
