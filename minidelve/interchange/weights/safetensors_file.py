"""Files of safetensors: a header in JSON that names arrays and where their bytes lie, then the bytes.

    8 bytes   the header's length n, little-endian
    n bytes   {"conv1.weight": {"dtype": "F32", "shape": [64, 3, 3, 3], "data_offsets": [0, 6912]}, ...}
    the rest  the arrays, one after the other

Nothing in such a file is code. The library checks that offsets neither overlap nor leave holes. A length that no header
has, and a name that is there twice, which the library takes silently, are refused here before it looks.
"""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from minidelve.disk import records
from minidelve.disk.files import open_file
from minidelve.disk.records import integer, list_of, record, text
from minidelve.interchange.libraries import library
from minidelve.interchange.weights.entries import Entries, Entry

MOST_SIDE = 2**16  # pixels
MOST_HEADER = 4 * 2**20  # bytes; a network of the paper needs a few thousand
FLOATS = ("F32", "F16", "F64")
METADATA, FACTS = "__metadata__", "minidelve"
ARRAY = record({"dtype": text, "shape": list_of(integer(0), most=16), "data_offsets": list_of(integer(0), 2, 2)})


def read(path: Path) -> Entries:
    """The arrays of a file. Raises ValueError, OSError and what the library raises."""
    header = {name: array for name, array in header_of(path).items() if name != METADATA}
    for name, array in header.items():
        records.check(array, ARRAY, name)
        if array["dtype"] not in FLOATS:
            raise ValueError(f"{name} is of {array['dtype']}; expected {', '.join(FLOATS)}")
    file = library("safetensors", "weights", "a .safetensors file").safe_open(path, framework="np")
    return {name: Entry(tuple(array["shape"]), partial(file.get_tensor, name)) for name, array in header.items()}


def header_of(path: Path) -> dict:
    """The header, as it stands there; ValueError if there is none of a sensible length."""
    with open_file(path) as file:
        length, rest = int.from_bytes(file.read(8), "little"), os.fstat(file.fileno()).st_size - 8
        if rest < 0 or length > min(rest, MOST_HEADER):
            raise ValueError(f"its header would have {length:,} bytes, of a file of {rest + 8:,}")
        header = records.parse(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header is no table of arrays")
    return header


def classes_of(path: Path) -> list[str] | None:
    """The ids of the classes in the order of the last layer, where the file is one of ours; else None."""
    classes = facts_of(path).get("classes")
    return classes if isinstance(classes, list) and all(isinstance(name, str) for name in classes) else None


def short_side_of(path: Path) -> int | None:
    """The shorter side to which the run brings its images, where a file of ours says one; else None."""
    side = facts_of(path).get("short_side")
    return side if type(side) is int and 0 < side <= MOST_SIDE else None


def facts_of(path: Path) -> dict[str, Any]:
    """What `write` was told beside the arrays; nothing of a file that is not ours."""
    metadata = header_of(path).get(METADATA)
    text = metadata.get(FACTS) if isinstance(metadata, dict) else None
    try:
        facts = records.parse(text) if isinstance(text, str) else None
    except ValueError:  # somebody else's, who uses our name
        return {}
    return facts if isinstance(facts, dict) else {}


def write(file: BinaryIO, arrays: dict[str, np.ndarray], facts: dict[str, object]) -> None:
    """Write arrays under their names, and facts as one JSON text into the header's metadata."""
    # Its NumPy writer takes the memory of an array as it lies there, whatever the strides say.
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    # One text, for several would be written in any order; in ASCII, for a folder's name may have bytes that no UTF-8
    # holds.
    metadata = {FACTS: json.dumps(facts)}
    file.write(library("safetensors.numpy", "weights", "a .safetensors file").save(plain, metadata))
