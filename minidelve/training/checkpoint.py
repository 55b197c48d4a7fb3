"""The file of a checkpoint: how a network, its optimizer and a run's state are written as one .npz and read again.

What of a run goes into it, and how the run goes on from it, is state.py.

An .npz is a zip of plain arrays with a CRC each. Nothing in it is pickled: opening a stranger's file runs none of
their code. Entries:

    model/<name>     a parameter, as in state_dict(): floats, all of them finite
    optimizer/<i>    D of the i-th parameter (optim/sgd.py), likewise
    mean             the mean image subtracted from every input, (size, size, 3)
    meta             one JSON text: configuration, class names, history (an entry for each epoch), schedule, ...

A file that has other entries, or whose entries are of other types, is refused before they are read (npy.py); meta.py
says what meta has to hold.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minidelve import data, models
from minidelve.analysis.summary import summarize
from minidelve.disk import records
from minidelve.disk.files import writing_whole
from minidelve.disk.npy import Npz, open_npz
from minidelve.errors import CheckpointError, shown
from minidelve.training.meta import FORMAT, checked_meta

ENTRY = re.compile(r"meta|mean|model/[\w.]+|optimizer/\d{1,5}")


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
    """Read a checkpoint; CheckpointError if there is none, or it is damaged, of another format, or has NaN in it.

    optimizer=False leaves `steps` empty, for whoever does not train on: half of the memory.
    """
    return _finite(path, *_read(path, _everything if optimizer else _all_but_steps))


def load_meta(path: Path) -> dict[str, Any]:
    """Only what a checkpoint says about itself; CheckpointError as in `load`."""
    return _read(path, lambda entries, meta: None)[1]


Arrays = tuple[dict[str, np.ndarray], list[np.ndarray], np.ndarray]  # parameters, steps, mean


def _everything(entries: Npz, meta: dict[str, Any]) -> Arrays:
    parameters, _, mean = _all_but_steps(entries, meta)
    return parameters, [numbers(entries, f"optimizer/{i}") for i in range(len(names("optimizer/", entries)))], mean


def _all_but_steps(entries: Npz, meta: dict[str, Any]) -> Arrays:
    parameters = {name.removeprefix("model/"): numbers(entries, name) for name in names("model/", entries)}
    mean = numbers(entries, "mean")
    size = meta["config"].get("size", len(mean) if mean.ndim else 0)
    if mean.shape != (size, size, 3) or not size:
        raise ValueError(f"mean has shape {mean.shape}; expected {(size, size, 3)}")
    if not parameters:
        raise ValueError("it has no entry model/...")
    return parameters, [], mean


def _finite(path: Path, arrays: Arrays, meta: dict[str, Any]) -> Checkpoint:
    """The checkpoint; CheckpointError if one of its numbers is not finite."""
    parameters, steps, mean = arrays
    of_optimizer = {f"the optimizer's step {i}": step for i, step in enumerate(steps)}
    for name, array in {**parameters, **of_optimizer, "the mean image": mean}.items():
        if not np.isfinite(array).all():
            raise CheckpointError(
                f"{path}: {name} is not finite (NaN or infinite): the training had diverged",
                cure="use another checkpoint, or train again with a smaller --lr",
            )
    return Checkpoint(parameters, steps, mean, meta)


def names(prefix: str, entries: Npz) -> list[str]:
    """Those of the entries that begin so, in their order."""
    return [name for name in entries.names if name.startswith(prefix)]


def numbers(entries: Npz, name: str) -> np.ndarray:
    """An entry as float32, in which all networks are trained."""
    with np.errstate(over="ignore"):  # an infinite number is reported by name
        return entries.floats(name).astype(np.float32, copy=False)


def _read(path: Path, arrays: Callable[[Npz, dict[str, Any]], Any]) -> tuple[Any, dict[str, Any]]:
    """What `arrays` takes of the entries, and meta; CheckpointError for all that is wrong."""
    if not os.path.isfile(path):
        raise CheckpointError(f"{path} does not exist", expected="a checkpoint written by `minidelve train`")
    try:
        return _contents(path, arrays)
    except (CheckpointError, MemoryError):
        raise
    except PermissionError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror})", cure="check its permissions") from error
    # A stranger's or a damaged file can fail in zipfile and in zlib, each with errors of its own.
    except Exception as error:
        raise _foreign(path, str(error) or type(error).__name__) from error


def _contents(path: Path, arrays: Callable[[Npz, dict[str, Any]], Any]) -> tuple[Any, dict[str, Any]]:
    """What `arrays` takes, and meta. Raises whatever zipfile, zlib and this room raise about a damaged file."""
    with open_npz(path) as entries:
        if strange := next((name for name in entries.names if not ENTRY.fullmatch(name)), None):
            raise ValueError(f"it has an entry {shown(strange)}")
        meta = checked_meta(path, records.parse(entries.text("meta")))
        return arrays(entries, meta), meta


def _foreign(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(f"{path} is not an intact checkpoint ({reason})", cure=_instead_of(path))


def _instead_of(path: Path) -> str:
    """What to do when a checkpoint is damaged: the run's other one is advised only if it is whole."""
    other = path.with_name("best.npz" if path.name == "last.npz" else "last.npz")
    if path.name not in ("best.npz", "last.npz"):
        return "give another checkpoint"
    if not is_whole(other):
        return "give another run, or train anew into another folder"
    return f"{other} is whole: give that" + (", or copy it to last.npz to go on" if path.name == "last.npz" else "")


def is_whole(path: Path) -> bool:
    """Whether a checkpoint is there that `load` would take."""
    try:
        _finite(path, *_contents(path, _everything))
    except Exception:  # a damaged file can fail in many ways
        return False
    return True


def trained_network(saved: Checkpoint, path: Path) -> models.Network:
    """The trained network of a checkpoint (read from `path`, for messages), in evaluation mode.

    Raises CheckpointError if its parameters or its images do not fit the network that its options describe.
    """
    config = saved.meta["config"]
    try:
        network = models.from_config(config, len(saved.meta["classes"]), init=models.UNFILLED)
        network.load_state_dict(saved.parameters)
        summarize(network, len(saved.mean))
    except (ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise _foreign(path, str(error)) from error
    network.eval()
    return network
