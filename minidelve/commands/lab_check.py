"""`minidelve lab check`: is what a student has written right, and if not, what is wrong with it?"""

from __future__ import annotations

import argparse
from typing import Any

from minidelve.commands.arguments import add_command, add_lab_arguments
from minidelve.labs.student.checking import checked, with_task
from minidelve.labs.student.folder import opened
from minidelve.labs.student.report import MOST_HINTS, of_printed, report
from minidelve.progress import say

EXAMPLE = """
minidelve lab check 3 mycourse
minidelve lab check 3 mycourse --hint
minidelve lab check 3 mycourse --hint --hint
minidelve lab check 3 mycourse --task prelu_backward
"""


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "lab check", "say whether what you have written in a lab is right", EXAMPLE, run)
    add_lab_arguments(parser)
    parser.add_argument(
        "--hint", action="count", default=0,
        help="say also of what kind a mistake is; given twice, explain it",
    )  # fmt: skip
    parser.add_argument("--task", metavar="NAME", help="this task alone, and those that it needs")


def run(args: argparse.Namespace) -> int:
    """Print a line for each task; exit code 0 for full points, else 1."""
    lab = opened(args.folder).started(args.number)
    if args.task is not None:
        lab = with_task(lab, args.task)
    if not lab.tasks:
        say(f"lab {lab.number} has nothing to check: it is an experiment, and a question in words")
        return 0
    verdicts, trial = checked(lab, args.folder)
    hints = min(1 + args.hint, MOST_HINTS)
    for line in [*report(lab, verdicts, hints, args.folder), *of_printed(trial.printed)]:
        say(line)
    return 0 if all(verdict.points == verdict.task.points for verdict in verdicts) else 1
