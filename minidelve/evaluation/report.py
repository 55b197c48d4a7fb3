"""What a test says: a table of errors, the worst classes, and the files of --out.

    evaluation.json   every figure of the table, with the options that led to it
    classes.csv   class,name,images,top1_error,top5_error,taken_for,taken_for_images

Errors are in percent; top5_error is empty (null) where there are at most five classes. The classes are those of the
table's last row: all scales, all runs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minidelve.disk.files import as_csv, disk_errors, write_whole
from minidelve.disk.owning import OwnFolder
from minidelve.errors import RunError
from minidelve.evaluation.ensemble import Row
from minidelve.evaluation.predict import first_name
from minidelve.evaluation.tally import ClassErrors, Tally

FILES = ("evaluation.json", "classes.csv")
CSV_HEAD = ("class", "name", "images", "top1_error", "top5_error", "taken_for", "taken_for_images")


def percent(error: float | None, width: int) -> str:
    """An error as a cell of a table; a dash for top-5 error of at most five classes.

    >>> percent(12.345, 11), percent(None, 11)
    ('     12.35%', '          -')
    """
    return f"{'-' if error is None else f'{error:.2f}%':>{width}}"


def table(rows: Sequence[Row]) -> str:
    """A line for each row, under a head."""
    names = max(len("run"), *(len(row.run) for row in rows))
    scales = max(len("scale"), *(len(row.scale) for row in rows))
    lines = [f"{'run':<{names}}  {'scale':>{scales}}  top-1 error  top-5 error  cross entropy"]
    for row in rows:
        errors = row.tally.errors()
        lines.append(
            f"{row.run:<{names}}  {row.scale:>{scales}}  {percent(errors.top1, 11)}  {percent(errors.top5, 11)}  "
            f"{errors.loss:>13.4f}"
        )
    return "\n".join(lines)


def worst_classes(tally: Tally, names: Sequence[str], count: int) -> str:
    """The `count` worst classes and what each is most often taken for; how many classes have no error."""
    tested = tally.by_class()
    perfect1, perfect5 = (sum(e == 0 for e in errors) for errors in zip(*((c.top1, c.top5) for c in tested)))
    of_five = f"{perfect5} have no top-5 error and " if tested[0].top5 is not None else ""
    lines = [f"of {len(tested)} classes, {of_five}{perfect1} {'have ' if not of_five else ''}no top-1 error"]
    worst = tally.worst(count)
    if worst:
        width = max(len("worst class"), *(len(first_name(names[c.label])) for c in worst))
        lines.append(f"{'worst class':<{width}}  top-5 error  top-1 error  images  most often taken for")
        lines += [
            f"{first_name(names[c.label]):<{width}}  {percent(c.top5, 11)}  {percent(c.top1, 11)}  {c.images:>6}  "
            f"{taken_for(c, names)}"
            for c in worst
        ]
    return "\n".join(lines)


def taken_for(errors: ClassErrors, names: Sequence[str], most: int = 3) -> str:
    """Such as: spotlight (5), torch (2)."""
    return ", ".join(f"{first_name(names[label])} ({count})" for label, count in errors.taken_for[:most])


class ReportFolder(OwnFolder):
    """The folder of --out: entered before the work begins; RunError if it cannot take the files."""

    def __init__(self, path: Path, overwrite: bool):
        super().__init__(path, FILES, f"--out {path}")
        self.overwrite = overwrite

    def guard(self) -> None:
        """Refuse a folder with other files, or with an evaluation that is not to be replaced."""
        present, strangers = self.present(), self.strangers()
        if strangers:
            raise RunError(
                f"--out {self.path} holds {strangers[0]}; expected a new folder or one of an earlier evaluation"
            )
        if present and not self.overwrite:
            raise RunError(f"--out {self.path} already holds {present[0]}; add --overwrite, or name another folder")

    def write(self, options: dict[str, Any], rows: Sequence[Row], classes: Sequence[str], names: Sequence[str]) -> None:
        """evaluation.json and classes.csv, each replaced only when complete."""
        results = []
        for row in rows:
            e = row.tally.errors()
            figures = {"top1_error": e.top1, "top5_error": e.top5, "cross_entropy": e.loss, "images": e.images}
            results.append({"run": row.run, "scale": row.scale, **figures})
        with disk_errors(self.what, "name another folder"):
            write_whole(self.path / "evaluation.json", json.dumps({**options, "rows": results}, indent=2) + "\n")
            write_whole(self.path / "classes.csv", classes_csv(rows[-1].tally, classes, names))


def classes_csv(tally: Tally, classes: Sequence[str], names: Sequence[str]) -> str:
    """A line for each class that has images."""
    rows = []
    for c in tally.by_class():
        rival = (names[c.taken_for[0][0]], c.taken_for[0][1]) if c.taken_for else ("", 0)
        top5 = "" if c.top5 is None else f"{c.top5:.3f}"
        line = (classes[c.label], names[c.label], c.images, f"{c.top1:.3f}", top5, *rival)
        rows.append(dict(zip(CSV_HEAD, line, strict=True)))
    return as_csv(CSV_HEAD, rows)
