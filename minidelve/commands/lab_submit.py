"""`minidelve lab submit`: a lab's work as one file to hand in."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from minidelve.commands.arguments import add_command, add_lab_arguments, some_path
from minidelve.commands.new_file import NewFile, add_overwrite_option
from minidelve.labs.student.folder import opened
from minidelve.labs.student.submitting import packed, student_name, to_hand_in
from minidelve.progress import note, say

EXAMPLE = """
minidelve lab submit 3 mycourse --student "Ada Lovelace"
"""


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "lab submit", "make the file of a lab to hand in, labN-NAME.zip", EXAMPLE, run)
    add_lab_arguments(parser)
    parser.add_argument("--student", metavar="NAME", help="who you are (default: the name in answers.md)")
    parser.add_argument("--out", type=some_path, metavar="FILE.zip", help="another name for the file")
    parser.add_argument("--incomplete", action="store_true", help="hand in what is there, whatever is missing")
    add_overwrite_option(parser, "file")


def run(args: argparse.Namespace) -> int:
    """Say what is in it, and write it."""
    folder = opened(args.folder)
    lab = folder.started(args.number)
    contents, remarks = to_hand_in(lab, folder, args.incomplete)
    path = args.out or Path(f"lab{lab.number}-{student_name(contents, lab, args.student)}.zip")
    place = NewFile(f"--out {path}" if args.out else f"{path}", path, args.overwrite, ("zip",))
    for remark in remarks:
        note(f"note: {remark}")
    for name, content in contents.items():
        say(f"  {name}  {len(content)} bytes")
    place.write(packed(contents))
    say(f"hand in {path}")
    return 0
