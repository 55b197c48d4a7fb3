"""What a checkpoint says about itself in JSON: META, a kind (records.py) that tells all that has to be in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minidelve.disk import records
from minidelve.disk.records import integer, list_of, map_of, maybe, number, record, text
from minidelve.errors import CheckpointError, shown
from minidelve.models.option import options_of
from minidelve.training.config import Config

FORMAT = 1
# An infinite one too, as the best error is before the first epoch.
ANY_NUMBER = records.is_a("a number", lambda value: type(value) in (int, float))
percent = number(-1e-9, 100 + 1e-9, "a number from 0 to 100")


def options(value: Any, name: str) -> None:
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
        "val_top5_error": maybe(percent),
        "seconds": number(0),
        "images_per_second": number(0),
    },
    {"within": list_of(list_of(number(), 3, 3))},
)
META = record(
    {
        "config": options,
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
