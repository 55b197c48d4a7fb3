"""`minidelve data fetch`: a data set by name from the web, its checksum compared."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from minidelve import data
from minidelve.commands.arguments import add_command, some_path
from minidelve.progress import say

EXAMPLE = """
minidelve data fetch tiny-imagenet
minidelve data fetch imagenette-160 --dir ~/data
minidelve train --data tiny-imagenet-200.zip --out runs/tiny-200
"""


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "data fetch", "download a data set by name", EXAMPLE, run)
    parser.add_argument("name", choices=data.DOWNLOADS, metavar="NAME", help=", ".join(data.DOWNLOADS))
    parser.add_argument("--dir", type=some_path, default=Path("."), help="folder to put it in (default: this one)")
    parser.add_argument("--url", help="another address of the same file, a .zip or .tgz")
    parser.add_argument("--sha256", type=_sha256, metavar="HEX", help="its checksum, if the file is not the known one")


def _sha256(text: str) -> str:
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not 64 hexadecimal digits")
    return text.lower()


def run(args: argparse.Namespace) -> int:
    """Download, check, unpack where needed."""
    say(f"fetching {args.url or data.DOWNLOADS[args.name].url}")
    path, was_there = data.fetch(args.name, args.dir, url=args.url, sha256=args.sha256, progressbar=True)
    say(f"{args.name} is {'already ' if was_there else ''}in {path}; look at it with: minidelve data {path}")
    return 0
