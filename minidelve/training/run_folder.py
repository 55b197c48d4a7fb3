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
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from minidelve.errors import CheckpointError, RunError
from minidelve.training import checkpoint

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


OWN_FILES = {
    "config.json", "metrics.csv", "curves.png", "last.npz", "best.npz", "result.json",
    "last.unfinished", "best.unfinished",
}  # fmt: skip


class RunFolder:
    """Opens, guards and fills one run's folder.

    Nothing is written, and nothing of a run that is overwritten is removed, before the first epoch is
    finished: a run that fails on the way there leaves everything as it was.

    Raises RunError when the folder holds another run (and neither resume nor overwrite was asked for),
    holds other files, or cannot be written.
    """

    def __init__(self, path: Path, *, resume: bool = False, overwrite: bool = False):
        self.path, self.overwrite = path, overwrite
        self.filled = resume  # whether what lies there is this run's
        if resume and overwrite:
            raise RunError("--resume and --overwrite exclude each other; give one of them")
        if resume and not os.path.isfile(self.last):
            raise RunError(f"--resume: {path} holds no last.npz; leave --resume out to start a new run there")
        self._guard()

    last = property(lambda self: self.path / "last.npz")
    best = property(lambda self: self.path / "best.npz")

    def _guard(self) -> None:
        """Refuse a folder with other contents, or one that cannot be written."""
        present = self._present()
        if present and not (self.filled or self.overwrite):
            raise RunError(
                f"--out {self.path} is not empty ({present[0]}); add --resume to go on with that run, --overwrite to "
                "replace it, or name another folder"
            )
        # Overwriting replaces a run, never anything else that happens to lie there.
        strangers = [name for name in present if name not in OWN_FILES]
        if strangers and self.overwrite:
            raise RunError(
                f"--overwrite: {self.path} holds {strangers[0]}, which is no part of a run; name another folder"
            )
        check_writable(self.path)

    def _present(self) -> list[str]:
        try:
            return sorted(os.listdir(self.path))
        except FileNotFoundError:
            return []
        except NotADirectoryError:
            raise RunError(f"--out {self.path} is a file or lies under one; expected a folder, or a new name") from None
        except OSError as error:
            raise RunError(f"--out {self.path} cannot be read ({error.strerror}); name another folder") from error

    def keep(
        self, state: checkpoint.Checkpoint, config: dict[str, Any], history: list[dict[str, Any]], is_best: bool
    ) -> None:
        """Save the state and the metrics after an epoch; the first call makes the folder."""
        with self.writing():
            if not self.filled:
                self._guard()  # again: another run may have begun here since
                self.path.mkdir(parents=True, exist_ok=True)
                for name in OWN_FILES & set(self._present()):
                    (self.path / name).unlink()
                self.filled = True
            self.write_json("config.json", config)
            checkpoint.save(self.last, state)
            self.complete(history, is_best)

    def complete(self, history: list[dict[str, Any]], is_best: bool) -> None:
        """Write what follows from last.npz, which is always the first to be written: best.npz and metrics.csv."""
        with self.writing():
            if is_best:
                unfinished = self.best.with_suffix(".unfinished")
                shutil.copyfile(self.last, unfinished)
                os.replace(unfinished, self.best)
            self.write_metrics(history)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn what a full or vanished disk raises into a RunError."""
        try:
            yield
        except OSError as error:
            raise RunError(
                f"--out {self.path} cannot be written ({error.strerror}); make room there or name another folder"
            ) from error

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


def check_writable(path: Path) -> None:
    """RunError when the folder `path`, there already or to be made, cannot be written; tried, and nothing is left."""
    nearest = next(p for p in (path.absolute(), *path.absolute().parents) if p.exists())
    try:
        os.rmdir(tempfile.mkdtemp(prefix=".minidelve-", dir=nearest))
    except OSError as error:
        reason = f"{error.strerror} in {nearest}"
        raise RunError(f"--out {path} cannot be written ({reason}); name another folder") from error


def _rounded(name: str, value: float) -> str:
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
        raise CheckpointError(f"{run} cannot be read (Permission denied); check its permissions")
    what = "no run folder with a best.npz or last.npz" if run.is_dir() else "no run folder and no .npz file"
    raise CheckpointError(f"{run} is {what}; give the --out folder of a `minidelve train`")
