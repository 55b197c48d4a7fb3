"""`minidelve lab run`: a lab's experiment, or any command, on the student's files."""

from __future__ import annotations

import argparse
from typing import Any

from minidelve.commands.arguments import add_command, add_lab_arguments, at_least, data_path
from minidelve.errors import UserError, escaped
from minidelve.labs.student.experimenting import chosen, run_command, run_experiment
from minidelve.labs.student.folder import opened
from minidelve.progress import say

EXAMPLE = """
minidelve lab run 3 mycourse
minidelve lab run 3 mycourse --quick
minidelve lab run 8 mycourse --data tiny-imagenet-20.zip
minidelve lab run 3 mycourse -- check-grad --op prelu --kernels reference
"""
MORE = """
Your files of this lab and of those before it take the place of the framework's, in a process of their own; a file
that still has a blank is left out. The numbers that come out are kept in DIR/labN, beside the pictures.
Behind -- may stand any command of this program: it runs on your files in place of the experiment. (Training takes
compiled kernels unless it is given --kernels reference --algorithm im2col, which are the ones that you write.)
"""


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "lab run", "run a lab's experiment on your files", EXAMPLE, run)
    parser.description += "\n" + MORE
    add_lab_arguments(parser)
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="S", help="of all that is random (default 0)")
    parser.add_argument(
        "--data", metavar="PATH", type=data_path, help="the images, for an experiment that takes some: a folder or .zip"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a trial of seconds, which tells nothing but whether it runs"
    )
    parser.behind = "command"
    parser.add_argument(
        "command", nargs="*", metavar="-- COMMAND", help="a command to run on your files, such as: -- train --out mine"
    )


def run(args: argparse.Namespace) -> int:
    """Run it, and keep its numbers."""
    folder = opened(args.folder)
    lab = folder.started(args.number)
    files = chosen(lab, folder)
    for file in files.left_out:
        say(f"left out: {file.file}, in which {', '.join(file.left)} is still to be written")
    for number, variant in folder.variants.items():
        if number < lab.number:
            say(f"left out: lab {number}, which was done as the variant {variant}")
    what = f"minidelve {args.command[0]}" if args.command else f"lab {lab.number}'s experiment"
    say(f"{what} runs on {files.in_words()} in {args.folder}; all else is the framework's")
    if args.command and args.data:
        raise UserError("--data is the experiment's", cure="write it behind the command, if that is to have it")
    if args.command:
        return run_command(folder, files.files, args.command)
    code = run_experiment(lab, folder, files.files, args.seed, args.quick, args.data)
    if code == 0:
        numbers = folder.numbers(lab.number, args.quick)
        pictures = ", ".join(escaped(path.name) for path in sorted(numbers.parent.glob("*.png")))
        say(f"its numbers are in {numbers}" + (f", beside {pictures}" if pictures else ""))
    return code
