"""The first steps of every training that `minidelve train --help` shows: does the loss stay finite, and fall?

    python examples/first_steps.py toy 200 5                               # data, steps, seeds
    python examples/first_steps.py tiny-imagenet-20.zip 30 1 small30       # lines that match this expression
    python examples/first_steps.py toy 200 5 '^((?!small30).)*$'           # all lines but small30's, which take hours

A line for each training: the first loss and the largest one in units of ln C, that of guessing among C classes, and
the mean of the last twenty. Examples that need a file, or images of 224 pixels, are left out.
"""

import math
import re
import shlex
import sys

import numpy as np

from minidelve import data
from minidelve.cli import make_parser
from minidelve.commands.train import EXAMPLE
from minidelve.errors import Diverged
from minidelve.models.option import options_of
from minidelve.training.config import Config, resolve
from minidelve.training.loop import reseed_dropout, train_step
from minidelve.training.setting_up import create_network, prepare
from minidelve.training.views import loaders

# README's first command, and what else a user may well try.
MORE = """
minidelve train --batch-size 32 --lr 0.005
minidelve train --batch-size 16 --width 0.5
minidelve train --width 0.5
minidelve train --width 0.25
minidelve train --activation prelu-shared --width 0.5
minidelve train --activation relu --width 0.5
minidelve train --init he-backward --width 0.5
minidelve train --init xavier --width 0.5
minidelve train --init gaussian --width 0.5
"""


def options(line: str) -> dict:
    """Those of the network and its training."""
    given = vars(make_parser().parse_args(shlex.split(line)[1:]))
    return {name: given[name] for name in options_of(Config) if name in given and name not in ("data", "warm_start")}


def losses(config: Config, sets, steps: int) -> list[float]:
    """Of the first steps; fewer where one is not finite."""
    run = prepare(config, create_network(config, len(sets[0].classes)), sets[0], None, None)
    batches, found = loaders(config, *sets, run.statistics)[0], []
    try:
        for epoch in range(1, math.ceil(steps / len(batches)) + 1):
            reseed_dropout(run.network, config.seed, epoch)
            for (x, targets), _ in zip(batches.epoch(epoch), range(steps - len(found)), strict=False):
                found.append(train_step(run, x, targets, "")[0])
    except Diverged:
        pass
    return found


if __name__ == "__main__":
    path, steps, seeds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    only = sys.argv[4] if len(sys.argv) > 4 else ""
    tried = []
    sets = data.open_for_training(path)
    guessing = math.log(len(sets[0].classes))
    shown = [line for line in EXAMPLE.strip().splitlines() if not re.search("config|paper-|--resume", line)]
    for line in [*shown, *MORE.strip().splitlines()]:
        given = {name: value for name, value in options(line).items() if name not in ("epochs", "milestones", "seed")}
        if not re.search(only, line) or given in tried:
            continue
        tried.append(given)
        for seed in range(seeds):
            found = losses(resolve(given | {"data": path, "seed": seed}), sets, steps)
            first, largest, last = found[0] / guessing, max(found) / guessing, np.mean(found[-20:]) / guessing
            ended = "" if len(found) == steps else f"   NOT FINITE in step {len(found) + 1}"
            told = f"first {first:.2f}  largest {largest:.2f}  last {last:.2f}  seed {seed}  {line[15:]}{ended}"
            print(told, flush=True)
