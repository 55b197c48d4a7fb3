"""Where the time of a step goes: each kernel's calls, time, and rate.

For one pass every function of the kernel folder, and a few below the ops that are no kernels but cost time, is replaced
by one that takes the time before and after it:

    CPU     an ordinary clock; on one core, as the shares of several cores would overlap
    CUDA    an event before and one after, which the device passes as it works through its queue.  As with KernelClock
            (timing.py) it is first given something else to do: else the time between two events would hold the time
            that Python needs to queue what is between them.  Behind each place where the step waits for the device
            Python has to get ahead again; small kernels there look slower than they are

Only the outermost counts: `matmul` is a function of the backend, and the kernel it calls is part of it.  What no
function claims is "the rest": CuPy's or NumPy's own loops (dropout's mask, sums of gradients), Python, waiting.

Bytes are those of all arrays that go in and come out, each once: what the kernel must move at least.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from types import ModuleType
from typing import Any

from minidelve import backend
from minidelve.backend import cupy_module, kernels_for, precision
from minidelve.bench.timing import Side
from minidelve.ops import in_place_activation, pieces
from minidelve.optim import loss_scale

# Not kernels, and worth a line of their own.
BESIDE = (
    backend.matmul, precision.as_factor, pieces.column_sums, backend.uniform, in_place_activation.look_at,
    loss_scale.all_finite,
)  # fmt: skip
PRODUCTS = ("matmul", "products", "transposed_products", "correlate", "correlate_weight")
PASSES = 3
REST = "the rest"


@dataclass(frozen=True)
class Line:
    """One function in one step: seconds of all its calls together, and their work."""

    name: str
    calls: float
    seconds: float
    flops: float
    bytes: float


def profile(step: Side, like: Any, busy: Side | None = None) -> tuple[list[Line], float]:
    """(a line for each function that a step calls, slowest first, and one for the rest; seconds of the step).

    like   an array on the step's device
    busy   keeps the device busy for a few milliseconds; None on the CPU

    Means over PASSES steps; call it when the step has run before.
    """
    recorder = Recorder(backend.device_of(like))
    with recorder.listening(kernels_for(like)):
        for _ in range(PASSES):
            if busy:
                busy()
            start = recorder.now()
            step()
            recorder.steps.append((start, recorder.now()))
    return recorder.lines()


class Recorder:
    """Takes down every call while `listening`."""

    def __init__(self, device: str):
        self.device, self.inside = device, False
        self.steps: list[tuple[Any, Any]] = []
        self.calls: list[tuple[str, Any, Any, float, float]] = []  # name, start, end, flops, bytes

    def now(self) -> Any:
        """The time, or on CUDA an event that will know it."""
        if self.device == "cpu":
            return time.perf_counter()
        return cupy_module().cuda.get_current_stream().record()

    def seconds(self, start: Any, end: Any) -> float:
        """Between two of `now`."""
        if self.device == "cpu":
            return end - start
        end.synchronize()
        return cupy_module().cuda.get_elapsed_time(start, end) / 1e3

    @contextmanager
    def listening(self, kernels: Any) -> Iterator[None]:
        """Within: calls of the folder's kernels and of BESIDE are taken down, wherever they are called from."""
        places = [(kernels, name) for name in kernels.__all__]
        for function in BESIDE:
            places += places_of(function)
        before = [(module, name, getattr(module, name)) for module, name in places]
        for module, name, function in before:
            setattr(module, name, self.recorded(function, name))
        try:
            yield
        finally:
            for module, name, function in before:
                setattr(module, name, function)

    def recorded(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """The function, taken down when it is not called by another one that is."""

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.inside:
                return function(*args, **kwargs)
            self.inside, start = True, self.now()
            try:
                result = function(*args, **kwargs)
            finally:
                self.inside = False
            self.calls.append((name, start, self.now(), *work_of(name, args, kwargs, result)))
            return result

        return call

    def lines(self) -> tuple[list[Line], float]:
        """What was heard, by function."""
        passes = len(self.steps)
        sums: dict[str, list[float]] = {}
        for name, start, end, flops, size in self.calls:
            found = sums.setdefault(name, [0, 0.0, 0.0, 0.0])
            for i, value in enumerate((1, self.seconds(start, end), flops, size)):
                found[i] += value
        seconds = sum(self.seconds(*step) for step in self.steps) / passes
        found_lines = [Line(name, *(value / passes for value in values)) for name, values in sums.items()]
        found_lines.sort(key=lambda line: -line.seconds)
        rest = seconds - sum(line.seconds for line in found_lines)
        return [*found_lines, Line(REST, 0, rest, 0.0, 0.0)], seconds


def places_of(function: Callable[..., Any]) -> list[tuple[ModuleType, str]]:
    """(module, name) wherever a module of minidelve has a name for the function."""
    modules = [module for name, module in sys.modules.items() if name.startswith("minidelve.") and name != __name__]
    return [(module, name) for module in modules for name, value in vars(module).items() if value is function]


def work_of(name: str, args: tuple, kwargs: dict[str, Any], result: Any) -> tuple[float, float]:
    """(flops, bytes) of a call.

    >>> import numpy as np
    >>> x = np.zeros((2, 3), np.float32)
    >>> work_of("matmul", (x, x.T), {}, np.zeros((2, 2), np.float32)), work_of("prelu_forward", (x, x[0]), {}, x)
    ((24.0, 64.0), (0.0, 60.0))
    """
    inputs = arrays_in(*args, *(value for key, value in kwargs.items() if key != "out"))
    outputs = {id(x): x for x in arrays_in(kwargs.get("out"), result)}
    if name == "momentum_step":  # a and D are written too, in place
        outputs = {id(x): x for x in args[:2]}
    size = sum(x.nbytes for x in (*inputs, *outputs.values()))
    return flops_of(name, args, result), float(size)


def flops_of(name: str, args: tuple, result: Any) -> float:
    """Products and additions of a matrix product; 0 of anything else."""
    if name not in PRODUCTS:
        return 0.0
    x, y = args[:2]
    if name == "correlate":  # y is W (K, O)
        return 2.0 * result.size * len(y)
    if name == "correlate_weight":  # y is dy (N, OH, OW, O)
        (kh, kw), C = args[2], x.shape[-1]
        return 2.0 * y.size * kh * kw * C
    return 2.0 * x.size * y.shape[-1]


def arrays_in(*values: Any) -> list[Any]:
    """The arrays among these values, and in tuples and lists among them."""
    found = []
    for value in values:
        if isinstance(value, (tuple, list)):
            found += arrays_in(*value)
        elif hasattr(value, "nbytes") and hasattr(value, "strides"):
            found.append(value)
    return found
