"""Where the time of a step goes: each kernel's calls, time, and work.

For one pass every function of the kernel folder, and a few others below the ops that cost time, is replaced by one that
takes the time before and after it:

    CPU     an ordinary clock; on one core, as the shares of several cores would overlap
    CUDA    an event before and one after, which the device passes as it works through its queue. As with KernelClock
            (timing.py) it is first given something else to do: otherwise the time between two events would hold the
            time that Python needs to queue what is between them. Behind each place where the step waits for the device
            Python has to get ahead again; small kernels there look slower than they are

Only the outermost counts: `matmul` is a function of the backend, and the kernel it calls is part of it. What no
function claims is "the rest": CuPy's or NumPy's own loops (dropout's mask, sums of gradients), Python, waiting.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from minidelve import backend
from minidelve.backend import cupy_module, kernels_for, precision
from minidelve.bench.timing import Side
from minidelve.bench.work import Work, work_of
from minidelve.ops import pieces
from minidelve.ops.conv import activation
from minidelve.optim import loss_scale

# Not kernels, and worth a line of their own.
BESIDE = (
    backend.matmul, precision.as_factor, pieces.column_sums, backend.uniform, activation.look_at,
    loss_scale.all_finite,
)  # fmt: skip
PASSES = 3
REST = "the rest"


class Line(NamedTuple):
    """One function in one step: seconds of all its calls together, and their work."""

    name: str
    calls: float
    seconds: float
    flops: float
    bytes: float

    @property
    def work(self) -> Work:
        return Work(self.flops, self.bytes)


def profile(step: Side, like: Any, busy: Side | None = None) -> tuple[list[Line], float]:
    """(a line for each function that a step calls, slowest first, and one for the rest; seconds of the step).

    like   an array on the step's device
    busy   keeps the device busy for a few milliseconds; None on the CPU

    Means over PASSES steps; call it when the step has run before.
    """
    recorder, passes = Recorder(backend.device_of(like)), []
    with recorder.listening(kernels_for(like)):
        for _ in range(PASSES):
            if busy:
                busy()
            start = recorder.now()
            step()
            passes.append((start, recorder.now()))
    seconds = sum(recorder.seconds(*times) for times in passes) / PASSES
    sums: dict[str, np.ndarray] = {}  # calls, seconds, flops, bytes
    for name, start, end, work in recorder.calls:
        sums[name] = sums.get(name, np.zeros(4)) + (1, recorder.seconds(start, end), *work)
    lines = [Line(name, *(values / PASSES).tolist()) for name, values in sums.items()]
    rest = Line(REST, 0, seconds - sum(line.seconds for line in lines), 0.0, 0.0)
    return [*sorted(lines, key=lambda line: -line.seconds), rest], seconds


class Recorder:
    """Records every call while `listening`."""

    def __init__(self, device: str):
        self.device, self.inside = device, False
        self.calls: list[tuple[str, Any, Any, Work]] = []  # name, start, end, work

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
        """Inside this block, calls of the folder's kernels and of BESIDE are recorded, wherever they are made."""
        beside = (place for function in BESIDE for place in places_of(function))
        with ExitStack() as afterwards:
            for module, name in [*((kernels, name) for name in kernels.__all__), *beside]:
                function = getattr(module, name)
                afterwards.callback(setattr, module, name, function)
                setattr(module, name, self.recorded(function, name))
            yield

    def recorded(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """The function, recorded unless another recorded one called it."""

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.inside:
                return function(*args, **kwargs)
            self.inside, start = True, self.now()
            try:
                result = function(*args, **kwargs)
            finally:
                self.inside = False
            self.calls.append((name, start, self.now(), work_of(name, args, kwargs, result)))
            return result

        return call


def places_of(function: Callable[..., Any]) -> list[tuple[ModuleType, str]]:
    """(module, name) wherever a module of minidelve has a name for the function."""
    modules = [module for name, module in sys.modules.items() if name.startswith("minidelve.") and name != __name__]
    return [(module, name) for module in modules for name, value in vars(module).items() if value is function]
