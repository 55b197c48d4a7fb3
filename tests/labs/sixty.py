"""Sixty invented submissions graded, thirty of lab 3 and thirty of lab 4 (submissions.py), and how long that takes.

python -m tests.labs.sixty --jobs 2
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from minidelve.labs.course import lab
from minidelve.labs.lecturer.grading import Task, graded
from minidelve.labs.lecturer.marking import Mark
from tests.labs.submissions import Made, all_of


def sixty(place: Path, jobs: int) -> Iterator[tuple[list[Mark], list[str]]]:
    """The marks of each of the two labs, and a line for each that is not as expected."""
    for number in (3, 4):
        folder = place / f"lab{number}"
        folder.mkdir()
        made = all_of(number, folder)
        task = Task(lab(number), folder, b"a secret of sixty students", place / f"marks{number}", jobs)
        marks = graded(task)
        assert {mark.student for mark in marks} == set(made)
        yield marks, [line for mark in marks if (line := unlike(mark, made[mark.student]))]


def unlike(mark: Mark, expected: Made) -> str:
    """In what a mark is not as expected."""
    points = mark.of if expected.points is None else expected.points
    if (mark.points, tuple(mark.mistakes)) == (points, expected.mistakes) and expected.ended in mark.ended:
        return ""
    return f"{mark.student} has {mark.points:g} {mark.mistakes} {mark.ended!r}, expected {expected}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="grade sixty invented submissions")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        begun, slowest = time.monotonic(), []
        for marks, lines in sixty(Path(folder), args.jobs):
            slowest += [(mark.seconds, mark.student) for mark in marks]
            print("\n".join([f"{len(marks)} graded, {len(lines)} not as expected", *lines]))
        print(f"{time.monotonic() - begun:.0f} s in all with {args.jobs} jobs; the slowest: ", end="")
        print(", ".join(f"{name} {seconds:.0f} s" for seconds, name in sorted(slowest, reverse=True)[:8]))
