"""The file of a checkpoint: how a network, its optimizer and a run's state are written as one .npz and read again.

What of a run goes into it, and how the run goes on from it, is state.py.

An .npz is a zip of plain arrays with a CRC each. Nothing in it is pickled: opening a stranger's file runs none of
their code. Entries:

    model/<name>     a parameter, as in state_dict(): floats, all of them finite
    optimizer/<i>    D of the i-th parameter (optim/sgd.py), likewise
    mean             the mean image subtracted from every input, (size, size, 3)
    meta             one JSON text: configuration, class names, history (an entry for each epoch), schedule, ...

A file that has other entries, or whose entries are of other types, is refused before they are read (npy.py); META
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

from minidelve import data, models, records
from minidelve.errors import CheckpointError, shown
from minidelve.files import writing_whole
from minidelve.models.option import options_of
from minidelve.npy import Npz, open_npz
from minidelve.records import integer, list_of, map_of, maybe, number, record, text
from minidelve.training.config import Config

FORMAT = 1
ENTRY = re.compile(r"meta|mean|model/[\w.]+|optimizer/\d{1,5}")
ANY_NUMBER = records.is_a("a number", lambda value: type(value) in (int, float))
percent = number(-1e-9, 100 + 1e-9, "a number from 0 to 100")


def config(value: Any, name: str) -> None:
    """The options of a run, each of a value that it may have; those of a later version are let through."""
    record({"model": text, "activation": text, "init": text})(value, name)
    for option in options_of(Config).values():
        if option.name in value and (expected := option.problem(value[option.name])):
            raise ValueError(f"{name}.{option.name} is {shown(value[option.name])}; expected {expected}")


EPOCH = record(
    {
        "epoch": integer(1),
        "lr": number(0),
        "train_loss": number(),
        "train_top1_error": percent,
        "val_top1_error": percent,
        "val_top5_error": percent,
        "seconds": number(0),
        "images_per_second": number(0),
    },
    {"within": list_of(list_of(number(), 3, 3))},
)
META = record(
    {
        "config": config,
        "std": records.is_a("a number above 0", lambda value: type(value) in (int, float) and 0 < value < 1e300),
        "classes": list_of(text, least=1),
        "class_names": list_of(text, least=1),
        "history": list_of(EPOCH),
        "schedule": record({}, {"epoch": integer(0), "start": number(0), "best": ANY_NUMBER, "waited": integer(0)}),
        "lr": number(0),
        "skipped": map_of(text),
    },
    {
        "covariance": maybe(list_of(list_of(number(), 3, 3), 3, 3)),
        "loss_scale": maybe(record({"scale": number(0), "good_steps": integer(0)})),
    },
)


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

    def arrays(entries: Npz) -> tuple[dict[str, np.ndarray], list[np.ndarray], np.ndarray]:
        parameters = {name.removeprefix("model/"): numbers(entries, name) for name in of("model/", entries)}
        steps = [numbers(entries, f"optimizer/{i}") for i in range(optimizer * len(of("optimizer/", entries)))]
        mean = numbers(entries, "mean")
        if mean.ndim != 3 or mean.shape != (len(mean), len(mean), 3) or not mean.size:
            raise ValueError(f"mean has shape {mean.shape}; expected (size, size, 3)")
        if not parameters:
            raise ValueError("it has no entry model/...")
        return parameters, steps, mean

    (parameters, steps, mean), meta = _read(path, arrays)
    of_optimizer = {f"the optimizer's step {i}": step for i, step in enumerate(steps)}
    for name, array in {**parameters, **of_optimizer, "the mean image": mean}.items():
        if not np.isfinite(array).all():
            raise CheckpointError(
                f"{path}: {name} is not finite (NaN or infinite): the training had diverged",
                cure="use another checkpoint, or train again with a smaller --lr",
            )
    return Checkpoint(parameters, steps, mean, meta)


def load_meta(path: Path) -> dict[str, Any]:
    """Only what a checkpoint says about itself; CheckpointError as in `load`."""
    return _read(path, lambda entries: None)[1]


def of(prefix: str, entries: Npz) -> list[str]:
    """The entries whose names begin so, in their order."""
    return [name for name in entries.names if name.startswith(prefix)]


def numbers(entries: Npz, name: str) -> np.ndarray:
    """An entry as float32, in which all networks are trained."""
    with np.errstate(over="ignore"):  # an infinite number is reported by name
        return entries.array(name).astype(np.float32, copy=False)


def _read(path: Path, arrays: Callable[[Npz], Any]) -> tuple[Any, dict[str, Any]]:
    """What `arrays` takes of the entries, and meta."""
    if not os.path.isfile(path):
        raise CheckpointError(f"{path} does not exist", expected="a checkpoint written by `minidelve train`")
    try:
        with open_npz(path) as entries:
            if strange := next((name for name in entries.names if not ENTRY.fullmatch(name)), None):
                raise ValueError(f"it has an entry {shown(strange)}")
            meta = checked_meta(path, records.parse(entries.text("meta")))
            return arrays(entries), meta
    except (CheckpointError, MemoryError):
        raise
    except PermissionError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror})", cure="check its permissions") from error
    # A stranger's or a damaged file can fail in zipfile and in zlib, each with errors of its own.
    except Exception as error:
        raise _foreign(path, str(error) or type(error).__name__) from error


def checked_meta(path: Path, meta: Any) -> dict[str, Any]:
    """Meta, if it is as META says. Raises ValueError, or CheckpointError for another format."""
    records.check(meta, record({"format": integer(0)}), "meta")
    if meta["format"] != FORMAT:
        found = f"{path} has format {meta['format']}; this version reads format {FORMAT}"
        raise CheckpointError(found, cure="use the version that wrote it")
    records.check(meta, META, "meta")
    if len(meta["class_names"]) != len(meta["classes"]):
        raise ValueError(f"meta: {len(meta['classes'])} classes have {len(meta['class_names'])} names")
    if [row["epoch"] for row in meta["history"]] != list(range(1, len(meta["history"]) + 1)):
        raise ValueError("meta.history does not count its epochs from 1")
    return meta


def _foreign(path: Path, reason: str) -> CheckpointError:
    found = f"{path} is not an intact checkpoint ({reason})"
    return CheckpointError(found, cure="use another one, such as best.npz or last.npz of the run")


def trained_network(saved: Checkpoint, path: Path) -> models.Network:
    """The trained network of a checkpoint (read from `path`, for messages), in evaluation mode."""
    config = saved.meta["config"]
    try:
        network = models.from_config(config, len(saved.meta["classes"]), init=models.UNFILLED)
        network.load_state_dict(saved.parameters)
    except (ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise _foreign(path, str(error)) from error
    network.eval()
    return network
