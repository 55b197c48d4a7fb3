"""The folder that a training run leaves behind.

last.npz       the state after the last finished epoch: --resume goes on from here
best.npz       the state with the lowest top-1 validation error
config.json    every option as resolved, versions, seed: a record for people, from which nothing is read
metrics.csv    a line per epoch; errors in percent
curves.png     loss and errors over the epochs
result.json    final and best errors; there when the run is finished

last.npz is always the first to be written, and all else follows from it: a run that is stopped between two files is
whole again when it goes on.
"""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from minidelve.disk import records
from minidelve.disk.files import (
    as_csv,
    copy_whole,
    disk_errors,
    is_unfinished,
    read_file,
    replace,
    unfinished,
    write_whole,
)
from minidelve.disk.owning import LOCK, OwnFolder, holder
from minidelve.errors import CheckpointError, RunError
from minidelve.training import checkpoint
from minidelve.training.versions import versions

COLUMNS = (
    "epoch", "lr", "train_loss", "train_top1_error", "val_top1_error", "val_top5_error", "seconds",
    "images_per_second",
)  # fmt: skip
ROOM_FOR_META = 2**18  # bytes
OWN_FILES = {"config.json", "metrics.csv", "curves.png", "last.npz", "best.npz", "result.json"}


class RunFolder(OwnFolder):
    """Opens, guards and fills one run's folder.

    Nothing is written, and nothing of a run that is overwritten is removed, before the first epoch is finished: a
    run that fails on the way there leaves everything as it was.

    may_resume   whether who fills the folder could go on with a run that is there, and may be advised to

    Entering raises RunError when the folder holds another run (and neither resume nor overwrite was asked for), holds
    other files, is another process's, or cannot be written.
    """

    def __init__(self, path: Path, *, resume: bool = False, overwrite: bool = False, may_resume: bool = True):
        super().__init__(path, OWN_FILES, f"--out {path}")
        if resume and overwrite:
            raise RunError("--resume and --overwrite exclude each other", cure="give one of them")
        self.resume, self.overwrite, self.may_resume = resume, overwrite, may_resume
        self.filled = resume  # whether what lies there is this run's

    def guard(self) -> None:
        """Refuse a folder with another run that is not to be replaced, or with other files.

        What is advised works when it is followed: no option is named that would be refused next.
        """
        present, strangers = self.present(), self.strangers()
        has_run = os.path.isfile(self.last)
        if self.resume and not has_run:
            found = f"--resume: {self.path} holds no last.npz"
            raise RunError(found, cure=self._instead_of_resuming(present, strangers))
        if not self.resume and (strangers or present and not self.overwrite):
            # Overwriting replaces a run, never anything else that happens to lie there.
            holds = f"holds {strangers[0]}, which is not part of a run" if strangers else f"is not empty ({present[0]})"
            ways = ["add --resume to go on with that run"] if has_run and self.may_resume else []
            ways += [] if strangers else ["add --overwrite to replace it"]
            raise RunError(
                f"{self.what} {holds}", cure=", ".join([*ways, f"{'or ' if ways else ''}name another folder"])
            )

    def _instead_of_resuming(self, present: list[str], strangers: list[str]) -> str:
        if checkpoint.is_whole(self.best):
            return "copy its best.npz to last.npz to go on from there, or name another folder and leave --resume out"
        if strangers:
            return "name another folder and leave --resume out"
        return f"{'give --overwrite in its place' if present else 'leave --resume out'} to start a new run there"

    last = property(lambda self: self.path / "last.npz")
    best = property(lambda self: self.path / "best.npz")

    def keep(self, state: checkpoint.Checkpoint, is_best: bool) -> None:
        """Save the state after an epoch, and what of it is for people to read."""
        with self.writing():
            if self.filled:
                checkpoint.save(self.last, state)
            else:
                first = unfinished(self.last)
                checkpoint.save(first, state)  # a full disk is met here, before anything is removed
                self.remove()
                replace(first, self.last)
                self.filled = True
            self.complete(state.meta, is_best)

    def complete(self, meta: dict[str, Any], is_best: bool) -> None:
        """Write what follows from last.npz, of which `meta` is a part: best.npz, config.json and metrics.csv."""
        with self.writing():
            (self.path / "result.json").unlink(missing_ok=True)
            if is_best:
                copy_whole(self.last, self.best)
            self.write_json("config.json", {**meta["config"], "versions": versions()})
            self.write_metrics(meta["history"])

    def changed_in_record(self, options: dict[str, Any]) -> tuple[str, Any] | None:
        """The first of these options of the run that config.json has with another value, and that value."""
        try:
            there = records.parse(read_file(self.path / "config.json", records.MOST_BYTES))
        except (OSError, ValueError):  # it is not missed
            return None
        there = there if isinstance(there, dict) else {}
        return next(((name, there[name]) for name in options if there.get(name, options[name]) != options[name]), None)

    def check_room(self, state: checkpoint.Checkpoint) -> None:
        """RunError when there is no room for last.npz, best.npz and the next last.npz, less what they take now."""
        arrays = (*state.parameters.values(), *state.steps, state.mean)
        size = sum(array.nbytes for array in arrays) + ROOM_FOR_META
        there = sum(path.stat().st_size for path in (self.last, self.best) if path.is_file())
        self.try_room(max(size, 3 * size - there))

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
        rows = ({name: _rounded(name, row[name]) for name in COLUMNS} for row in history)
        write_whole(self.path / "metrics.csv", as_csv(COLUMNS, rows))


def _rounded(name: str, value: float | None) -> str:
    if value is None:  # top-5 error of at most five classes
        return ""
    if name == "epoch":
        return str(value)
    return f"{value:.8g}" if name in ("lr", "train_loss") else f"{value:.3f}"


def find_checkpoint(run: Path) -> Path:
    """The checkpoint a user means: an .npz itself, or a run folder's best.npz, else its last.npz."""
    if run.suffix == ".npz" and not os.path.isdir(run):
        return run
    for name in ("best.npz", "last.npz"):
        if os.path.isfile(run / name):
            return run / name
    is_folder = os.path.isdir(run)
    if is_folder and not os.access(run, os.R_OK | os.X_OK):
        raise CheckpointError(f"{run} cannot be read (Permission denied)", cure="check its permissions")
    if working := holder(run):
        raise CheckpointError(
            f"{run} has no finished epoch yet; {working} is training it", cure="wait for the first one"
        )
    if is_folder and any(name == LOCK or is_unfinished(name) for name in os.listdir(run)):
        found = f"{run} has no finished epoch: its training was stopped in the first"
        raise CheckpointError(found, cure="give the command that began it again")
    what = "a folder without best.npz or last.npz" if is_folder else "neither a run folder nor an .npz file"
    meant = _run_near(run) or "the --out folder of a `minidelve train`"
    raise CheckpointError(f"{run} is {what}", cure=f"give {meant}")


def _run_near(path: Path) -> str | None:
    """The run folder that a file of it was taken for, or one of those in a folder of runs."""
    names = sorted(os.listdir(path)) if os.path.isdir(path) else []
    runs = [run for run in (path.parent, *(path / name for name in names)) if os.path.isfile(run / "last.npz")]
    if not runs:
        return None
    return f"the run itself, {runs[0]}" if runs[0] == path.parent else f"one of the runs in it, such as {runs[0]}"
