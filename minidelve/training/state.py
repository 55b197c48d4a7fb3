"""The state of a training run: what changes from epoch to epoch, and how that is saved and restored."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from minidelve import data, models, optim
from minidelve.backend import to_device
from minidelve.errors import CheckpointError
from minidelve.training.checkpoint import Checkpoint
from minidelve.training.config import Config


@dataclass
class Run:
    """A run under way.

    history   a dict for each finished epoch: a line of metrics.csv, and its course "within" (step_log.py)
    skipped   bad images that were left out: path -> reason
    """

    config: Config
    network: models.Network
    optimizer: optim.SGD
    schedule: optim.MultiStepLR | optim.ReduceLROnPlateau
    statistics: data.Statistics
    classes: list[str]
    class_names: list[str]
    history: list[dict[str, Any]] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    loss_scale: optim.LossScale | None = None  # in mixed precision

    @property
    def epoch(self) -> int:
        """How many epochs are finished."""
        return len(self.history)

    def best(self) -> dict[str, Any]:
        """The line of the history with the lowest top-1 validation error (the first of equals)."""
        return min(self.history, key=lambda row: row["val_top1_error"])

    def to_checkpoint(self) -> Checkpoint:
        """Everything needed to go on from here, or to evaluate."""
        return Checkpoint(
            parameters=self.network.state_dict(),
            steps=[to_device(D, "cpu") for D in self.optimizer.momenta],
            mean=self.statistics.mean,
            meta={
                "config": asdict(self.config),
                "std": self.statistics.std,
                "covariance": self.statistics.covariance.tolist() if self.statistics.covariance is not None else None,
                "classes": self.classes,
                "class_names": self.class_names,
                "history": self.history,
                "schedule": self.schedule.state_dict(),
                "lr": self.optimizer.lr,
                "skipped": self.skipped,
                "loss_scale": self.loss_scale.state_dict() if self.loss_scale else None,
            },
        )

    def restore(self, saved: Checkpoint, path: Path) -> None:
        """Go on from a checkpoint, read from `path`; CheckpointError if its arrays do not fit this network.

        That it was written with the same options is made sure of before (commands/train.py, resumed_config).
        """
        steps = [to_device(D, self.config.device) for D in saved.steps]
        try:
            if not saved.meta["history"]:
                raise ValueError("no epoch was finished")
            self.network.load_state_dict(saved.parameters)
            self.optimizer.load_state_dict({"lr": saved.meta["lr"], "steps": steps})
            self.schedule.load_state_dict(saved.meta["schedule"])
            if self.loss_scale and saved.meta.get("loss_scale"):
                self.loss_scale.load_state_dict(saved.meta["loss_scale"])
        except (ValueError, KeyError) as error:
            raise CheckpointError(f"{path} does not fit the run ({error})", cure="start a new run") from error
        self.history, self.skipped = saved.meta["history"], saved.meta["skipped"]

    def result(self) -> dict[str, Any]:
        """What result.json holds."""
        keep = ("epoch", "train_loss", "train_top1_error", "val_top1_error", "val_top5_error")
        return {
            "final": {name: self.history[-1][name] for name in keep},
            "best": {name: self.best()[name] for name in keep},
            "epochs": self.epoch,
            "seconds": sum(row["seconds"] for row in self.history),
            "parameters": sum(p.size for p in self.network.parameters()),
            "bad_images_left_out": self.skipped,
        }
