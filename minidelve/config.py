"""The options of a training run, as config.json holds them."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from minidelve.run_folder import RunError


@dataclass
class Config:
    """Every option of a run, resolved; config.json holds it."""

    data: str = "toy"
    model: str = "lab14"
    activation: str = "prelu"
    init: str = "he"
    epochs: int = 10
    milestones: list[int] | None = None  # None: after 60% and 85% of the epochs
    plateau: bool = False
    batch_size: int = 64
    lr: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 5e-4
    size: int = 56  # pixels, the side of the square that the network sees
    seed: int = 0
    device: str = "cpu"
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


def default_milestones(epochs: int) -> list[int]:
    """After 60% and 85% of the epochs.

    >>> default_milestones(20)
    [12, 17]
    """
    return sorted({m for m in (round(0.6 * epochs), round(0.85 * epochs)) if 0 < m < epochs})


def title(config: Config) -> str:
    """What the run is, in one line."""
    return f"{config.model} ({config.activation}, {config.init}) on {Path(config.data).name}, seed {config.seed}"


def versions() -> dict[str, str]:
    """What the run was computed with."""
    from minidelve import __version__

    libraries = {name: version(name) for name in ("numpy", "numba", "pillow")}
    return {"minidelve": __version__, "python": platform.python_version(), **libraries}
