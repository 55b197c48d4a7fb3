"""`minidelve export`: a trained network as a file for other programs."""

from __future__ import annotations

import argparse
from typing import Any

from minidelve.commands.arguments import add_command, add_run_argument, some_path
from minidelve.commands.new_file import NewFile, add_overwrite_option
from minidelve.errors import RunError
from minidelve.interchange.forms import FORMS
from minidelve.interchange.weights.names import NAMINGS
from minidelve.progress import say
from minidelve.training import checkpoint
from minidelve.training.run_folder import find_checkpoint

EXAMPLE = """
minidelve export runs/first first.onnx                  # for onnxruntime and whatever else reads ONNX
minidelve export runs/tiny tiny-dense.onnx --dense      # takes images of any size, tests every window of them
minidelve export runs/first first.safetensors           # the weights; `minidelve import` reads them too
minidelve export runs/first first.pt                    # a state dict for a torch.nn.Sequential of the same layers
"""
OPTIONS = ("dense", "names")


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "export", "a trained network as a file for other programs", EXAMPLE, run)
    add_run_argument(parser)
    kinds = "; ".join(f".{ending}: {form.what}" for ending, form in FORMS.items())
    parser.add_argument("out", metavar="OUT", type=some_path, help=f"the file to write, by its ending ({kinds})")
    parser.add_argument(
        "--dense",
        action="store_true",
        help="of .onnx: images of any size, the scores of all windows averaged, as evaluate --protocol dense --no-flip",
    )
    parser.add_argument(
        "--names",
        choices=tuple(NAMINGS),
        help="of weights: what the parameters are called (default: torch, that is by number, for .pt, else minidelve)",
    )
    add_overwrite_option(parser, "file")


def run(args: argparse.Namespace) -> int:
    """Write the file, and say what it holds."""
    path = find_checkpoint(args.run_path)
    out = NewFile(str(args.out), args.out, args.overwrite, FORMS)
    form = FORMS[out.form]
    options = {name: getattr(args, name) for name in OPTIONS if getattr(args, name)}
    if unknown := options.keys() - form.options:
        raise RunError(f"--{min(unknown)} is not for {args.out}", cure="leave it out")
    saved = checkpoint.load(path, optimizer=False)
    network = checkpoint.trained_network(saved, path)
    with out.writing() as file:
        said = form.write(file, saved, network, **options)
    say(f"{args.out}: {said}")
    return 0
