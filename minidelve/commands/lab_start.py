"""`minidelve lab start`: hand a lab out into a student's folder."""

from __future__ import annotations

import argparse
from typing import Any

from minidelve.commands.arguments import add_command, add_lab_arguments
from minidelve.labs.course import lab
from minidelve.labs.student.folder import ANSWERS, TEXT
from minidelve.labs.student.handing_out import hand_out
from minidelve.progress import say

EXAMPLE = """
minidelve lab start 3 mycourse
"""
MORE = """
One folder holds the whole course. The functions to write lie in it at their places in the framework's source.
A file that is there is never written again: where the framework has changed since, `start` says so, and keeps the
difference in DIR/.course/changes.
"""


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "lab start", "hand a lab out into a folder", EXAMPLE, run)
    parser.description += "\n" + MORE
    add_lab_arguments(parser)
    parser.add_argument("--variant", metavar="V", help="a variant of the lab (`minidelve lab list` names them)")


def run(args: argparse.Namespace) -> int:
    """Hand it out, and say what is to be done."""
    chosen = lab(args.number, args.variant)
    done = hand_out(chosen, args.folder)
    say(f"lab {chosen.number}, {chosen.title}: it is in {args.folder}; first read lab{chosen.number}/{TEXT}")
    for file, names in chosen.blanks.items():
        say(f"  {file}: {', '.join(names)}")
    say(f"  lab{chosen.number}/{ANSWERS}: your answer in words")
    if chosen.tasks:
        say(f"to see whether it is right: minidelve lab check {chosen.number} {args.folder}")
    if done.kept:
        say(f"kept as they are: {', '.join(done.kept)}")
    for file, (out, into) in done.changed.items():
        say(f"changed in the framework since you have it: {file} ({out} lines out, {into} in)")
    if done.changes:
        say(f"what has changed is in {done.changes}; take over by hand what you need")
    return 0
