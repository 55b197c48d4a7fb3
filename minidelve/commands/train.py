"""`minidelve train`: options, and how --resume finds the ones it was started with."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from minidelve import models
from minidelve.commands.arguments import add_command, add_options, add_thread_options, some_path
from minidelve.commands.config_file import read_config, show_config
from minidelve.errors import RunError, shown
from minidelve.models.option import options_of
from minidelve.progress import note, say
from minidelve.training import checkpoint
from minidelve.training.config import Config, resolve, saved_config
from minidelve.training.loop import train
from minidelve.training.recipes import RECIPES
from minidelve.training.run_folder import RunFolder, find_checkpoint
from minidelve.training.setting_up import check_fits, create_network

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


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "train", "train a network and keep a folder about it", EXAMPLE, run)
    add_options(parser, options_of(Config).values())
    add_thread_options(parser)
    parser.add_argument("--config", type=some_path, metavar="FILE.toml", help="options from a file; flags override it")
    parser.add_argument(
        "--show-config", action="store_true", help="print every option that results, as such a file, and stop"
    )
    parser.add_argument("--out", type=some_path, metavar="DIR", help="the run's folder, new or empty")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in --out after its last epoch, by "
        "the options that it has (its config.json is a record and is not read); those given here may change some",
    )
    existing.add_argument("--overwrite", action="store_true", help="replace the run in --out")


def run(args: argparse.Namespace) -> int:
    """Train, then say where the results are; or only show the options."""
    flags = {name: value for name, value in vars(args).items() if name in options_of(Config)}
    file = read_config(args.config) if args.config else {}
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
    top5 = f", top-5 {final['val_top5_error']:.1f}%" if final["val_top5_error"] is not None else ""
    say(
        f"final top-1 error {final['val_top1_error']:.1f}%{top5}; best top-1 "
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
    """The file's options overridden by the flags', and without those that a flag excludes."""
    pairs = [(name, option.instead_of) for name, option in options_of(Config).items() if option.instead_of]
    excluded = {one if other in flags else other for one, other in pairs if {one, other} & flags.keys()}
    return {name: value for name, value in file.items() if name not in excluded} | flags


def resumed_config(out: Path, given: dict[str, Any]) -> Config:
    """The options of the run in `out`, with those that may change taken from the command line."""
    folder = RunFolder(out, resume=True)
    folder.look()
    written = checkpoint.load_meta(folder.last)["config"]
    saved = asdict(saved_config(written, folder.last))
    if changed := folder.changed_in_record(written):
        name, value = changed
        note(
            f"note: {out / 'config.json'} says {name} {shown(value)}, the run has {shown(written[name])}: that file is "
            "a record and is not read; give options on the command line"
        )
    if "recipe" in given:  # as the same command without --resume means it; how long to train is the run's own
        recipe = RECIPES[given["recipe"]].items()
        given = {name: value for name, value in recipe if name not in ("epochs", "milestones")} | given
    for name, option in options_of(Config).items():
        value = given.get(name, saved[name])
        if value != saved[name] and not option.may_change:
            differs = f"{option.flag} {value} differs from the run's {saved[name]}"
            raise RunError(f"--resume: {differs}; leave it out or start anew")
    if given.get("epochs", saved["epochs"]) < saved["epochs"]:
        raise RunError(
            f"--resume: --epochs {given['epochs']} is less than the run's {saved['epochs']}; give at least as many"
        )
    return Config(**(saved | given))
