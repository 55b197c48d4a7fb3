"""The options of a training run, each declared once, and how a recipe and what is given become all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minidelve.backend import DEVICE_OF
from minidelve.backend.precision import PRECISIONS
from minidelve.errors import RunError, shown
from minidelve.models.catalogue import TABLES
from minidelve.models.network_options import AuxiliaryOptions, LayerOptions
from minidelve.models.option import (
    absolute_path,
    at_least,
    below_one,
    data_path,
    epochs_list,
    not_negative,
    option,
    options_of,
    positive,
    scale_range,
    share,
)
from minidelve.training.recipes import RECIPES


# fmt: off
@dataclass
class Subject:
    """What is trained, on what, and by which recipe."""

    recipe: str = option("lab", "a named set of the options below, which override it", choices=tuple(RECIPES))
    data: str = option(
        "toy", "toy, a packed store, or a folder, .zip or .tar in the layout of Tiny-ImageNet or ImageNet",
        data_path, metavar="PATH|toy", may_change=True)
    val_fraction: float | None = option(
        None, "hold out this share of each class's training images, by the seed, and validate on those",
        share, metavar="SHARE", unset="the data set's own val/", in_title=True)
    model: str = option("lab14", "the network", choices=tuple(TABLES))


@dataclass
class WarmStart:
    """Where the network's weights come from if they are not drawn (warm_start.py)."""

    warm_start: str | None = option(
        None, "copy from another run, a folder or an .npz file, each layer that fits in name and shape, as VGG did",
        absolute_path, metavar="RUN", unset="weights are drawn from the seed", in_title=True)


# A dataclass takes its fields from the last base first, so --help begins with those of Subject.
@dataclass
class Config(AuxiliaryOptions, WarmStart, LayerOptions, Subject):
    """Every option of a run, resolved; config.json holds it.

    Raises RunError for a value that an option cannot have and for options that exclude each other.
    """

    epochs: int = option(10, "passes over the training set", at_least(1), metavar="N", may_change=True)
    milestones: list[int] | None = option(
        None, "divide the rate by 10 after these epochs (default: after 60% and 85% of them)",
        epochs_list, metavar="E,E", unset="none, the rate drops on a plateau or not at all", may_change=True)
    plateau: bool = option(
        False, "divide the rate by 10 when the validation error stops falling, as the paper did",
        instead_of="milestones")
    batch_size: int = option(64, "images per step", at_least(1), metavar="N")
    lr: float = option(0.01, "learning rate at the start", positive, metavar="RATE")
    momentum: float = option(0.9, "mu of equation (4)", below_one, metavar="MU")
    weight_decay: float = option(5e-4, "L2 decay; not of PReLU's slopes", not_negative, metavar="DECAY")
    decay_slopes: bool = option(
        False, "weight decay of PReLU's slopes too, which drags them to 0 (section 2.1)", in_title=True)
    size: int = option(56, "pixels of the square crop that the network sees", at_least(1), metavar="PIXELS")
    short_side: int | None = option(
        None, "bring every image to this shorter side before the crop (default: shrink larger ones to 8/7 of --size)",
        at_least(1), metavar="PIXELS", unset="images are shrunk to 8/7 of size, never enlarged")
    jitter: list[int] | None = option(
        None, "draw the shorter side at random for each training image, the paper's scale jitter",
        scale_range, metavar="LOW,HIGH", unset="the shorter side is not drawn at random", in_title=True)
    colour: float = option(
        0.0, "random colour alteration: standard deviation, Krizhevsky's is 0.1", not_negative, in_title=True)
    normalize: str = option(
        "mean-std", "subtract the mean image; divide by one deviation or not", choices=("mean-std", "mean"))
    seed: int = option(0, "of weights, order, crops, flips and dropout", at_least(0), metavar="N")
    device: str = option("cpu", "where to compute", choices=("cpu", "cuda"), may_change=True)
    kernels: str | None = option(
        None, "which kernels compute; reference is the plain NumPy that defines them (default: the device's fastest)",
        choices=tuple(DEVICE_OF), unset="the device's fastest", may_change=True, in_title=True)
    algorithm: str = option(
        "auto", "how conv layers are computed, those that can be; auto is the fastest, im2col the one to read",
        choices=("auto", "im2col", "direct", "winograd"), in_title=True)
    precision: str = option(
        "fp32",
        "of the factors of matrix products: full; rounded to 10 bits; float16 with float32 weights and a scaled loss",
        choices=PRECISIONS, in_title=True)
    workers: int = option(2, "threads that read images ahead", at_least(0), metavar="N", may_change=True)
    on_bad_image: str = option(
        "error", "an unreadable image stops the run, or is left out and counted",
        choices=("error", "skip"), may_change=True)
    # fmt: on

    def __post_init__(self) -> None:
        for name, declared in options_of(Config).items():
            value, other = getattr(self, name), declared.instead_of
            if expected := declared.problem(value):
                raise RunError(f"{declared.flag} {shown(value)} is wrong", expected=expected)
            if other and value and getattr(self, other):
                raise RunError(f"{name} and {other} exclude each other", cure="keep one of them")
        if self.milestones is None:
            self.milestones = [] if self.plateau else default_milestones(self.epochs)
        if self.milestones and self.milestones[-1] >= self.epochs:
            last = f"--milestones: after epoch {self.milestones[-1]} there is none of --epochs {self.epochs} left"
            raise RunError(f"{last} for a smaller rate", cure="give more epochs or earlier milestones")
        if self.short_side is not None and self.short_side < self.size:
            found = f"--short-side {self.short_side} is smaller than the crop"
            raise RunError(found, expected=f"at least {self.size}")
        if self.jitter is not None and not self.size <= self.jitter[0] <= self.jitter[1]:
            low, high = self.jitter
            raise RunError(f"--jitter {low},{high}: expected two rising sizes of at least --size {self.size}, the crop")


