"""Checkpoints: a network, its optimizer and all that is needed to go on, in one .npz file.

An .npz is a zip of plain arrays with a CRC each; no pickle, so opening a stranger's file runs none
of their code.  Entries:

    model/<name>     a parameter, as in state_dict()
    optimizer/<i>    D of the i-th parameter (optim/sgd.py)
    mean             the mean image subtracted from every input, (size, size, 3)
    meta             one JSON text: configuration, class names, epoch, history, schedule, ...

A checkpoint is written beside its place and moved there when complete: whenever the power fails,
either the old one or the new one is there.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minidelve import models

FORMAT = 1


class CheckpointError(ValueError):
    """A checkpoint file that is missing, damaged or of another kind; one line with the path and the cure."""


@dataclass
class Checkpoint:
    """What a file holds.  parameters: name -> array; steps: D per parameter; meta: JSON-like dict."""

    parameters: dict[str, np.ndarray]
    steps: list[np.ndarray]
    mean: np.ndarray
    meta: dict[str, Any]


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint to `path`, replacing an older one only when complete."""
    arrays: dict[str, Any] = {f"model/{name}": value for name, value in checkpoint.parameters.items()}
    arrays |= {f"optimizer/{i}": value for i, value in enumerate(checkpoint.steps)}
    meta = json.dumps({"format": FORMAT, **checkpoint.meta})
    unfinished = path.with_suffix(".unfinished")
    with open(unfinished, "wb") as file:
        np.savez(file, mean=checkpoint.mean, meta=np.array(meta), **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint; CheckpointError if there is none, or it is damaged or of another format."""
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist; expected a checkpoint written by `minidelve train`")
    try:
        with np.load(path, allow_pickle=False) as file:
            entries = {name: file[name] for name in file.files}
        meta = json.loads(str(entries.pop("meta")))
        mean = entries.pop("mean")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path} is no intact checkpoint ({reason}); use another one, such as best.npz or last.npz of the run"
        ) from error
    if meta.get("format") != FORMAT:
        raise CheckpointError(f"{path} has format {meta.get('format')}; this version reads format {FORMAT}")
    parameters = {name.removeprefix("model/"): a for name, a in entries.items() if name.startswith("model/")}
    count = sum(name.startswith("optimizer/") for name in entries)
    return Checkpoint(parameters, [entries[f"optimizer/{i}"] for i in range(count)], mean, meta)


def restore_network(saved: Checkpoint) -> models.Network:
    """The trained network of a checkpoint, in evaluation mode."""
    config = saved.meta["config"]
    network = models.create(config["model"], len(saved.meta["classes"]), config["activation"], config["init"])
    network.load_state_dict(saved.parameters)
    network.eval()
    return network
