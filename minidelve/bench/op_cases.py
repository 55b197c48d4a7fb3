"""Ops forward and backward, as a network calls them, beside PyTorch's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from minidelve import nn, ops, optim
from minidelve.bench.case import LEVELS, Case, Numbers
from minidelve.bench.timing import Side
from minidelve.bench.twin import as_torch, autocast, pyramid, sgd_of
from minidelve.bench.work import Work, work_of
from minidelve.tensor import Tensor

Inputs = Callable[[Numbers], list[Any]]


def stage(*others: Inputs) -> Inputs:
    """Maps of the second stage, and what they are combined with."""
    return lambda numbers: [numbers.square_maps(numbers.sizes.maps), *(x for make in others for x in make(numbers))]


def weight(kernel: int) -> Inputs:
    """Of a convolution to as many channels."""
    return lambda numbers: [numbers.maps(numbers.sizes.maps[2], numbers.sizes.maps[2], kernel, kernel)]


def last_maps(numbers: Numbers) -> list[Any]:
    """Those before the pyramid."""
    return [numbers.square_maps(numbers.sizes.last)]


def fully_connected(numbers: Numbers) -> list[Any]:
    """fc2 of the full-size networks: 4096 -> 4096."""
    rows, units = numbers.sizes.fc
    return [numbers.normal(rows, units), numbers.normal(units, units)]


@dataclass(frozen=True)
class Op:
    """An op of some inputs, the first of them x, here and in PyTorch.

    ours     (x, *others) -> y
    theirs   (torch, x, *others) -> y
    passes   how often each number of x is read or written, forward and backward; 0 of a product
    """

    ours: Callable[..., Tensor]
    theirs: Callable[..., Any]
    inputs: Inputs
    passes: float = 0.0


TABLE = {
    "conv2d 2x2": Op(ops.conv2d, lambda t, x, w: t.nn.functional.conv2d(x, w), stage(weight(2))),
    "conv2d 3x3": Op(
        lambda x, w: ops.conv2d(x, w, padding=1),
        lambda t, x, w: t.nn.functional.conv2d(x, w, padding=1),
        stage(weight(3)),
    ),
    "prelu": Op(
        ops.prelu,
        lambda t, x, a: t.nn.functional.prelu(x, a),
        stage(lambda numbers: [numbers.slopes(numbers.sizes.maps[2])]),
        passes=5,  # y, f; df, y, dE/dy
    ),
    "relu": Op(ops.relu, lambda t, x: t.relu(x), stage(), passes=5),
    "max_pool2d": Op(
        lambda x: ops.max_pool2d(x, 2), lambda t, x: t.nn.functional.max_pool2d(x, 2), stage(), passes=2.5
    ),  # a quarter as many numbers come out
    "spatial_pyramid_pool2d": Op(
        lambda x: ops.spatial_pyramid_pool2d(x, LEVELS), lambda t, x: pyramid(t, LEVELS)(x), last_maps, passes=2
    ),  # few numbers come out
    "linear": Op(ops.linear, lambda t, x, w: t.nn.functional.linear(x, w), fully_connected),
}
MOMENTUM = "momentum step"
OPS = (*TABLE, MOMENTUM)


def op_cases(names: Collection[str], numbers: Numbers) -> Iterator[Case]:
    """The cases of these ops, one after the other."""
    for name in OPS:
        if name in names:
            yield momentum_case(numbers) if name == MOMENTUM else there_and_back(name, TABLE[name], numbers)


def there_and_back(name: str, op: Op, numbers: Numbers) -> Case:
    """Forward from the inputs, and back from a random df to the gradients of all of them.

    In mixed precision only matrix products are in float16 on both sides, so only they run under PyTorch's autocast.
    """
    inputs = op.inputs(numbers)
    x, y = inputs[0], op.ours(*map(Tensor, inputs))
    df = numbers.maps(*y.shape)
    if op.passes:
        work, precision = Work(bytes=op.passes * x.nbytes), "fp32"
    else:  # y, dE/dx and dE/dW are a product each
        work, precision = Work(flops=3 * 2.0 * y.size * inputs[1][0].size), numbers.precision

    def ours() -> list[Any]:
        leaves = [Tensor(value, requires_grad=True) for value in inputs]
        op.ours(*leaves).backward(df)
        return [leaf.grad for leaf in leaves]

    def theirs(torch: Any) -> Side:
        tensors = [as_torch(torch, value).requires_grad_() for value in inputs]
        cotangent = as_torch(torch, df).to(torch.float16 if precision == "mixed" else torch.float32)

        def run() -> list[Any]:
            for tensor in tensors:
                tensor.grad = None
            with autocast(torch, numbers.device, precision):
                y = op.theirs(torch, *tensors)
            y.backward(cotangent)
            return [tensor.grad for tensor in tensors]

        return run

    what = " x ".join(map(str, x.shape)) + (f" -> {y.shape[1]}" if x.ndim == 2 else "")
    return Case("op", name, f"{what}, forward and backward", ours, work, theirs, precision)


def momentum_case(numbers: Numbers) -> Case:
    """The update of a parameter array."""
    start, gradient = (numbers.normal(numbers.sizes.weights) for _ in range(2))
    parameter = nn.Parameter(start.copy())
    parameter.grad = gradient
    optimizer = optim.SGD([parameter], 1e-6)

    def ours() -> list[Any]:
        optimizer.step()
        return [parameter.data]

    def theirs(torch: Any) -> Side:
        tensor = torch.nn.Parameter(as_torch(torch, start.copy()))
        tensor.grad = as_torch(torch, gradient)
        sgd = sgd_of(torch, [{"params": [tensor], "weight_decay": 5e-4}], 1e-6)

        def run() -> list[Any]:
            sgd.step()
            return [tensor.detach()]

        return run

    work = work_of("momentum_step", (parameter.data, start, gradient), {}, None)  # a, and two of its size: D, gradient
    return Case("op", MOMENTUM, f"{start.size:,} weights", ours, work, theirs)
