"""The options of a training run, as config.json holds them."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from minidelve.errors import RunError


@dataclass
class Config:
    """Every option of a run, resolved; config.json holds it."""

    recipe: str = "lab"  # recipes.py
    data: str = "toy"
    model: str = "lab14"
    activation: str = "prelu"
    init: str = "he"
    slope: float = 0.01  # of lrelu
    width: float = 1.0  # a multiplier of the conv layers' channels
    levels: list[int] | None = None  # of the pyramid; None: the model's own
    fc: int | None = None  # units of fc1 and fc2; None: the model's own
    fc_init: str = "table"  # of the fully connected layers: the model's own, or "he" with any init
    warm_start: str | None = None  # a run whose weights are copied where names and shapes agree
    aux_after: str | None = None  # a layer that gets an auxiliary classifier
    aux_weight: float = 0.3  # of the auxiliary classifier's loss
    epochs: int = 10
    milestones: list[int] | None = None  # None: after 60% and 85% of the epochs
    plateau: bool = False
    batch_size: int = 64
    lr: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 5e-4
    decay_slopes: bool = False  # weight decay of PReLU's slopes too, which the paper advises against
    size: int = 56  # pixels, the side of the square that the network sees
    short_side: int | None = None  # images are brought to this shorter side; None: shrunk to 8/7 of size, if larger
    jitter: list[int] | None = None  # shorter side drawn from [low, high] for training; None: as in testing
    colour: float = 0.0  # standard deviation of the random colour alteration
    normalize: str = "mean-std"  # subtract the mean image and divide by one standard deviation, or "mean" alone
    seed: int = 0
    device: str = "cpu"
    precision: str = "fp32"
    workers: int = 2
    on_bad_image: str = "error"

    def __post_init__(self) -> None:
        if self.milestones is None:
            self.milestones = [] if self.plateau else default_milestones(self.epochs)
        if self.milestones and self.milestones[-1] >= self.epochs:
            raise RunError(
                f"--milestones: after epoch {self.milestones[-1]} there is none of --epochs {self.epochs} left for a "
                "smaller rate; give more epochs or earlier milestones"
            )
        if self.short_side is not None and self.short_side < self.size:
            raise RunError(f"--short-side {self.short_side} is smaller than the crop; expected at least {self.size}")
        if self.jitter is not None and not self.size <= self.jitter[0] <= self.jitter[1]:
            low, high = self.jitter
            raise RunError(f"--jitter {low},{high}: expected two rising sizes of at least --size {self.size}, the crop")


def default_milestones(epochs: int) -> list[int]:
    """After 60% and 85% of the epochs.

    >>> default_milestones(20)
    [12, 17]
    """
    return sorted({m for m in (round(0.6 * epochs), round(0.85 * epochs)) if 0 < m < epochs})


def title(config: Config) -> str:
    """What the run is, in one line: the network, what of it is unusual, the data set and the seed."""
    default = Config(epochs=1)
    shape = ("slope", "width", "levels", "fc", "fc_init", "warm_start", "aux_after")
    unusual = [
        f"{name} {getattr(config, name)}"
        for name in (*shape, "decay_slopes", "jitter", "colour", "precision")
        if getattr(config, name) != getattr(default, name)
    ]
    what = ", ".join([config.activation, config.init, *unusual])
    return f"{config.model} ({what}) on {Path(config.data).name}, seed {config.seed}"


def versions() -> dict[str, str]:
    """What the run was computed with."""
    from minidelve import __version__

    libraries = {name: version(name) for name in ("numpy", "numba", "pillow")}
    return {"minidelve": __version__, "python": platform.python_version(), **libraries}
