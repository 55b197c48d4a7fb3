"""marks.csv: a line a student, as a spreadsheet reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minidelve.disk.files import as_csv
from minidelve.labs.lecturer.marking import Mark
from minidelve.labs.lecturer.similarity import similar

COLUMNS = ("student", "points", "of", "mistakes", "seconds", "ended", "similarity", "experiment", "warning")
MOST_PAIRS = 3  # that are named in a line
FORMULA = "=+-@\t\r"  # what a spreadsheet would compute begins so


def text(marks: Sequence[Mark]) -> str:
    """The table."""
    questions = questions_of(marks)
    return as_csv(COLUMNS, [{name: plain(x) for name, x in row(mark, questions).items()} for mark in marks])


def row(mark: Mark, questions: dict[str, list[str]]) -> dict[str, Any]:
    """A student's line."""
    alike = questions.get(mark.student, [])
    return {
        "student": mark.student,
        "points": f"{mark.points:g}",
        "of": mark.of,
        "mistakes": " ".join(mark.mistakes),
        "seconds": f"{mark.seconds:.1f}",
        "ended": mark.ended,
        "similarity": "; ".join(alike[:MOST_PAIRS])
        + (f"; {len(alike) - MOST_PAIRS} more" if len(alike) > MOST_PAIRS else ""),
        "experiment": mark.experiment,
        "warning": "; ".join(mark.warnings),
    }


def questions_of(marks: Sequence[Mark]) -> dict[str, list[str]]:
    """By student, whose functions are like theirs, the most alike first."""
    found: dict[str, list[str]] = {}
    prints = {mark.student: {name: frozenset(own) for name, own in mark.prints.items()} for mark in marks}
    for pair in similar(prints):
        function = pair.function.partition(":")[2]
        for one, other in ((pair.first, pair.second), (pair.second, pair.first)):
            found.setdefault(one, []).append(f"{function} is {100 * pair.share:.0f}% like {other}'s")
    return found


def plain(cell: Any) -> Any:
    """A cell that a spreadsheet takes for a text, whoever wrote it.

    >>> plain("=1+1"), plain("\\t1"), plain("anna"), plain(3)
    ("'=1+1", "'\\t1", 'anna', 3)
    """
    return f"'{cell}" if isinstance(cell, str) and cell[:1] and cell[0] in FORMULA else cell
