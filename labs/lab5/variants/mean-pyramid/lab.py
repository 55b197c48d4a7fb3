"""Lab 5 with a pyramid of means: what is handed out, and how it is tried."""

import runpy
from pathlib import Path

import numpy as np

from minidelve.labs.task import Task

SOURCE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "lab.py"))
TITLE = "Pooling: a pyramid of means"
READING = SOURCE["READING"]
BIN_MAX, PYRAMID = SOURCE["BIN_MAX"], SOURCE["PYRAMID"]


def maps_for_bins(rng, dtype):
    """What forward is given."""
    return {
        case: {"x": rng.normal(size=(2, *size, 3)).astype(dtype), "bins": np.array(bins, np.int64)}
        for case, (size, bins) in SOURCE["BINS"].items()
    }


def corners_of_bins(rng, dtype):
    """What backward is given: df, and every bin as one number."""
    cases = {}
    for case, ((H, W), bins) in SOURCE["BINS"].items():
        corners = [(t * W + l) * H * W + (b - 1) * W + r - 1 for t, b, l, r in bins]
        df = rng.normal(size=(2, len(bins), 3)).astype(dtype)
        everywhere = np.broadcast_to(np.array(corners, np.int32)[:, None], df.shape).copy()
        cases[case] = {"df": df, "corners": everywhere, "size": (H, W)}
    return cases


def call_forward(x, bins):
    from kernels import reference

    shape = len(x), len(bins), x.shape[3]
    out = np.empty(shape, x.dtype), np.empty(shape, np.int32)
    reference.bin_max_forward(x, bins, out=out)
    f, corners = reference.bin_max_forward(x, bins)
    return {"f": f, "corners": corners, "out f": out[0], "out corners": out[1]}


def call_backward(df, corners, size):
    return SOURCE["call_bin_max_backward"](df, corners, size)


TASKS = [
    Task("bin_max_forward", (f"{BIN_MAX}:bin_max_forward",), 3, maps_for_bins, call_forward),
    Task("bin_max_backward", (f"{BIN_MAX}:bin_max_backward",), 3, corners_of_bins, call_backward),
    *(task for task in SOURCE["TASKS"] if task.file == PYRAMID),
]
