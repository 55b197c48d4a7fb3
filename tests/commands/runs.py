"""What a run folder holds, read and altered."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np


def metrics(run: Path) -> list[list[str]]:
    """The lines of metrics.csv without the two time columns."""
    return [line.split(",")[:-2] for line in (run / "metrics.csv").read_text().splitlines()]


def bits(path: Path) -> dict[str, bytes]:
    """The arrays of a checkpoint."""
    with np.load(path) as file:
        return {name: file[name].tobytes() for name in file.files if name != "meta"}


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder below, with what the files hold."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def remarks(err: str) -> list[str]:
    """The lines on stderr, without those that tell on a busy machine how far slow work is."""
    return [line for line in err.splitlines() if not re.match(r".*: \d+/\d+", line)]


def interrupted(*args: object) -> None:
    """What stands here is where the user presses Ctrl-C."""
    raise KeyboardInterrupt


def altered(checkpoint: Path, path: Path, change: Callable[[dict, dict], object]) -> Path:
    """Write the checkpoint to `path` after change(arrays, meta)."""
    with np.load(checkpoint) as file:
        arrays = dict(file)
    meta = json.loads(str(arrays["meta"]))
    change(arrays, meta)
    np.savez(path, **arrays | {"meta": np.array(json.dumps(meta))})
    return path
