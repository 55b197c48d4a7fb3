"""Call a task's function on inputs, and note all that can be seen of it.

The judge calls the product's functions so, and the process of the student's code the student's.
"""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minidelve.errors import one_line
from minidelve.labs.task import Inputs, Task
from minidelve.labs.trial.raised import as_told

LONGEST = 200  # letters of an error
MOST_BYTES = 2**26  # of an output
LARGE = "large"  # the case that only tells the time

Case = tuple[str, str]  # its name, and the name of its floats' dtype


@dataclass(frozen=True)
class Observation:
    """What one call gave.

    outputs    by name; a number as an array without axes
    error      what was raised, as "TypeError: ..."; "" if nothing was
    line       where in the student's files, as "kernels/reference/prelu.py:14"; "" if not there
    blank      whether it was the NotImplementedError of a blank
    modified   inputs that the call has changed
    again      outputs that a second call gave otherwise
    seconds    of the processor, for one call
    scale      of its inputs (differences.scale_of): how large what is left of them by rounding may be
    """

    outputs: dict[str, np.ndarray] = field(default_factory=dict)
    error: str = ""
    line: str = ""
    blank: bool = False
    modified: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    seconds: float = 0.0
    scale: float = 0.0


def observe(task: Task, inputs: Inputs, files: Collection[str] = (), calls: int = 2) -> Observation:
    """Call twice, on copies of the inputs. `files` are the student's, of which an error's line may tell."""
    results = []
    first: Inputs = {}
    seconds = 0.0
    for _ in range(calls):
        given = copied(inputs)
        started = time.process_time()
        try:
            results.append(called(task, given))
        except Exception as error:  # whatever a student's code raises
            blank = isinstance(error, NotImplementedError) and str(error).startswith("lab ")
            said, line = as_told(error, lambda: called(task, copied(inputs)), files, line_in(error, files))
            return Observation(error=one_line(said)[:LONGEST], line=line, blank=blank)
        seconds = time.process_time() - started
        first = first or given
    outputs, second = results[0], results[-1]
    modified = tuple(name for name, x in inputs.items() if isinstance(x, np.ndarray) and not same(x, first[name]))
    again = tuple(name for name, x in outputs.items() if not same(x, second.get(name)))
    return Observation(outputs, modified=modified, again=again, seconds=seconds)


def copied(inputs: Inputs) -> Inputs:
    """The inputs in arrays of their own."""
    return {name: x.copy() if isinstance(x, np.ndarray) else x for name, x in inputs.items()}


def called(task: Task, given: Inputs) -> dict[str, np.ndarray]:
    """The outputs of one call."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: as_output(name, x) for name, x in task.call(**given).items()}


def as_output(name: str, x: Any) -> np.ndarray:
    """An output as an array that needs no pickle; TypeError for one that would."""
    array = np.asarray(x)
    if array.dtype.kind not in "biufcU":
        kind = "an array of objects" if isinstance(x, np.ndarray) else "None" if x is None else f"a {type(x).__name__}"
        raise TypeError(f"{name} is {kind}, expected an array of numbers")
    if array.nbytes > MOST_BYTES:
        raise TypeError(f"{name} has {array.nbytes / 1e6:.0f} MB")
    return np.array(array)


def same(x: Any, y: Any) -> bool:
    """Whether two arrays are alike in shape and in every bit; a NaN is like itself."""
    if x is None or y is None or x.shape != y.shape or x.dtype != y.dtype:
        return False
    return bool(np.array_equal(x, y, equal_nan=x.dtype.kind in "fc"))


def line_in(error: BaseException, files: Collection[str]) -> str:
    """The deepest line of these files in an error's traceback, as "file:line"."""
    return deepest([(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)], files)


def deepest(frames: Iterable[tuple[str, int | None]], files: Collection[str]) -> str:
    """The last of a traceback's (file, line) that is in these files, as "file:line"; "" if none is."""
    own = [(file, line) for name, line in frames for file in files if name.replace("\\", "/").endswith("/" + file)]
    return "{}:{}".format(*own[-1]) if own else ""