def default_milestones(epochs: int) -> list[int]:
    """After 60% and 85% of the epochs.

    >>> default_milestones(20)
    [12, 17]
    """
    return sorted({m for m in (round(0.6 * epochs), round(0.85 * epochs)) if 0 < m < epochs})


def resolve(given: dict[str, Any]) -> Config:
    """The options of the recipe that `given` names (lab if none), overridden by the rest of `given`.

    A recipe's milestones are for its number of epochs. With other epochs, or --plateau, they are dropped,
    and the default's share of the epochs decides.

    Raises RunError for an unknown recipe or options that contradict each other.

    >>> resolve({"recipe": "paper-large", "batch_size": 64}).milestones
    [20, 65]
    >>> resolve({"recipe": "paper-large", "epochs": 20}).milestones
    [12, 17]
    """
    name = given.get("recipe", "lab")
    if name not in RECIPES:
        raise RunError(f"--recipe {name!r} is unknown", expected=f"one of: {', '.join(RECIPES)}")
    options = RECIPES[name] | given
    if "milestones" not in given and (options.get("plateau") or options.get("epochs") != RECIPES[name].get("epochs")):
        options.pop("milestones", None)
    return Config(**options)


def saved_config(options: Mapping[str, Any], path: Path) -> Config:
    """The options of the run whose checkpoint at `path` holds these; one that is newer than the run has its default.

    Raises RunError for an option of a later version: what it did is not known here.
    """
    if strange := sorted(options.keys() - options_of(Config).keys()):
        found = f"{path}: its run has the option {shown(strange[0])}, which this version of minidelve does not know"
        raise RunError(found, cure="use the version that wrote it, or name another folder with --out")
    return Config(**options)


def title(config: Config) -> str:
    """What the run is, in one line: the network, what of it is unusual, the data set and the seed."""
    unusual = [
        f"{name} {getattr(config, name)}"
        for name, option in options_of(Config).items()
        if option.in_title and getattr(config, name) != option.default
    ]
    what = ", ".join([config.activation, config.init, *unusual])
    return f"{config.model} ({what}) on {Path(config.data).name}, seed {config.seed}"
