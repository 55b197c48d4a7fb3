"""`minidelve lab list`: the labs of the course, and how far a student is. `minidelve lab` says what there is to do."""

from __future__ import annotations

import argparse
from typing import Any

from minidelve.commands.arguments import add_command, some_path
from minidelve.errors import UserError
from minidelve.labs.course import Lab, labs, variants
from minidelve.labs.files import student_files
from minidelve.labs.folder import Folder, opened
from minidelve.progress import say

EXAMPLE = """
minidelve lab list
minidelve lab start 3 mycourse
minidelve lab list mycourse
"""
MORE = """
A lab is a few of this framework's own functions, emptied, for you to write. What is yours then takes the place of
the framework's: its training and its commands run on your functions.
  minidelve lab list             the labs
  minidelve lab start N DIR      hand a lab out into a folder, one folder for the whole course
  minidelve lab run N DIR        run the lab's experiment on your files
  minidelve lab submit N DIR     make the file to hand in
"""
WITHOUT = "       nothing to write: experiments on what you wrote"


def add_to(subparsers: Any) -> None:
    """Declare the subcommands."""
    course = add_command(subparsers, "lab", "a course of eight labs that start from this source", EXAMPLE, run)
    course.description += "\n" + MORE
    course.set_defaults(folder=None)
    parser = add_command(subparsers, "lab list", "list the labs of the course", EXAMPLE, run)
    parser.add_argument(
        "folder", metavar="DIR", nargs="?", type=some_path, help="a student's folder: how far is each lab in it?"
    )


def run(args: argparse.Namespace) -> int:
    """Say them."""
    folder = opened(args.folder) if args.folder else None
    for lab in labs():
        say(f"lab {lab.number}  {lab.title}")
        functions = sum(map(len, lab.blanks.values()))
        say(
            f"       {functions} functions to write in {len(lab.blanks)} files" if functions else "       an experiment"
        )
        if known := variants(lab.number):
            say(f"       variants: {', '.join(known)}")
        if folder and lab.number in folder.labs:
            say(f"       {progress_of(folder.started(lab.number), folder)}")
    return 0


def count(number: int, what: str) -> str:
    """Such as "1 file" or "3 files"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def progress_of(lab: Lab, folder: Folder) -> str:
    """How much of a lab is written."""
    variant = f", variant {lab.variant}" if lab.variant else ""
    try:
        left = [name for file in student_files(lab, folder.path).values() for name in file.left]
    except UserError as error:
        return f"started{variant}; {error}"
    return f"started{variant}; still to write: {', '.join(left)}" if left else f"started{variant}; all is written"
