"""Networks trained for the items: each in a run folder of its own, and all items share them.

    OUT/runs/lab14-prelu-he-seed0-5f1c0d2e/

Many tables and figures of the paper look at the same trained networks. An item says which one it wants,

    net = trained(setup, activation="relu")

and gets it at once if any item has trained it before. A run that was interrupted goes on after its last epoch. The
digits at the end of a name stand for every option that decides its numbers, for the data and for this version of
minidelve. A change to the source is not noticed: give another --out after one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from minidelve import __version__, data, models
from minidelve.evaluation.runs import Evaluation, Way, evaluate_runs
from minidelve.experiments.item import Setup
from minidelve.experiments.rows import digest
from minidelve.progress import note
from minidelve.training import checkpoint
from minidelve.training.computing import asked_for
from minidelve.training.config import Config, saved_config
from minidelve.training.loop import train
from minidelve.training.views import loaders

# The 14 layers for small images, at four sizes. Options as in `minidelve train`. CLASS is for the toy images. LAB's
# fully connected layers start by He's rule, as those of docs/results did.
QUICK: dict[str, Any] = {
    "model": "lab14", "width": 0.5, "fc": 256, "size": 32, "short_side": 36, "epochs": 1, "batch_size": 16, "lr": 0.005,
}  # fmt: skip
CLASS: dict[str, Any] = QUICK | {"fc": 128, "epochs": 4, "batch_size": 32}
CLASS_LONGER: dict[str, Any] = CLASS | {"epochs": 6, "lr": 0.01}  # where a network must know its classes
LAB: dict[str, Any] = {
    "model": "lab14", "width": 0.5, "fc": 128, "fc_init": "he", "size": 32, "short_side": 36, "epochs": 12,
    "batch_size": 64, "lr": 0.01,
}  # fmt: skip
FULL: dict[str, Any] = {"model": "lab14", "size": 56, "epochs": 40, "batch_size": 64, "lr": 0.01}


@dataclass(frozen=True)
class Trained:
    """A trained network in its run folder."""

    folder: Path
    saved: checkpoint.Checkpoint

    @property
    def history(self) -> list[dict[str, Any]]:
        """A dict for each epoch, as in metrics.csv; "within" is its course (step_log.py)."""
        return self.saved.meta["history"]

    @property
    def final(self) -> dict[str, Any]:
        """The last epoch's line of the history."""
        return self.history[-1]

    @property
    def last(self) -> Path:
        """The checkpoint after the last epoch: the items compare after equal training, not each run's best moment."""
        return self.folder / "last.npz"

    @property
    def config(self) -> Config:
        """Every option that it was trained with."""
        return saved_config(self.saved.meta["config"], self.last)

    @cached_property
    def network(self) -> models.Network:
        """The network in evaluation mode, on the device that it was trained on."""
        network = checkpoint.trained_network(self.saved, self.last)
        network.to(self.config.device)
        return network

    def validation(self) -> data.Loader:
        """Batches of the validation set, centre crops: `for x, targets in ....epoch(0)`."""
        return loaders(self.config, *opened(self.config.data), self.saved.statistics)[1]


def trained(setup: Setup, **options: Any) -> Trained:
    """The network of these options, trained now or earlier.

    options   of `minidelve train`, in place of those among the budget's settings

    Raises errors.Diverged where the loss does not stay finite.
    """
    config = configured(setup, options)
    folder = setup.runs / name_of(config)
    last = folder / "last.npz"
    before = checkpoint.load_meta(last)["history"] if last.is_file() else []
    setup.earlier += sum(row["seconds"] for row in before)
    if not (folder / "result.json").is_file():
        # Without a finished epoch there may still be a first one's unfinished files, of a run that was killed.
        how: dict[str, Any] = {"resume": bool(before), "overwrite": not before, "data_sets": opened(config.data)}
        train(config, folder, **how, say=lambda line: note(f"  {line}"))
    return Trained(folder, checkpoint.load(last, optimizer=False))


@lru_cache(1)
def opened(path: str) -> tuple[data.Dataset, data.Dataset]:
    """The training and the validation set, opened once: every network trains on the same decoded images."""
    return data.open_for_training(path)


def configured(setup: Setup, options: Mapping[str, Any]) -> Config:
    """The options of the budget that `train` knows, overridden by `options`, with the part's data, seed and device."""
    known = {field.name for field in fields(Config)}
    settings = {name: value for name, value in setup.budget.settings.items() if name in known}
    return Config(
        **settings | {"data": setup.data, "seed": setup.seed, "device": setup.device} | asked_for() | dict(options)
    )


def name_of(config: Config) -> str:
    """A folder's name, such as lab14-prelu-he-seed0-5f1c0d2e."""
    told = asdict(config) | {"version": __version__}
    told = {name: value for name, value in told.items() if name not in ("workers", "on_bad_image")}
    usual = {"kernels": None, "algorithm": "auto"}
    told = {name: value for name, value in told.items() if name not in usual or value != usual[name]}
    return f"{config.model}-{config.activation}-{config.init}-seed{config.seed}-{digest(told)}"


def tested(nets: Sequence[Trained], **way: Any) -> Evaluation:
    """Trained networks on the validation set (evaluation/runs.py): `tested([net], protocol="ten-view")`.

    Several are an ensemble: the last row is that of their mean scores.
    """
    config = nets[0].config
    dataset = opened(config.data)[1]
    return evaluate_runs([net.last for net in nets], way=Way(device=config.device, **way), dataset=dataset)
