"""Every way through an op: which kernels compute it, by which algorithm, and in which files that is written.

`minidelve check-grad` goes all of them, whatever is fastest on this machine, so that a line that is broken anywhere is
seen to be broken. A way is checked twice: its gradient by central differences, its value by a formula (values.py).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np

from minidelve.backend import DEVICE_OF, can_run, threads, to_device, use, watching_kernels
from minidelve.backend.precision import using_precision
from minidelve.nn import Parameter
from minidelve.ops.conv.choice import ALGORITHMS, asked, using_algorithm
from minidelve.ops.pieces import image_by_image
from minidelve.optim import SGD
from minidelve.tensor import Function, Tensor
from minidelve.testing import check_gradients
from minidelve.testing.cases import GradientCase, gradient_cases
from minidelve.testing.values import VALUES

MOMENTUM = "momentum_step"  # no op, and has no gradient: its value is checked


class Way(NamedTuple):
    """Kernels, an algorithm of conv2d, and a precision, by their names."""

    kernels: str
    algorithm: str = "auto"
    precision: str = "fp32"


class PathResult(NamedTuple):
    """What one way through a case gave.

    files    in which it is written, from the top of the checkout
    error    of the gradient, what check_gradients returns; infinite for NaN
    wrong    how far the value is from its formula, beside the largest number (or 1)
    problem  what was raised on the way, if anything was
    """

    op: str
    description: str
    way: Way
    files: tuple[str, ...]
    error: float
    wrong: float
    seconds: float
    problem: str = ""


def run_paths(
    op: str | None = None, device: str = "cpu", kernels: str | None = None, algorithm: str = "auto", seed: int = 0
) -> Iterator[PathResult]:
    """Every way through every case, or through those of one op, with these kernels and this algorithm if any is named.

    Right gradients and values are off by less than 1e-6.
    """
    folders = [kernels] if kernels else [name for name, home in DEVICE_OF.items() if home == device and can_run(name)]
    for case in gradient_cases(seed):
        if op in (None, case.op):
            yield from ways_through(case, folders, algorithm, device)
    if op in (None, MOMENTUM):
        yield from (momentum(folder, device) for folder in folders)


def ways_through(case: GradientCase, folders: list[str], algorithm: str, device: str) -> Iterator[PathResult]:
    """The ways that differ in the files they run; one that runs no kernel is gone once."""
    seen: set[tuple[str, ...]] = set()
    for folder in folders:
        for way in ways(folder, case.op, algorithm):
            result = go(case, way, device)
            if result.files not in seen:
                seen.add(result.files)
                yield result


def ways(folder: str, op: str, algorithm: str) -> list[Way]:
    """What may be combined with a folder of kernels for an op."""
    if op == "linear":
        return [Way(folder), Way(folder, precision="tf32")]  # float64 is not rounded: only the path is another
    if op != "conv2d":
        return [Way(folder)]
    named = [algorithm] if algorithm != "auto" else ALGORITHMS
    return [Way(folder, name) for name in named] + ([Way(folder, "im2col", "tf32")] if "im2col" in named else [])


def go(case: GradientCase, way: Way, device: str) -> PathResult:
    """One way through a case. Whatever is raised there is part of the result: a broken line may well raise."""
    start, files, error, wrong, problem = time.perf_counter(), set[str](), math.inf, math.inf, ""
    with ExitStack() as stack:
        stack.enter_context(use(way.kernels))
        stack.enter_context(using_algorithm(asked() if way.algorithm == "auto" else way.algorithm))
        stack.enter_context(using_precision(way.precision))
        stack.enter_context(np.errstate(all="ignore"))
        if case.op == "conv2d":  # several pieces in one share, as in a large batch: their gradients are added up
            stack.enter_context(image_by_image())
            stack.enter_context(threads.using(1))
        seen = stack.enter_context(watching_kernels())
        try:
            y = case.f(*(Tensor(to_device(x, device), requires_grad=True) for x in case.inputs))
            files = files_of(y)
            wrong = beyond(to_device(y.data, "cpu"), VALUES[case.op, case.description](*case.inputs))
            error = check_gradients(case.f, *case.inputs, tolerance=math.inf, device=device)
        except AssertionError:  # no error is beyond an infinite tolerance, but NaN is
            pass
        except Exception as raised:
            problem = f"{type(raised).__name__}: {raised}".splitlines()[0]
    ran = (*sorted(files), *sorted(seen))
    return PathResult(case.op, case.description, way, ran, error, wrong, time.perf_counter() - start, problem)


def beyond(y: np.ndarray, expected: Any) -> float:
    """The largest difference, beside the largest number or 1; infinite for another shape or NaN."""
    if y.shape != np.shape(expected):
        return math.inf
    difference = np.abs(y - expected).max(initial=0) / max(1.0, np.abs(expected).max(initial=0))
    return math.inf if np.isnan(difference) else float(difference)


def files_of(y: Tensor) -> set[str]:
    """The files of the Functions that made y."""
    found, stack = set(), [y.node]
    while stack:
        node = stack.pop()
        if isinstance(node, Function):
            found.add(type(node).__module__.replace(".", "/") + ".py")
            stack += [source for source in node.sources if source is not None]
    return found


def momentum(folder: str, device: str) -> PathResult:
    """Two steps of SGD against (4)."""
    start, wrong, problem = time.perf_counter(), math.inf, ""
    rng = np.random.default_rng(0)
    a, D = rng.standard_normal((3, 4)), np.zeros((3, 4))
    with use(folder), watching_kernels() as seen, np.errstate(all="ignore"):
        try:
            parameter = Parameter(to_device(a.copy(), device))
            sgd = SGD([parameter], lr=0.1, momentum=0.8, weight_decay=0.3)
            for rate in (0.1, 0.02):
                gradient, sgd.lr = rng.standard_normal(a.shape), rate
                parameter.grad = to_device(gradient, device)
                sgd.step()
                D = 0.8 * D + rate * (gradient + 0.3 * a)  # (4)
                a = a - D
            wrong = beyond(to_device(parameter.data, "cpu"), a)
        except Exception as raised:
            problem = f"{type(raised).__name__}: {raised}".splitlines()[0]
    files = ("minidelve/optim/sgd.py", *sorted(seen))
    words = "two steps, the rate changed"
    return PathResult(MOMENTUM, words, Way(folder), files, 0.0, wrong, time.perf_counter() - start, problem)
