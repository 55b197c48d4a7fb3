"""`minidelve summary`: what a network is made of and what it costs."""

from __future__ import annotations

import argparse
from typing import Any

from minidelve import models
from minidelve.analysis.summary import summarize, table
from minidelve.commands.arguments import add_command, add_options, at_least
from minidelve.errors import RunError
from minidelve.models.network_options import NetworkOptions
from minidelve.models.option import options_of
from minidelve.progress import say

EXAMPLE = """
minidelve summary lab14
minidelve summary small14 --activation prelu-shared --classes 1000
minidelve summary model_c --size 224
minidelve summary small30 --width 0.25 --levels 3,2,1 --fc 256 --size 56
"""
SHAPING = {name: option for name, option in options_of(NetworkOptions).items() if option.shapes}


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "summary", "layers, output shapes, parameters and multiply-adds", EXAMPLE, run)
    parser.add_argument("name", metavar="MODEL", choices=tuple(models.TABLES), help=", ".join(models.TABLES))
    parser.add_argument("--classes", type=at_least(1), default=1000, metavar="N", help="outputs (default 1000)")
    parser.add_argument(
        "--size", type=at_least(1), metavar="PIXELS", help="side of the image (default 56 for lab14, else 224)"
    )
    add_options(parser, SHAPING.values(), tell_defaults=False)


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    size = args.size or models.usual_size(args.name)
    options = {name: value for name, value in vars(args).items() if name in SHAPING}
    # Unfilled: to draw the 330 million weights of model_c takes time, and their values do not matter here.
    network = models.create(args.name, args.classes, init=models.UNFILLED, **options)
    try:
        layers = summarize(network, size)
    except ValueError as error:
        raise RunError(f"--size {size} is too small for {args.name} ({error}); choose a larger one") from error
    activation = options.get("activation", NetworkOptions.activation)
    say(f"{args.name} ({activation}), {args.classes} classes, an image of 3 x {size} x {size}\n")
    say(table(layers))
    return 0
