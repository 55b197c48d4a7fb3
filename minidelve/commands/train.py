"""`minidelve train`: options, and how --resume finds the ones it was started with."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from minidelve import checkpoint, models
from minidelve.commands.arguments import (
    add_command,
    at_least,
    below_one,
    data_path,
    epochs_list,
    not_negative,
    positive,
)
from minidelve.config import Config
from minidelve.run_folder import RunError
from minidelve.train import train

EXAMPLE = """
minidelve train --out runs/first
minidelve train --data tiny-imagenet-20.zip --epochs 20 --milestones 12,17 --out runs/tiny
minidelve train --activation relu --seed 1 --out runs/relu-1
minidelve train --out runs/tiny --resume
"""
MAY_CHANGE_ON_RESUME = {"epochs", "device", "workers", "on_bad_image", "data"}


def add_to(subparsers: Any) -> None:
    """Declare the subcommand; an option that is not given stays absent, so that --resume can tell."""
    parser = add_command(subparsers, "train", "train a network and keep a folder about it", EXAMPLE, run)
    default = Config()

    def option(flag: str, help: str, **kwargs: Any) -> None:
        shown = getattr(default, flag.lstrip("-").replace("-", "_"), None)
        note = f" (default {shown})" if shown not in (None, False) else ""
        parser.add_argument(flag, default=argparse.SUPPRESS, help=help.replace("%", "%%") + note, **kwargs)

    option(
        "--data",
        "toy, or a folder or .zip in the layout of Tiny-ImageNet or ImageNet",
        type=data_path,
        metavar="PATH|toy",
    )
    option("--model", "the network", choices=tuple(models.TABLES))
    option("--activation", "after every layer but the last", choices=tuple(models.ACTIVATIONS))
    option("--init", "initial weights", choices=models.INITS)
    option("--epochs", "passes over the training set", type=at_least(1), metavar="N")
    schedule = parser.add_mutually_exclusive_group()
    schedule.add_argument(
        "--milestones",
        type=epochs_list,
        default=argparse.SUPPRESS,
        metavar="E,E",
        help="divide the rate by 10 after these epochs (default: after 60%% and 85%% of them)",
    )
    schedule.add_argument(
        "--plateau",
        action="store_true",
        default=argparse.SUPPRESS,
        help="divide the rate by 10 when the validation error stops falling, as the paper did",
    )
    option("--batch-size", "images per step", type=at_least(1), metavar="N")
    option("--lr", "learning rate at the start", type=positive, metavar="RATE")
    option("--momentum", "mu of equation (4)", type=below_one, metavar="MU")
    option("--weight-decay", "L2 decay; never of PReLU's slopes", type=not_negative, metavar="DECAY")
    option("--size", "pixels of the square crop that the network sees", type=at_least(1), metavar="PIXELS")
    option("--seed", "of weights, order, crops, flips and dropout", type=at_least(0), metavar="N")
    option("--device", "where to compute", choices=("cpu", "cuda"))
    option("--workers", "threads that read images ahead", type=at_least(0), metavar="N")
    option(
        "--on-bad-image", "an unreadable image stops the run, or is left out and counted", choices=("error", "skip")
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the run's folder, new or empty")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="go on with the run in --out after its last epoch")
    existing.add_argument("--overwrite", action="store_true", help="replace the run in --out")


def run(args: argparse.Namespace) -> int:
    """Train, then say where the results are."""
    names = {field.name for field in fields(Config)}
    given = {name: value for name, value in vars(args).items() if name in names}
    config = resumed_config(args.out, given) if args.resume else Config(**given)
    result = train(config, args.out, resume=args.resume, overwrite=args.overwrite, say=say)
    if result["bad_images_left_out"]:
        say(f"{len(result['bad_images_left_out'])} bad images were left out; result.json names them")
    final, best = result["final"], result["best"]
    say(
        f"final top-1 error {final['val_top1_error']:.1f}%, top-5 {final['val_top5_error']:.1f}%; best top-1 "
        f"{best['val_top1_error']:.1f}% in epoch {best['epoch']}; curves and checkpoints are in {args.out}"
    )
    return 0


def say(line: str) -> None:
    """Print a line; when the reader of our output has gone (`| head`), go on training without one."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def resumed_config(out: Path, given: dict[str, Any]) -> Config:
    """The options of the run in `out`, with those that may change taken from the command line."""
    path = out / "last.npz"
    if not os.path.isfile(path):
        raise RunError(f"--resume: {out} holds no last.npz; leave --resume out to start a new run there")
    try:
        saved = {field.name: checkpoint.load_meta(path)["config"][field.name] for field in fields(Config)}
    except KeyError as error:
        raise RunError(f"--resume: {path} does not say {error}; start a new run in another folder") from error
    for name, value in given.items():
        if value != saved[name] and name not in MAY_CHANGE_ON_RESUME:
            flag = "--" + name.replace("_", "-")
            raise RunError(f"--resume: {flag} {value} differs from the run's {saved[name]}; leave it out or start anew")
    if given.get("epochs", saved["epochs"]) < saved["epochs"]:
        raise RunError(
            f"--resume: --epochs {given['epochs']} is less than the run's {saved['epochs']}; give at least as many"
        )
    return Config(**(saved | given))
