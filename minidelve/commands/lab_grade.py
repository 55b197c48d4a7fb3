"""`minidelve lab grade`: every submission of a lab tried, judged and marked."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minidelve.backend.threads import usable_cores
from minidelve.commands.arguments import add_command, at_least, some_path
from minidelve.labs.course import lab
from minidelve.labs.lecturer.grading import TABLE, Task, graded
from minidelve.labs.lecturer.marking import Mark
from minidelve.labs.lecturer.secret import read_secret
from minidelve.progress import say

EXAMPLE = """
minidelve lab grade 3 handed-in --secret course-secret --out marks-lab3
minidelve lab grade 3 handed-in --secret course-secret --out marks-lab3-again --jobs 2 --experiments
"""
MORE = """
Each file or folder in FOLDER is one student's submission (labN-NAME.zip, as `minidelve lab submit` makes it). Its
functions are called on inputs that follow from the student's name and the secret, in a process of its own that
bubblewrap keeps from everything else. DIR/marks.csv has a line a student, DIR/NAME.json what the student may read, in
the form that Gradescope takes. Stop whenever you like: the same command goes on where it was. docs/teaching.md says
how to read the marks.
"""


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "lab grade", "mark the submissions of a lab (for lecturers)", EXAMPLE, run)
    parser.description += "\n" + MORE
    parser.add_argument("number", metavar="N", type=at_least(1), help="which lab, 1 to 8")
    parser.add_argument("folder", metavar="FOLDER", type=some_path, help="where the submissions lie")
    parser.add_argument(
        "--secret",
        metavar="FILE",
        type=some_path,
        required=True,
        help="the course's secret, which hidden inputs follow from",
    )
    parser.add_argument("--out", metavar="DIR", type=some_path, required=True, help="a new folder for the marks")
    parser.add_argument("--variant", metavar="V", help="the variant of the lab that was handed out")
    parser.add_argument("--jobs", metavar="J", type=at_least(1), help="submissions at one time (default: the cores)")
    parser.add_argument(
        "--experiments", action="store_true", help="run each one's experiment again too, and compare its numbers"
    )


def run(args: argparse.Namespace) -> int:
    """Grade them, and say what came out."""
    chosen = lab(args.number, args.variant)
    secret = read_secret(Path(args.secret))
    jobs = args.jobs or usable_cores()
    marks = graded(Task(chosen, Path(args.folder), secret, Path(args.out), jobs, args.experiments))
    say(told(marks, Path(args.out)))
    return 0


def told(marks: Sequence[Mark], out: Path) -> str:
    """What came out, in a few lines."""
    points = sorted(mark.points for mark in marks)
    count = f"{len(marks)} submission{'s' if marks[1:] else ''} graded"
    lines = [f"{count}; the one in the middle has {points[len(points) // 2]:g} of {marks[-1].of} points"]
    for what, of in (("all points", [m for m in marks if m.points == m.of]),
                     ("not read", [m for m in marks if m.ended == "not read"]),
                     ("ended by force or by themselves", [m for m in marks if m.ended not in ("", "not read")]),
                     ("with a warning", [m for m in marks if m.warnings])):  # fmt: skip
        if of:
            lines.append(f"  {what}: {len(of)}")
    return "\n".join([*lines, f"the marks are in {out / TABLE}, and what each student may read beside it"])
