"""Finished parts on disk: one JSON file each, so that interrupted work goes on where it was.

    OUT/ITEM/parts/he-30-seed4-5f1c0d2e.json

A file appears when its part is complete, and has a checksum over all of it (records.py): a part that was damaged is
run again. The digits at the end stand for what the part was asked for: the budget's settings, the data, the device and
this version of minidelve. Other settings are other parts, which may lie in the same folder. A change to the source is
not noticed: give another --out after one.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minidelve import __version__
from minidelve.disk.files import read_file, write_whole
from minidelve.disk.records import MOST_BYTES, check, integer, list_of, number, record, sealed, text, unsealed
from minidelve.errors import one_line
from minidelve.experiments.item import Budget, Item
from minidelve.experiments.rows import Rows, digest
from minidelve.progress import note
from minidelve.training.computing import asked_for

PART = record({"rows": list_of(record({"variant": text, "seed": integer(0)})), "seconds": number(0), "machine": text})


@dataclass(frozen=True)
class Part:
    """What one variant gave with one seed, in how many seconds, and on which machine."""

    rows: Rows
    seconds: float
    machine: str


class Parts:
    """The finished parts of one item with one budget and one data set, in the folder `folder`."""

    def __init__(self, folder: Path, item: Item, budget: Budget, data: str, device: str = "cpu"):
        self.folder = folder
        # Not the number of seeds: more of them leave the finished ones as they are.
        self.key: dict[str, Any] = {"version": __version__, "item": item.name, "settings": dict(budget.settings)}
        if item.uses_data:
            self.key["data"] = data
        if device != "cpu":
            self.key["device"] = device
        self.key |= asked_for()

    def path(self, variant: str, seed: int) -> Path:
        """Where that part lies, or will lie."""
        readable = re.sub(r"\W+", "-", variant).strip("-")
        return self.folder / f"{readable}-seed{seed}-{digest([self.key, variant])}.json"

    def load(self, variant: str, seed: int) -> Part | None:
        """The part, or None if it is not there or not as it was written (which is said): then it is run again."""
        path = self.path(variant, seed)
        if not path.exists():
            return None
        try:
            content = unsealed(read_file(path, MOST_BYTES))
            check(content, PART)
            asked = json.loads(json.dumps(self.key))
            told = {(row["variant"], row["seed"]) for row in content["rows"]}
            if {name: content.get(name) for name in asked} != asked or told - {(variant, seed)}:
                raise ValueError("it is another part")
            return Part(content["rows"], content["seconds"], content["machine"])
        except (OSError, ValueError) as error:
            note(one_line(f"{path} is damaged ({error}): this part is run again"))
            return None

    def keep(self, variant: str, seed: int, part: Part) -> Part:
        """Write a finished part; the part as it will be read back. Raises OSError."""
        rows = [{"variant": variant, "seed": seed} | {name: plain(v) for name, v in row.items()} for row in part.rows]
        seconds = round(part.seconds, 3)
        content = {**self.key, "seconds": seconds, "machine": part.machine, "rows": rows}
        self.folder.mkdir(exist_ok=True)
        write_whole(self.path(variant, seed), sealed(content) + "\n")
        return Part(rows, seconds, part.machine)


def plain(value: Any) -> Any:
    """A value as JSON and csv can hold it: NumPy's numbers become Python's, what is not finite becomes None.

    >>> import numpy as np
    >>> plain(np.float32(0.5)), plain(float("nan")), plain("he")
    (0.5, None, 'he')
    """
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
