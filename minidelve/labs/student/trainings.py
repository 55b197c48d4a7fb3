"""The trainings of an experiment, each in a run folder of its own: one that was stopped goes on after its last epoch.

A folder's name ends in digits that stand for the options and for the student's files that are in use: after a change
to either it is another training, and nothing is taken up that another code has computed.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from minidelve import data
from minidelve.experiments.rows import Rows, digest
from minidelve.labs.judging.replacing import OURS
from minidelve.labs.overlay import ROOT
from minidelve.progress import say
from minidelve.training import checkpoint
from minidelve.training.config import Config
from minidelve.training.loop import train

LAST = "last.npz"


@dataclass(frozen=True)
class Training:
    """A finished training: its run folder, and a row for each epoch, as in metrics.csv."""

    folder: Path
    history: Rows

    @property
    def last(self) -> Path:
        """The checkpoint after the last epoch."""
        return self.folder / LAST


def trained(
    out: Path,
    name: str,
    config: Config,
    data_sets: tuple[data.Dataset, data.Dataset] | None = None,
    say: Callable[[str], None] = say,
) -> Training:
    """Train in out/runs/NAME-DIGITS, or take what was trained there; `say` receives a line an epoch."""
    folder = out / "runs" / f"{name}-{digest([asdict(config), in_use()])}"
    last = folder / LAST
    before = checkpoint.load_meta(last)["history"] if last.exists() else []
    if len(before) < config.epochs:
        train(config, folder, resume=bool(before), overwrite=not before, data_sets=data_sets, say=say)
    elif before:
        say(f"{folder.name} was trained before")
    return Training(folder, checkpoint.load_meta(last)["history"])


def in_use() -> dict[str, str]:
    """The student's modules that are loaded in this process, and what stands in each, by a digest."""
    files = {name: getattr(m, "__file__", None) for name, m in sorted(sys.modules.items()) if is_ours(name)}
    return {
        name: hashlib.sha256(Path(file).read_bytes()).hexdigest()
        for name, file in files.items()
        if file and not Path(os.path.realpath(file)).is_relative_to(ROOT)
    }


def is_ours(module: str) -> bool:
    """Whether it bears the name of one of the product's modules."""
    return module.partition(".")[0] in OURS
