"""Errors class by class: the rows of one run, and means over the runs.

What a class is taken for is a word in its row, "class:images class:images ...": all of its top-1 misses, most frequent
first, so that several runs can be added up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from minidelve.evaluation.tally import Tally
from minidelve.experiments.rows import Rows, distinct, select


def of_classes(tally: Tally, names: list[str]) -> Rows:
    """Errors in percent; a row for each class that has images."""
    return [
        {
            "kind": "class", "label": c.label, "name": names[c.label], "images": c.images, "top1_error": c.top1,
            "top5_error": c.top5, "taken_for": " ".join(f"{other}:{count}" for other, count in c.taken_for),
        }
        for c in tally.by_class()
    ]  # fmt: skip


@dataclass(frozen=True)
class OfClass:
    """A class's errors in percent, run by run, and how many of its images, of all runs, were taken for which class."""

    label: int
    name: str
    images: int
    top1_runs: list[float]
    top5_runs: list[float | None]  # None where there are at most five classes
    taken_for: Counter[int]

    @property
    def top1(self) -> float:
        return float(np.mean(self.top1_runs))

    @property
    def top5(self) -> float | None:
        known = [error for error in self.top5_runs if error is not None]
        return float(np.mean(known)) if known else None

    def mostly_taken_for(self) -> list[tuple[int, float]]:
        """(class, share of its images) for three at most, most frequent first."""
        seen = self.images * len(self.top1_runs)
        return [(other, count / seen) for other, count in self.taken_for.most_common(3)]


def averaged(rows: Rows) -> list[OfClass]:
    """The classes, worst first."""
    found, known = [], [row for row in select(rows, kind="class") if row["top1_error"] is not None]
    for label in distinct(known, "label"):
        of = select(known, label=label)
        taken_for: Counter[int] = Counter()
        for pair in " ".join(row["taken_for"] or "" for row in of).split():
            other, count = map(int, pair.split(":"))
            taken_for[other] += count
        top1, top5 = ([row[f"{which}_error"] for row in of] for which in ("top1", "top5"))
        found.append(OfClass(label, of[0]["name"], of[0]["images"], top1, top5, taken_for))
    return sorted(found, key=lambda c: (-c.top1, -(c.top5 or 0)))


def by_run(classes: list[OfClass]) -> tuple[np.ndarray, np.ndarray]:
    """(images (C,), misses (runs, C)) of the classes that every run has."""
    runs = max(len(c.top1_runs) for c in classes)
    whole = [c for c in classes if len(c.top1_runs) == runs]
    images = np.array([c.images for c in whole])
    return images, np.rint(np.array([c.top1_runs for c in whole]).T / 100 * images).astype(int)
