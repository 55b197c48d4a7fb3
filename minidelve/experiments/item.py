"""An item: one table or figure of the paper, as something that can be run, drawn and judged.

An item's work falls into *parts*, one for each (variant, seed): the same variants with every seed. A part gives rows,
plain dicts of numbers and words, and everything else (verdict, table, figure) is computed from the rows of all parts.
So work can stop after any part and go on later, and a figure can be drawn anew without computing anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minidelve.experiments.claims import Claim, Table, Verdict, judge
from minidelve.experiments.rows import Rows


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

    runs      where trained networks lie; all items share them (trained.py)
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
class Item:
    """One item of `minidelve reproduce`.

    name, title   as in `minidelve reproduce NAME`
    where         where the paper has it: figures as in the ICCV version, with arXiv v1's number in brackets
    paper         what the paper did
    ours          what we run, and in what it differs
    budgets       quick, class, lab and full, of rising cost (docs/measurements.md)
    variants      budget -> the names of what is compared
    run           setup -> rows of that part
    derived       rows of all parts -> more rows, computed from them: claims, table and figure see both
    claims        what the paper claims (claims.py)
    table         rows -> header and lines of text, the paper's numbers beside ours
    draw          rows -> a matplotlib Figure (see style.py)
    uses_data     whether `run` reads images
    random        whether a seed changes anything; else one is run
    minutes       budget -> how long one core computes (quick and class on toy); two take a little over half of that
    """

    name: str
    title: str
    where: str
    paper: str
    ours: str
    budgets: Mapping[str, Budget]
    variants: Callable[[Budget], Sequence[str]]
    run: Callable[[Setup], Rows]
    claims: Sequence[Claim]
    table: Callable[[Rows], Table]
    draw: Callable[[Rows], Any]
    derived: Callable[[Rows], Rows] = lambda rows: []
    uses_data: bool = True
    random: bool = True
    minutes: Mapping[str, float] = field(default_factory=dict)

    def whole(self, rows: Rows) -> Rows:
        """The rows of all parts, and what is derived from them: what `verdict`, `table` and `draw` read."""
        return rows + self.derived(rows)

    def verdict(self, rows: Rows) -> Verdict:
        """Whether the claims hold."""
        return judge(self.claims, rows)
