"""`minidelve lab list`: the labs of the course, and how far a student is. `minidelve lab` says what there is to do."""

from __future__ import annotations

import argparse
from typing import Any

from minidelve.commands.arguments import add_command, some_path
from minidelve.errors import UserError
from minidelve.labs.course import Lab, labs, variants
from minidelve.labs.student.files import student_files
from minidelve.labs.student.folder import Folder, opened
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
  minidelve lab check N DIR      is what you have written right?
  minidelve lab run N DIR        run the lab's experiment, or any command, on your files
  minidelve lab submit N DIR     make the file to hand in
  minidelve lab grade N FOLDER   for lecturers: mark what was handed in
"""


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
        say(f"       {task_of(lab)}")
        if known := variants(lab.number):
            say(f"       variants: {', '.join(known)}")
        if folder and lab.number in folder.labs:
            say(f"       {progress_of(folder.started(lab.number), folder)}")
    return 0


def task_of(lab: Lab) -> str:
    """What is to be done in a lab."""
    if not lab.blanks:
        return "nothing to write: experiments on what was written before"
    return f"{count(functions_of(lab), 'function')} to write, in {count(len(lab.blanks), 'file')}"


def functions_of(lab: Lab) -> int:
    """How many there are to write."""
    return sum(map(len, lab.blanks.values()))


def count(number: int, what: str) -> str:
    """Such as "1 file" or "3 files"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def progress_of(lab: Lab, folder: Folder) -> str:
    """How much of a lab is written."""
    state = f"started as variant {lab.variant}" if lab.variant else "started"
    try:
        left = sum(len(file.left) for file in student_files(lab, folder.path).values())
    except UserError as error:
        return f"{state}; {error}"
    if not lab.blanks:
        return state
    return f"{state}; {left} of {functions_of(lab)} still to write" if left else f"{state}; all is written"
