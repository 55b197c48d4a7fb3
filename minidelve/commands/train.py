"""`minidelve train`: options, and how --resume finds the ones it was started with."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from minidelve import models
from minidelve.backend.precision import PRECISIONS
from minidelve.commands.arguments import (
    add_command,
    add_thread_options,
    at_least,
    below_one,
    data_path,
    epochs_list,
    not_negative,
    positive,
    scale_range,
    some_path,
)
from minidelve.commands.config_file import read_config, show_config
from minidelve.commands.network_options import SHAPE_OPTIONS
from minidelve.errors import RunError
from minidelve.progress import say
from minidelve.training import checkpoint
from minidelve.training.config import Config
from minidelve.training.loop import check_fits, create_network, train
from minidelve.training.recipes import RECIPES, resolve
from minidelve.training.run_folder import find_checkpoint

EXAMPLE = """
minidelve train --out runs/first
minidelve train --data tiny-imagenet-20.zip --epochs 20 --milestones 12,17 --out runs/tiny
minidelve train --activation relu --seed 1 --out runs/relu-1
minidelve train --activation lrelu --slope 0.25 --width 0.5 --fc 256 --out runs/narrow
minidelve train --model small30 --warm-start runs/small14 --out runs/warm
minidelve train --model small30 --aux-after conv3_11 --aux-weight 0.3 --out runs/aux
minidelve train --recipe paper-large --data imagenet --out runs/a
minidelve train --recipe paper-large --epochs 20 --show-config > mine.toml
minidelve train --config mine.toml --lr 0.005 --out runs/mine
minidelve train --out runs/tiny --resume
"""
MAY_CHANGE_ON_RESUME = {"epochs", "device", "workers", "on_bad_image", "data"}


def add_to(subparsers: Any) -> None:
    """Declare the subcommand; an option that is not given stays absent, so that --resume can tell."""
    actions: dict[str, argparse.Action] = {}
    parser = add_command(
        subparsers, "train", "train a network and keep a folder about it", EXAMPLE, lambda args: run(args, actions)
    )
    actions.update(add_options(parser))
    add_thread_options(parser)
    parser.add_argument("--config", type=some_path, metavar="FILE.toml", help="options from a file; flags override it")
    parser.add_argument(
        "--show-config", action="store_true", help="print every option that results, as such a file, and stop"
    )
    parser.add_argument("--out", type=some_path, metavar="DIR", help="the run's folder, new or empty")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="go on with the run in --out after its last epoch")
    existing.add_argument("--overwrite", action="store_true", help="replace the run in --out")


def add_options(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """A flag for each field of Config; absent from the namespace when not given. The actions by field."""
    default, actions = Config(), {}

    def option(flag: str, help: str, group: Any = parser, **kwargs: Any) -> None:
        name = flag.lstrip("-").replace("-", "_")
        shown = getattr(default, name)
        note = f" (default {shown:g})" if isinstance(shown, float) else f" (default {shown})"
        untold = shown is None or shown is False or name == "milestones"  # not `in`: 0 equals False
        text = help.replace("%", "%%") + ("" if untold else note)
        actions[name] = group.add_argument(flag, default=argparse.SUPPRESS, help=text, **kwargs)

    option("--recipe", "a named set of the options below, which override it", choices=tuple(RECIPES))
    option(
        "--data",
        "toy, a packed store, or a folder, .zip or .tar in the layout of Tiny-ImageNet or ImageNet",
        type=data_path,
        metavar="PATH|toy",
    )
    option("--model", "the network", choices=tuple(models.TABLES))
    option("--activation", "after every layer but the last", choices=tuple(models.ACTIVATIONS))
    option("--init", "initial weights", choices=models.INITS)
    option("--slope", "of lrelu; the ICCV version of the paper also tries 0.25", type=not_negative, metavar="A")
    for flag, text, kwargs in SHAPE_OPTIONS:
        option(flag, text, **kwargs)
    option(
        "--warm-start",
        "copy from another run, a folder or an .npz file, each layer that fits in name and shape, as VGG did",
        type=lambda text: str(some_path(text).absolute()),
        metavar="RUN",
    )
    option(
        "--aux-after",
        "an auxiliary classifier after this conv or pooling layer, in training only, as in GoogLeNet",
        metavar="LAYER",
    )
    option("--aux-weight", "W in the loss that trains with --aux-after, main + W aux", type=positive, metavar="W")
    option("--epochs", "passes over the training set", type=at_least(1), metavar="N")
    schedule = parser.add_mutually_exclusive_group()
    option(
        "--milestones",
        "divide the rate by 10 after these epochs (default: after 60% and 85% of them)",
        group=schedule,
        type=epochs_list,
        metavar="E,E",
    )
    option(
        "--plateau",
        "divide the rate by 10 when the validation error stops falling, as the paper did",
        group=schedule,
        action="store_true",
    )
    option("--batch-size", "images per step", type=at_least(1), metavar="N")
    option("--lr", "learning rate at the start", type=positive, metavar="RATE")
    option("--momentum", "mu of equation (4)", type=below_one, metavar="MU")
    option("--fc-init", "initial weights of the fully connected layers: the model's, or he", choices=models.FC_INITS)
    option("--weight-decay", "L2 decay; not of PReLU's slopes", type=not_negative, metavar="DECAY")
    option(
        "--decay-slopes",
        "weight decay of PReLU's slopes too, which drags them to 0 (section 2.1)",
        action=argparse.BooleanOptionalAction,
    )
    option("--size", "pixels of the square crop that the network sees", type=at_least(1), metavar="PIXELS")
    option(
        "--short-side",
        "bring every image to this shorter side before the crop (default: shrink larger ones to 8/7 of --size)",
        type=at_least(1),
        metavar="PIXELS",
    )
    option(
        "--jitter",
        "draw the shorter side at random for each training image, the paper's scale jitter",
        type=scale_range,
        metavar="LOW,HIGH",
    )
    option("--colour", "random colour alteration: standard deviation, Krizhevsky's is 0.1", type=not_negative)
    option("--normalize", "subtract the mean image; divide by one deviation or not", choices=("mean-std", "mean"))
    option("--seed", "of weights, order, crops, flips and dropout", type=at_least(0), metavar="N")
    option("--device", "where to compute", choices=("cpu", "cuda"))
    option(
        "--precision",
        "of the factors of matrix products: full; rounded to 10 bits; float16 with float32 weights and a scaled loss",
        choices=PRECISIONS,
    )
    option("--workers", "threads that read images ahead", type=at_least(0), metavar="N")
    option("--on-bad-image", "an unreadable image stops the run, or is left out and counted", choices=("error", "skip"))
    return actions


def run(args: argparse.Namespace, actions: dict[str, argparse.Action]) -> int:
    """Train, then say where the results are; or only show the options."""
    flags = {name: value for name, value in vars(args).items() if name in actions}
    file = read_config(args.config, actions) if args.config else {}
    given = merged(file, flags)
    if args.out is None and (args.resume or not args.show_config):
        raise RunError("--out is missing; name the run's folder, such as --out runs/first")
    config = resumed_config(args.out, given) if args.resume else resolve(given)
    if args.show_config:
        check(config)
        say(show_config(config, {"file": file, "flag": flags}))
        return 0
    result = train(config, args.out, resume=args.resume, overwrite=args.overwrite, say=say)
    if result["bad_images_left_out"]:
        say(f"{len(result['bad_images_left_out'])} bad images were left out; result.json names them")
    final, best = result["final"], result["best"]
    say(
        f"final top-1 error {final['val_top1_error']:.1f}%, top-5 {final['val_top5_error']:.1f}%; best top-1 "
        f"{best['val_top1_error']:.1f}% in epoch {best['epoch']}; curves and checkpoints are in {args.out}"
    )
    return 0


def check(config: Config) -> None:
    """RunError for options that `train` would refuse before it looks at the data.

    All but a device that is not here: the options may be meant for another machine.
    """
    if config.warm_start:
        find_checkpoint(Path(config.warm_start))
    check_fits(create_network(config, classes=2, init=models.UNFILLED), config)


def merged(file: dict[str, Any], flags: dict[str, Any]) -> dict[str, Any]:
    """The file's options overridden by the flags'; one way of lowering the rate replaces the other."""
    if "milestones" in flags:
        file = file | {"plateau": False}
    if "plateau" in flags:
        file = {name: value for name, value in file.items() if name != "milestones"}
    return file | flags


def resumed_config(out: Path, given: dict[str, Any]) -> Config:
    """The options of the run in `out`, with those that may change taken from the command line."""
    path = out / "last.npz"
    if not os.path.isfile(path):
        raise RunError(f"--resume: {out} holds no last.npz; leave --resume out to start a new run there")
    written = checkpoint.load_meta(path)["config"]
    # A run of an earlier version lacks the options of today: it did what their defaults do.
    saved = {name: written.get(name, default) for name, default in asdict(Config()).items()}
    if "recipe" in given:  # as the same command without --resume means it; how long to train is the run's own
        recipe = RECIPES[given["recipe"]].items()
        given = {name: value for name, value in recipe if name not in ("epochs", "milestones")} | given
    for name, value in given.items():
        if value != saved[name] and name not in MAY_CHANGE_ON_RESUME:
            flag = "--" + name.replace("_", "-")
            raise RunError(f"--resume: {flag} {value} differs from the run's {saved[name]}; leave it out or start anew")
    if given.get("epochs", saved["epochs"]) < saved["epochs"]:
        raise RunError(
            f"--resume: --epochs {given['epochs']} is less than the run's {saved['epochs']}; give at least as many"
        )
    return Config(**(saved | given))
