"""A training starts as one that knows nothing, and its first steps make the loss smaller: every example of the help."""

import math
import re
import shlex
from itertools import product
from typing import Any

import numpy as np
import pytest

from minidelve import Tensor, data, models, no_grad
from minidelve.cli import make_parser
from minidelve.commands import train
from minidelve.models.option import options_of
from minidelve.training import setting_up
from minidelve.training.config import Config, resolve
from minidelve.training.loop import reseed_dropout, train_step
from minidelve.training.setting_up import create_network, prepare
from minidelve.training.views import loaders

GUESSING = math.log(10)  # the loss among toy's ten classes


@pytest.fixture(scope="module")
def toy():
    return data.open_dataset("toy", "train"), data.open_dataset("toy", "val")


@pytest.fixture(autouse=True)
def a_mean_of_few_images(monkeypatch):
    monkeypatch.setattr(setting_up, "STATISTICS_IMAGES", 200)


def begun(config: Config, sets):
    """A run before its first step, and its batches."""
    run = prepare(config, create_network(config, len(sets[0].classes)), sets[0], None, None)
    return run, loaders(config, *sets, run.statistics)[0]


def losses(config: Config, sets, steps: int) -> list[float]:
    """Of the first steps of a training."""
    (run, batches), found = begun(config, sets), []
    for epoch in range(1, math.ceil(steps / len(batches)) + 1):
        reseed_dropout(run.network, config.seed, epoch)
        for (x, targets), _ in zip(batches.epoch(epoch), range(steps - len(found)), strict=False):
            found.append(train_step(run, x, targets, f"step {len(found) + 1}")[0])
    return found


# -- before the first step -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def batch(toy):
    return next(begun(Config(batch_size=16, workers=0), toy)[1].epoch(1))


@pytest.mark.parametrize("name", models.TABLES)
def test_the_first_loss_is_that_of_guessing(name, batch):
    """With every activation and init, and with dropout on: the last layer starts small."""
    sizes = [{}, {"width": 0.125}] if name == "lab14" else [{"width": 0.0625, "fc": 256}]
    for activation, init, size in product(models.ACTIVATIONS, models.INITS, sizes):
        net = models.create(name, 10, activation, init, **size)
        with no_grad():
            assert net.loss(Tensor(batch[0]), batch[1])[0].item() == pytest.approx(GUESSING, abs=0.15), (
                activation,
                init,
            )


# -- the first steps -------------------------------------------------------------------------------


def options(line: str) -> dict[str, Any]:
    """Those that an example of `train --help` gives, but for its data and whose weights it starts from."""
    given = vars(make_parser().parse_args(shlex.split(line)[1:]))
    return {name: given[name] for name in options_of(Config) if name in given and name not in ("data", "warm_start")}


TRAINED = [line for line in train.EXAMPLE.strip().splitlines() if not re.search("config|paper-|--resume", line)]
NARROW = ["minidelve train --activation lrelu --slope 0.25 --width 0.5 --fc 256", "minidelve train --width 0.5"]
WHOLE = [line for line in TRAINED if "small30" not in line]
README = "minidelve train --epochs 6 --batch-size 32 --lr 0.005"


def test_the_examples_are_those_of_the_help():
    assert len(TRAINED) == 6 and len(WHOLE) == 4
    assert options(NARROW[0]) in map(options, TRAINED)


def test_the_loss_of_a_narrow_network_falls(toy):
    """Toy's ten classes take a hundred steps to be told apart; with larger weights in fc1 to fc3, 16 end in NaN."""
    found = losses(resolve(options(NARROW[0])), toy, 140)
    assert max(found) < GUESSING + 1 and np.mean(found[-10:]) < GUESSING - 0.1


@pytest.mark.parametrize("line", [*WHOLE, *NARROW, README])
def test_the_first_steps_throw_nothing_off(line, toy):
    assert max(losses(resolve(options(line)), toy, 8)) < GUESSING + 1
