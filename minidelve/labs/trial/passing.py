"""What passes between the judge and the process of the student's code, and how it is read without trust.

There go cases: a file for each task, which holds inputs as JSON and arrays.
Back come records: a line of JSON each, of a call's outputs with one .npy file after another behind it.

Nothing is unpickled, and nothing that a record says of itself is believed: names, sizes, shapes and dtypes are bounded
and looked at before room is made for them. A record that is not as it should be raises ValueError.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from minidelve.disk.npy import read_npy, read_text
from minidelve.errors import one_line
from minidelve.labs.task import Inputs
from minidelve.labs.trial.calling import LONGEST, Case, Observation

SIZES = {"i": (2, 4, 8), "u": (2, 4, 8), "f": (2, 4, 8), "c": (8, 16)}
DTYPES = [np.dtype(f"{order}{kind}{size}") for kind, sizes in SIZES.items() for size in sizes for order in "<>"]
DTYPES += [np.dtype(name) for name in ("?", "i1", "u1")]
LONGEST_LINE = 2**16
MOST_OUTPUTS = 100
OURS = {"seen", "ended"}  # what is added to records on this side


def write_cases(file: Path, cases: Mapping[Case, Inputs]) -> None:
    """Write a task's inputs."""
    arrays: dict[str, np.ndarray] = {}
    said = [[list(case), {name: as_json(x, arrays) for name, x in inputs.items()}] for case, inputs in cases.items()]
    with open(file, "wb") as out:
        np.savez(out, **{"cases": np.array(json.dumps(said)), **arrays})  # type: ignore[arg-type]


def read_cases(file: Path) -> dict[Case, Inputs]:
    """A task's inputs as they were written."""
    with np.load(file, allow_pickle=False) as arrays:
        said = json.loads(str(arrays["cases"]))
        return {
            (case, dtype): {name: from_json(x, arrays) for name, x in inputs.items()} for (case, dtype), inputs in said
        }


def as_json(x: Any, arrays: dict[str, np.ndarray]) -> Any:
    """An input as JSON; its arrays are put beside it. Only what is None, a number, a text or an array can be in it."""
    if isinstance(x, (np.ndarray, np.generic)):
        name = f"x{len(arrays)}"
        arrays[name] = np.asarray(x)
        return {"array" if isinstance(x, np.ndarray) else "number": name}
    if isinstance(x, (tuple, list)):
        return {type(x).__name__: [as_json(part, arrays) for part in x]}
    if isinstance(x, dict):
        return {"dict": [[as_json(key, arrays), as_json(value, arrays)] for key, value in x.items()]}
    if x is None or isinstance(x, (bool, int, float, str)):
        return x
    raise TypeError(f"an input is a {type(x).__name__}; expected arrays, numbers, texts, None, or tuples of them")


def from_json(x: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The input that as_json wrote."""
    if not isinstance(x, dict):
        return x
    [(kind, inside)] = x.items()
    if kind in ("array", "number"):
        return arrays[inside] if kind == "array" else arrays[inside][()]
    if kind == "dict":
        return {from_json(key, arrays): from_json(value, arrays) for key, value in inside}
    parts = (from_json(part, arrays) for part in inside)
    return tuple(parts) if kind == "tuple" else list(parts)


def as_record(task: str, case: Case, seen: Observation) -> tuple[dict[str, Any], bytes]:
    """A call's record, and the bytes of its outputs."""
    files = {name: as_npy(x) for name, x in seen.outputs.items()}
    record = {
        "task": task, "case": list(case), "error": seen.error, "line": seen.line, "blank": seen.blank,
        "modified": list(seen.modified), "again": list(seen.again), "seconds": seen.seconds,
        "outputs": [[name, len(file)] for name, file in files.items()],
    }  # fmt: skip
    return record, b"".join(files.values())


def as_npy(x: np.ndarray) -> bytes:
    """An array as a .npy file."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(x, order="C"), version=(1, 0), allow_pickle=False)
    return file.getvalue()


def records(stream: IO[bytes], most: int) -> Iterator[dict[str, Any]]:
    """The records of a stream, of at most so many bytes in all; that of a call has it as an Observation, under "seen".

    Raises ValueError, and EOFError where the stream ends within one.
    """
    while line := stream.readline(min(LONGEST_LINE, most) + 1):
        most -= len(line)
        if not line.endswith(b"\n"):
            raise EOFError if len(line) <= LONGEST_LINE and most >= 0 else ValueError("a record is too long")
        record = json.loads(line, parse_constant=refuse)
        if not isinstance(record, dict):
            raise ValueError("a record is not an object")
        if not OURS.isdisjoint(record):
            raise ValueError("a record says what is not its own to say")
        if "outputs" in record:
            sizes = dict(listed(record["outputs"], lambda pair: (text(pair[0]), count(pair[1]))))
            most -= sum(sizes.values())
            if most < 0:
                raise ValueError("too much comes back")
            record["seen"] = observation(record, {name: output(stream, size) for name, size in sizes.items()})
            record["task"] = text(record.get("task"))
            record["case"] = tuple(listed(record.get("case"), text))
        yield record


def observation(record: Mapping[str, Any], outputs: dict[str, np.ndarray]) -> Observation:
    """The Observation that a record tells of."""
    seconds = record.get("seconds")
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not 0 <= seconds < 1e6:
        raise ValueError("a record's seconds are no number")
    return Observation(
        outputs,
        error=text(record.get("error")),
        line=text(record.get("line")),
        blank=record.get("blank") is True,
        modified=tuple(listed(record.get("modified"), text)),
        again=tuple(listed(record.get("again"), text)),
        seconds=float(seconds),
    )


def output(stream: IO[bytes], size: int) -> np.ndarray:
    """The array of the next `size` bytes of a stream."""
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    try:
        return read_npy(io.BytesIO(content), size, DTYPES, "numbers")
    except ValueError:
        return np.array(read_text(io.BytesIO(content), size)[:LONGEST])


def listed(x: Any, each: Any) -> list[Any]:
    """A list of a record, of which each part is read so."""
    if not isinstance(x, list) or len(x) > MOST_OUTPUTS:
        raise ValueError("a record lacks a list, or it is too long")
    try:
        return [each(part) for part in x]
    except (TypeError, IndexError, KeyError) as error:
        raise ValueError(f"a record's list holds something else ({type(error).__name__})") from error


def text(x: Any) -> str:
    """A text of a record, as it may be shown."""
    if not isinstance(x, str):
        raise ValueError("a record lacks a text")
    return one_line(x)[:LONGEST]


def count(x: Any) -> int:
    """A number of bytes."""
    if not isinstance(x, int) or isinstance(x, bool) or not 0 < x < 2**31:
        raise ValueError("a record's size is no number of bytes")
    return x


def refuse(constant: str) -> float:
    """ValueError for Infinity and NaN, which JSON does not have and Python reads."""
    raise ValueError(f"a record holds {constant}")
