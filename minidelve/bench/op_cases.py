"""Ops forward and backward, as a network calls them, beside PyTorch's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from minidelve import nn, ops, optim
from minidelve.bench.case import LEVELS, Case, Numbers
from minidelve.bench.twin import as_torch, autocast
from minidelve.ops.layout import channels_first
from minidelve.tensor import Tensor

FLOAT = 4


def op_cases(numbers: Numbers) -> Iterator[Case]:
    """One after the other."""
    batch, side, channels = numbers.sizes.maps
    map_ = Map(numbers, numbers.sizes.maps)
    size = map_.x.nbytes
    weight = channels_first(numbers.normal(channels, 2, 2, channels))
    products = 2.0 * batch * side * side * channels * channels
    yield map_.case(
        "conv2d 2x2",
        lambda x, w: ops.conv2d(x, w, None, 1, (0, 0)),
        lambda t, x, w: t.nn.functional.conv2d(x, w),
        [weight],
        flops=3 * products * 4 * (35 / 36) ** 2,
    )
    weight = channels_first(numbers.normal(channels, 3, 3, channels))
    yield map_.case(
        "conv2d 3x3",
        lambda x, w: ops.conv2d(x, w, None, 1, 1),
        lambda t, x, w: t.nn.functional.conv2d(x, w, padding=1),
        [weight],
        flops=3 * products * 9,
    )
    slopes = numbers.slopes(channels)
    yield map_.case("prelu", ops.prelu, lambda t, x, a: t.nn.functional.prelu(x, a), [slopes], bytes=5 * size)
    yield map_.case("relu", ops.relu, lambda t, x: t.relu(x), [], bytes=5 * size)
    yield map_.case(
        "max_pool2d",
        lambda x: ops.max_pool2d(x, 2),
        lambda t, x: t.nn.functional.max_pool2d(x, 2),
        [],
        bytes=2.5 * size,
    )
    last = Map(numbers, numbers.sizes.last)
    yield last.case(
        "spatial_pyramid_pool2d",
        lambda x: ops.spatial_pyramid_pool2d(x, LEVELS),
        pyramid,
        [],
        bytes=2 * last.x.nbytes,
    )
    yield linear_case(numbers)
    yield momentum_case(numbers)


def pyramid(torch: Any, x: Any) -> Any:
    """The same bins by PyTorch's adaptive pooling."""
    pool = torch.nn.functional.adaptive_max_pool2d
    return torch.cat([pool(x, n).flatten(1) for n in LEVELS], dim=1)


class Map:
    """A map that ops are applied to, forward and backward, here and in PyTorch (channels_last, its faster layout)."""

    def __init__(self, numbers: Numbers, size: tuple[int, int, int]):
        batch, side, channels = size
        self.numbers = numbers
        self.x = channels_first(numbers.normal(batch, side, side, channels))

    def case(self, name: str, ours: Callable, theirs: Callable, others: list[Any], **work: float) -> Case:
        """forward(x, *others), then back from a random cotangent."""
        inputs = [self.x, *others]
        N, *rest = ours(*map(Tensor, inputs)).data.shape
        df = self.numbers.normal(N, *rest[1:], rest[0])  # as it lies in memory: of a map channels last
        if len(rest) == 3:
            df = channels_first(df)
        what = f"{' x '.join(map(str, self.x.shape))}, forward and backward"
        return there_and_back(self.numbers, name, what, ours, theirs, inputs, df, **work)


def linear_case(numbers: Numbers) -> Case:
    """fc2 of the full-size networks: 4096 -> 4096."""
    rows, units = numbers.sizes.fc
    x, w, df = (numbers.normal(n, units) for n in (rows, units, rows))
    what = f"{rows} x {units} -> {units}, forward and backward"

    def theirs(torch: Any, x: Any, w: Any) -> Any:
        return torch.nn.functional.linear(x, w)

    return there_and_back(numbers, "linear", what, ops.linear, theirs, [x, w], df, flops=6.0 * rows * units**2)


def there_and_back(
    numbers: Numbers, name: str, what: str, ours: Callable, theirs: Callable, inputs: list[Any], df: Any, **work: float
) -> Case:
    """Forward from the inputs, and back from df to the gradients of all of them.

    In mixed precision only matrix products are in float16 on both sides, so only they run under PyTorch's autocast.
    """
    rounds = "flops" in work

    def our_pass() -> list[Any]:
        leaves = [Tensor(value, requires_grad=True) for value in inputs]
        ours(*leaves).backward(df)
        return [leaf.grad for leaf in leaves]

    def their_pass(torch: Any) -> Callable[[], list[Any]]:
        tensors = [as_torch(torch, value).requires_grad_() for value in inputs]
        half = rounds and numbers.precision == "mixed"
        cotangent = as_torch(torch, df).to(torch.float16 if half else torch.float32)

        def run() -> list[Any]:
            for tensor in tensors:
                tensor.grad = None
            with autocast(torch, numbers.device, "mixed" if half else "fp32"):
                y = theirs(torch, *tensors)
            y.backward(cotangent)
            return [tensor.grad for tensor in tensors]

        return run

    return Case("op", name, what, our_pass, theirs=their_pass, rounds=rounds, **work)


def momentum_case(numbers: Numbers) -> Case:
    """The update of a parameter array: a, D and the gradient read, a and D written."""
    count = numbers.sizes.weights
    start, gradient = numbers.normal(count), numbers.normal(count)
    parameter = nn.Parameter(start.copy())
    parameter.grad = gradient
    optimizer = optim.SGD([parameter], 1e-6)

    def ours() -> list[Any]:
        optimizer.step()
        return [parameter.data]

    def theirs(torch: Any) -> Callable[[], list[Any]]:
        tensor = torch.nn.Parameter(as_torch(torch, start.copy()))
        tensor.grad = as_torch(torch, gradient)
        fused = {"fused": True} if tensor.is_cuda else {}
        sgd = torch.optim.SGD([tensor], 1e-6, momentum=0.9, weight_decay=5e-4, **fused)

        def run() -> list[Any]:
            sgd.step()
            return [tensor.detach()]

        return run

    return Case("op", "momentum step", f"{count:,} weights", ours, bytes=5.0 * FLOAT * count, theirs=theirs)
