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
from pathlib import Path
from typing import Any

from minidelve import checkpoint

COLUMNS = (
    "epoch",
    "lr",
    "train_loss",
    "train_top1_error",
    "val_top1_error",
    "val_top5_error",
    "seconds",
    "images_per_second",
)


class RunError(ValueError):
    """A run that cannot start or go on as asked; one line with the value, what was expected and the cure."""


class RunFolder:
    """Opens, guards and fills one run's folder.

    Raises RunError when the folder holds another run (and neither resume nor overwrite was asked for),
    holds other files, or cannot be written.
    """

    def __init__(self, path: Path, *, resume: bool = False, overwrite: bool = False):
        self.path = path
        if resume and overwrite:
            raise RunError("--resume and --overwrite exclude each other; give one of them")
        if resume:
            if not self.last.is_file():
                raise RunError(f"--resume: {path} holds no last.npz; leave --resume out to start a new run there")
            return
        present = self._present()
        if present and not overwrite:
            raise RunError(
                f"--out {path} is not empty ({present[0]}); add --resume to go on with that run, --overwrite to "
                "replace it, or name another folder"
            )
        # Overwriting replaces a run, never anything else that happens to lie there.
        strangers = [name for name in present if name not in self._own_files()]
        if strangers:
            raise RunError(f"--overwrite: {path} holds {strangers[0]}, which is no part of a run; name another folder")

    last = property(lambda self: self.path / "last.npz")
    best = property(lambda self: self.path / "best.npz")

    @staticmethod
    def _own_files() -> set[str]:
        return {
            "config.json", "metrics.csv", "curves.png", "last.npz", "best.npz", "result.json",
            "last.unfinished", "best.unfinished",
        }  # fmt: skip

    def _present(self) -> list[str]:
        try:
            return sorted(os.listdir(self.path))
        except FileNotFoundError:
            return []
        except NotADirectoryError:
            raise RunError(f"--out {self.path} is a file; expected a folder, existing or new") from None
        except OSError as error:
            raise RunError(f"--out {self.path} cannot be read ({error.strerror}); name another folder") from error

    def create(self) -> None:
        """Make the folder (and clear an old run's files): called when all else is known to be in order."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for name in self._own_files():
                (self.path / name).unlink(missing_ok=True)
            probe = self.path / "last.unfinished"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise RunError(f"--out {self.path} cannot be written ({error.strerror}); name another folder") from error

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Write a dict as an indented .json file."""
        self._write(name, json.dumps(content, indent=2) + "\n")

    def write_metrics(self, history: list[dict[str, Any]]) -> None:
        """Write metrics.csv anew from the whole history."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _rounded(name, row[name]) for name in COLUMNS} for row in history)
        self._write("metrics.csv", text.getvalue())

    def _write(self, name: str, text: str) -> None:
        unfinished = self.path / "last.unfinished"
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, self.path / name)


def _rounded(name: str, value: float) -> str:
    if name == "epoch":
        return str(value)
    return f"{value:.8g}" if name in ("lr", "train_loss") else f"{value:.3f}"


def find_checkpoint(run: Path) -> Path:
    """The checkpoint a user means: an .npz itself, or a run folder's best.npz, else its last.npz."""
    if run.suffix == ".npz":
        return run
    for name in ("best.npz", "last.npz"):
        if (run / name).is_file():
            return run / name
    what = "no run folder with a best.npz or last.npz" if run.is_dir() else "no run folder and no .npz file"
    raise checkpoint.CheckpointError(f"{run} is {what}; give the --out folder of a `minidelve train`")
