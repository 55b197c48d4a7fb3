"""Lab 3 with two slopes: a line that bends at 0, both of its halves learned."""

import runpy
from pathlib import Path

import numpy as np

from minidelve.labs.task import Task

lab3 = runpy.run_path(str(Path(__file__).parents[2] / "lab.py"))

TITLE = "PReLU with two slopes, both learned"
READING = lab3["READING"]
CUTS: dict = {}  # the files are the variant's own, and hold no derivation
KERNEL, OP = lab3["KERNEL"], lab3["OP"]


# -- inputs: lab 3's, with a second slope ------------------------------------------------------------
def with_two(inputs, rng, dtype):
    """The same with slopes (2, C): a below 0, b above."""
    a = inputs["a"]
    b = 1 + rng.uniform(0.1, 0.9, len(a))
    if len(a) > 1:
        b[0] = -b[0]
    return {**inputs, "a": np.stack([a, b.astype(dtype)])}


def rows(rng, dtype):
    cases = {case: with_two(inputs, rng, dtype) for case, inputs in lab3["rows"](rng, dtype).items()}
    return {**cases, "6 positions, PReLU's slopes (3,)": lab3["of_shape"](rng, dtype, (6, 3))}


def maps(rng, dtype):
    return {case: with_two(inputs, rng, dtype) for case, inputs in lab3["maps"](rng, dtype).items()}


def maps_shared(rng, dtype):
    """One pair of slopes for all channels, (2, 1)."""
    return {case: {**inputs, "a": inputs["a"][:, :1]} for case, inputs in maps(rng, dtype).items()}


def vectors(rng, dtype):
    """(N, C), with slopes of every kind."""
    one = lab3["of_shape"](rng, dtype, (3, 4))
    two = with_two(one, rng, dtype)
    return {
        "3 vectors, slopes (2, 4)": two,
        "3 vectors, slopes (2, 1)": {**two, "a": two["a"][:, :1]},
        "3 vectors, slopes (4,)": one,
        "3 vectors, slopes (1,)": {**one, "a": one["a"][:1]},
    }


def many_rows(rng):
    return with_two(lab3["many_rows"](rng), rng, np.float32)


# -- calls -------------------------------------------------------------------------------------------
def call_forward(df, y, a):
    from kernels import reference

    f = reference.prelu_forward(y, a)
    bias, out, in_place = np.full_like(y[0], 0.5), np.full_like(y, np.nan), y.copy()
    reference.prelu_forward(y, a, out=out)
    reference.prelu_forward(in_place, a, out=in_place)
    return {
        "f": f,
        "f with a bias": reference.prelu_forward(y, a, bias),
        "out holds f": lab3["same"](out, f),
        "y holds f, where out is y": lab3["same"](in_place, f),
    }


METHODS, KERNELS = (f"{OP}:PReLU.forward", f"{OP}:PReLU.backward"), ("prelu_forward", "prelu_backward")
TASKS = [
    Task("prelu_forward", (f"{KERNEL}:prelu_forward",), 2, rows, call_forward, large=many_rows),
    Task("prelu_backward", (f"{KERNEL}:prelu_backward",), 4, rows, lab3["call_backward"], large=many_rows),
    Task("PReLU on maps", METHODS, 2, maps, lab3["call_op"], needs=KERNELS),
    Task("PReLU on maps, shared slopes", METHODS, 1, maps_shared, lab3["call_op"], needs=KERNELS),
    Task("PReLU on vectors", METHODS, 1, vectors, lab3["call_op"], needs=KERNELS),
]
