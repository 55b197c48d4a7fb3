"""The file of a checkpoint: how a network, its optimizer and a run's state are written as one .npz and read again.

What of a run goes into it, and how the run goes on from it, is state.py.

An .npz is a zip of plain arrays with a CRC each. Nothing in it is pickled: opening a stranger's file runs none of
their code. Entries:

    model/<name>     a parameter, as in state_dict()
    optimizer/<i>    D of the i-th parameter (optim/sgd.py)
    mean             the mean image subtracted from every input, (size, size, 3)
    meta             one JSON text: configuration, class names, history (an entry for each epoch), schedule, ...
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minidelve import data, models
from minidelve.errors import CheckpointError
from minidelve.files import writing_whole

FORMAT = 1
# What meta holds at least, beside the format.
META: dict[str, type | tuple[type, ...]] = {
    "config": dict, "std": (int, float), "classes": list, "class_names": list, "history": list,
    "schedule": dict, "lr": (int, float), "skipped": dict,
}  # fmt: skip


@dataclass
class Checkpoint:
    """What a file holds.

    parameters   by name, as in state_dict()
    steps        D of each parameter, in the order of parameters()
    mean         (size, size, 3)
    meta         what JSON can say
    """

    parameters: dict[str, np.ndarray]
    steps: list[np.ndarray]
    mean: np.ndarray
    meta: dict[str, Any]

    @property
    def statistics(self) -> data.Statistics:
        """What inputs are normalised by. A file need not hold the covariance."""
        covariance = self.meta.get("covariance")
        return data.Statistics(
            self.mean, self.meta["std"], None if covariance is None else np.array(covariance, np.float64)
        )


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint to `path`, replacing an older one only when complete."""
    arrays: dict[str, Any] = {f"model/{name}": value for name, value in checkpoint.parameters.items()}
    arrays |= {f"optimizer/{i}": value for i, value in enumerate(checkpoint.steps)}
    meta = json.dumps({"format": FORMAT, **checkpoint.meta})
    with writing_whole(path) as file:
        np.savez(file, mean=checkpoint.mean, meta=np.array(meta), **arrays)


def load(path: Path, optimizer: bool = True) -> Checkpoint:
    """Read a checkpoint; CheckpointError if there is none, or it is damaged or of another format.

    optimizer=False leaves `steps` empty, for whoever does not train on: half of the memory.
    """
    entries, meta = _read(path, lambda name: optimizer or not name.startswith("optimizer/"))
    parameters = {name.removeprefix("model/"): a for name, a in entries.items() if name.startswith("model/")}
    count = sum(name.startswith("optimizer/") for name in entries)
    missing = {"mean", *(f"optimizer/{i}" for i in range(count))} - entries.keys()
    if missing or not parameters:
        raise _foreign(path, f"it has no entry {min(missing, default='model/...')}")
    return Checkpoint(parameters, [entries[f"optimizer/{i}"] for i in range(count)], entries["mean"], meta)


def load_meta(path: Path) -> dict[str, Any]:
    """Only what a checkpoint says about itself; CheckpointError as in `load`."""
    return _read(path, lambda name: False)[1]


def _read(path: Path, wanted: Callable[[str], bool]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The wanted entries and meta."""
    if not os.path.isfile(path):
        raise CheckpointError(f"{path} does not exist", expected="a checkpoint written by `minidelve train`")
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            meta = json.loads(str(file["meta"]))
            entries = {name: file[name] for name in file.files if wanted(name) and name != "meta"}
    except PermissionError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror})", cure="check its permissions") from error
    # A stranger's or a damaged file can fail in NumPy, in zipfile and in zlib, each with errors of its own.
    except Exception as error:
        raise _foreign(path, str(error) or type(error).__name__) from error
    if not isinstance(meta, dict) or "format" not in meta:
        raise _foreign(path, "its meta has no format")
    if meta["format"] != FORMAT:
        found = f"{path} has format {meta['format']}; this version reads format {FORMAT}"
        raise CheckpointError(found, cure="use the version that wrote it")
    if not META.keys() <= meta.keys() or not all(isinstance(meta[name], kind) for name, kind in META.items()):
        raise _foreign(path, f"its meta lacks one of {', '.join(META)}")
    return entries, meta


def _foreign(path: Path, reason: str) -> CheckpointError:
    found = f"{path} is not an intact checkpoint ({' '.join(reason.split()):.150})"
    return CheckpointError(found, cure=_instead_of(path))


def _instead_of(path: Path) -> str:
    """What to do when a checkpoint is damaged: the run's other one is advised only if it is whole."""
    other = path.with_name("best.npz" if path.name == "last.npz" else "last.npz")
    if path.name not in ("best.npz", "last.npz"):
        return "give another checkpoint"
    if not is_whole(other):
        return "give another run, or train anew into another folder"
    return f"{other} is whole: give that" + (", or copy it to last.npz to go on" if path.name == "last.npz" else "")


def is_whole(path: Path) -> bool:
    """Whether every entry has its checksum. What is compressed is not ours, and might unfold without end."""
    try:
        with zipfile.ZipFile(path) as file:
            return all(i.compress_type == zipfile.ZIP_STORED for i in file.infolist()) and file.testzip() is None
    except Exception:  # a damaged file can fail in many ways
        return False


def trained_network(saved: Checkpoint, path: Path) -> models.Network:
    """The trained network of a checkpoint (read from `path`, for messages), in evaluation mode."""
    config = saved.meta["config"]
    try:
        network = models.from_config(config, len(saved.meta["classes"]), init=models.UNFILLED)
        network.load_state_dict(saved.parameters)
    except (ValueError, KeyError, TypeError) as error:
        raise _foreign(path, str(error)) from error
    network.eval()
    return network
