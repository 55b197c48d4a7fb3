"""The folder that a training run leaves behind.

config.json    every option as resolved, versions, seed
metrics.csv    a line per epoch; errors in percent
curves.png     loss and errors over the epochs
last.npz       the state after the last finished epoch: --resume goes on from here
best.npz       the state with the lowest top-1 validation error
result.json    final and best errors
"""

from __future__ import annotations

import csv
import io
import json
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from minidelve.errors import CheckpointError, RunError
from minidelve.files import OwnFolder, copy_whole, disk_errors, write_whole
from minidelve.training import checkpoint
from minidelve.training.config import versions

COLUMNS = (
    "epoch", "lr", "train_loss", "train_top1_error", "val_top1_error", "val_top5_error", "seconds",
    "images_per_second",
)  # fmt: skip
OWN_FILES = {"config.json", "metrics.csv", "curves.png", "last.npz", "best.npz", "result.json"}


class RunFolder(OwnFolder):
    """Opens, guards and fills one run's folder.

    Nothing is written, and nothing of a run that is overwritten is removed, before the first epoch is finished: a
    run that fails on the way there leaves everything as it was.

    Raises RunError when the folder holds another run (and neither resume nor overwrite was asked for), holds other
    files, or cannot be written.
    """

    def __init__(self, path: Path, *, resume: bool = False, overwrite: bool = False):
        super().__init__(path, OWN_FILES, f"--out {path}")
        if resume and overwrite:
            raise RunError("--resume and --overwrite exclude each other", cure="give one of them")
        self.resume, self.overwrite = resume, overwrite
        self.filled = resume  # whether what lies there is this run's
        self.guard()
        self.check_writable()

    def guard(self) -> None:
        """Refuse a folder with another run that is not to be replaced, or with other files."""
        if self.resume:
            if not os.path.isfile(self.last):
                found = f"--resume: {self.path} holds no last.npz"
                raise RunError(found, cure="leave --resume out to start a new run there")
            return
        present, strangers = self.present(), self.strangers()
        if present and not self.overwrite:
            raise RunError(
                f"{self.what} is not empty ({present[0]})",
                cure="add --resume to go on with that run, --overwrite to replace it, or name another folder",
            )
        if strangers:  # overwriting replaces a run, never anything else that happens to lie there
            found = f"--overwrite: {self.path} holds {strangers[0]}, which is not part of a run"
            raise RunError(found, cure="name another folder")

    last = property(lambda self: self.path / "last.npz")
    best = property(lambda self: self.path / "best.npz")

    def keep(self, state: checkpoint.Checkpoint, is_best: bool) -> None:
        """Save the state after an epoch, and what of it is for people to read."""
        with self.writing():
            if not self.filled:
                self.remove()
                self.filled = True
            self.write_json("config.json", {**state.meta["config"], "versions": versions()})
            checkpoint.save(self.last, state)
            self.complete(state.meta["history"], is_best)

    def complete(self, history: list[dict[str, Any]], is_best: bool) -> None:
        """Write what follows from last.npz, which is always the first to be written: best.npz and metrics.csv."""
        with self.writing():
            if is_best:
                copy_whole(self.last, self.best)
            self.write_metrics(history)

    def writing(self) -> AbstractContextManager[None]:
        """Turn what a full or vanished disk raises into a RunError."""
        return disk_errors(self.what)

    def finish(self, result: dict[str, Any]) -> None:
        """Write how the run ended."""
        with self.writing():
            self.write_json("result.json", result)

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Write a dict as an indented .json file."""
        write_whole(self.path / name, json.dumps(content, indent=2) + "\n")

    def write_metrics(self, history: list[dict[str, Any]]) -> None:
        """Write metrics.csv anew from the whole history."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _rounded(name, row[name]) for name in COLUMNS} for row in history)
        write_whole(self.path / "metrics.csv", text.getvalue())


def _rounded(name: str, value: float | None) -> str:
    if value is None:  # top-5 error of at most five classes
        return ""
    if name == "epoch":
        return str(value)
    return f"{value:.8g}" if name in ("lr", "train_loss") else f"{value:.3f}"


def find_checkpoint(run: Path) -> Path:
    """The checkpoint a user means: an .npz itself, or a run folder's best.npz, else its last.npz."""
    if run.suffix == ".npz" and not run.is_dir():
        return run
    for name in ("best.npz", "last.npz"):
        if os.path.isfile(run / name):
            return run / name
    if run.is_dir() and not os.access(run, os.R_OK | os.X_OK):
        raise CheckpointError(f"{run} cannot be read (Permission denied)", cure="check its permissions")
    what = "a folder without best.npz or last.npz" if run.is_dir() else "neither a run folder nor an .npz file"
    raise CheckpointError(f"{run} is {what}", cure="give the --out folder of a `minidelve train`")
