"""`minidelve import`: a run from weights that were trained elsewhere."""

from __future__ import annotations

import argparse
from typing import Any

from minidelve import models
from minidelve.commands.arguments import add_command, add_options, data_path, some_path
from minidelve.errors import RunError
from minidelve.interchange.weights.importing import imported
from minidelve.interchange.weights.inputs import DESCRIPTIONS
from minidelve.interchange.weights.names import NAMINGS
from minidelve.interchange.weights.reading import READERS
from minidelve.models.option import options_of
from minidelve.progress import say
from minidelve.training.config import Config
from minidelve.training.run_folder import RunFolder

EXAMPLE = """
minidelve import vgg19.safetensors --model vgg19 --data imagenet --input torchvision --out runs/vgg19
minidelve import vgg19.caffemodel --model vgg19 --data imagenet --input caffe --out runs/vgg19-caffe
minidelve evaluate runs/vgg19 --protocol dense --scales 256,384,480
minidelve import first.safetensors --model lab14 --data toy --input minidelve --out runs/again
"""
# Options of a training that say what the network is, and what it is given.
SHAPING = [
    option for name, option in options_of(Config).items() if option.shapes or name in ("slope", "size", "short_side")
]
MORE = f"""
Every array is checked by name and shape, and --out becomes a run folder like that of a training, without an epoch.
The classes are those of --data in the order of their ids, as of ImageNet's. Without --activation it is PReLU where the
file has slopes, otherwise ReLU; say so if it is LReLU, whose slope is not in a file.

What the first layer expects of its input is not in such a file, so --input says it:
{chr(10).join(f"  {name:12} {what}" for name, what in DESCRIPTIONS.items())}
"""


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "import", "make a run of weights that were trained elsewhere", EXAMPLE, run)
    parser.description += "\n" + MORE
    parser.add_argument("file", metavar="FILE", type=some_path, help=f"weights by name: {', '.join(READERS)}")
    parser.add_argument("--model", required=True, choices=tuple(models.TABLES), help="the network that they are of")
    parser.add_argument(
        "--data", required=True, type=data_path, metavar="PATH|toy", help="the data set whose classes it tells apart"
    )
    parser.add_argument("--input", choices=tuple(DESCRIPTIONS), help="what the first layer expects, as above")
    parser.add_argument("--names", choices=tuple(NAMINGS), help="whose names the file has (default: those that fit)")
    add_options(parser, SHAPING, tell_defaults=False)
    parser.add_argument("--out", required=True, type=some_path, metavar="DIR", help="the run's folder, new or empty")
    parser.add_argument("--overwrite", action="store_true", help="replace the run in --out")


def run(args: argparse.Namespace) -> int:
    """Import, and say what was found and what can be done with it."""
    if args.input is None:
        choices = "; ".join(f"{name} ({what})" for name, what in DESCRIPTIONS.items())
        raise RunError("--input is missing, and what the first layer expects cannot be guessed", expected=choices)
    names = ("data", "model", *(option.name for option in SHAPING))
    options = {name: value for name, value in vars(args).items() if name in names}
    with RunFolder(args.out, overwrite=args.overwrite, may_resume=False) as folder:
        found = imported(args.file, args.input, options, args.names)
        folder.check_room(found.checkpoint)
        folder.keep(found.checkpoint, is_best=True)
        count = sum(p.size for p in found.network.parameters())
        folder.finish({"imported": found.checkpoint.meta["imported"], "epochs": 0, "parameters": count})
    config = found.checkpoint.meta["config"]
    say(
        f"{args.file}: {config['model']} ({config['activation']}) in {found.naming}'s names, {count:,} parameters, "
        f"{len(found.dataset.classes)} classes of {found.dataset.name}; the run is in {args.out}"
    )
    return 0
