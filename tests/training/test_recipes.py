"""Recipes: what the paper prints is what they set, and what is given wins over them."""

import ast
from pathlib import Path

import pytest

from minidelve.errors import RunError
from minidelve.models.option import options_of
from minidelve.training import config
from minidelve.training.config import Config, resolve, title
from minidelve.training.recipes import RECIPES
from minidelve.training.report import epoch_line


def test_the_large_models_recipe_is_the_papers():
    """Section 3 of the paper, and the ICCV version's Figure 4 for the two epochs."""
    config = resolve({"recipe": "paper-large"})
    assert (config.batch_size, config.momentum, config.weight_decay, config.lr) == (128, 0.9, 0.0005, 0.01)
    assert (config.epochs, config.milestones, config.plateau) == (80, [20, 65], False)
    assert (config.size, config.jitter, config.short_side, config.colour) == (224, [256, 512], 256, 0.1)
    assert (config.model, config.activation, config.init, config.normalize) == (
        "model_a", "prelu", "he-backward", "mean-std"
    )  # fmt: skip


def test_the_small_models_recipe_has_one_scale_and_75_epochs():
    config = resolve({"recipe": "paper-small"})
    assert (config.model, config.epochs, config.short_side, config.jitter) == ("small14", 75, 256, None)
    assert (config.batch_size, config.size, config.init) == (128, 224, "he")


def test_options_depend_on_nothing_that_computes():
    """config.py imports declarations, tables (which are data), names of what there is to choose from, and errors."""
    nodes = [
        node
        for node in ast.parse(Path(config.__file__).read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
    ]
    assert {str(node.module) for node in nodes if str(node.module).startswith("minidelve")} == {
        "minidelve.errors", "minidelve.backend", "minidelve.backend.precision", "minidelve.models.catalogue",
        "minidelve.models.network_options", "minidelve.models.option", "minidelve.training.recipes",
    }  # fmt: skip


def test_lab_is_the_default():
    assert resolve({}) == resolve({"recipe": "lab"}) == Config()


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_given_wins_and_the_rest_stays(name):
    config, plain = resolve({"recipe": name, "lr": 0.5, "colour": 0.25}), resolve({"recipe": name})
    assert (config.recipe, config.lr, config.colour) == (name, 0.5, 0.25)
    config.lr, config.colour = plain.lr, plain.colour
    assert config == plain


@pytest.mark.parametrize(
    "given, milestones",
    [
        ({}, [20, 65]),
        ({"epochs": 80}, [20, 65]),
        ({"epochs": 100}, [60, 85]),
        ({"epochs": 100, "milestones": [7]}, [7]),
        ({"plateau": True}, []),
    ],
)
def test_milestones_belong_to_the_epochs_they_were_made_for(given, milestones):
    assert resolve({"recipe": "paper-large", **given}).milestones == milestones


@pytest.mark.parametrize(
    "given, parts",
    [
        ({"recipe": "paper"}, ["--recipe 'paper'", "lab, lab-jitter, paper-small, paper-large"]),
        ({"jitter": [40, 80]}, ["--jitter 40,80", "--size 56"]),
        ({"short_side": 40}, ["--short-side 40", "at least 56"]),
        ({"recipe": "paper-large", "size": 384}, ["--short-side 256", "at least 384"]),
    ],
)
def test_what_contradicts_is_refused(given, parts):
    with pytest.raises(RunError) as refusal:
        resolve(given)
    assert all(part in str(refusal.value) for part in parts)


@pytest.mark.parametrize("given", [{"jitter": [56, 80]}, {"jitter": [56, 56]}, {"short_side": 56}])
def test_a_scale_may_be_as_small_as_the_crop(given):
    config = resolve({"size": 56, **given})
    assert all(getattr(config, name) == value for name, value in given.items())


UNUSUAL = {
    "slope": 0.25, "width": 0.5, "levels": [2, 1], "fc": 9, "fc_init": "he", "warm_start": "run", "aux_after": "conv1",
    "decay_slopes": True, "jitter": [64, 96], "colour": 0.1, "precision": "mixed",
}  # fmt: skip


@pytest.mark.parametrize("name", UNUSUAL)
def test_the_title_names_each_option_that_is_unusual(name):
    assert title(Config(**{name: UNUSUAL[name]})) == f"lab14 (prelu, he, {name} {UNUSUAL[name]}) on toy, seed 0"


def test_the_title_names_what_is_unusual_in_one_order_and_nothing_else():
    assert title(Config()) == title(Config(lr=0.5, epochs=3, workers=9)) == "lab14 (prelu, he) on toy, seed 0"
    config = Config(data="/data/tiny.zip", seed=3, width=0.5, jitter=[64, 96], colour=0.1)
    assert title(config) == "lab14 (prelu, he, width 0.5, jitter [64, 96], colour 0.1) on tiny.zip, seed 3"


def test_what_may_change_when_a_run_is_resumed():
    """Nothing that decides its numbers, but for how long it goes on and at which rates; `data` may have moved."""
    may = {name for name, option in options_of(Config).items() if option.may_change}
    assert may == {"data", "epochs", "milestones", "device", "kernels", "workers", "on_bad_image"}


def test_an_epochs_line_says_the_time_that_is_left():
    row = dict.fromkeys(("lr", "train_loss", "train_top1_error", "val_top1_error", "val_top5_error"), 1.0)
    row |= {"epoch": 2, "images_per_second": 99.6}
    assert epoch_line(row, 5, seconds_each=20.0).endswith("  100 img/s  1 min 0 s left")
    assert epoch_line(row, 2, seconds_each=20.0).endswith("  100 img/s")
