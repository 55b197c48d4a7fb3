"""Ops forward and backward, as the layers of a network call them, beside PyTorch's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from minidelve import nn, optim
from minidelve.bench.case import LEVELS, Case, Numbers
from minidelve.bench.timing import Side
from minidelve.bench.twin import as_torch, autocast, sgd_for, twin_of
from minidelve.bench.work import Work, work_of
from minidelve.tensor import Tensor

# Of C channels or units, to as many.
LAYERS: dict[str, Callable[[int], nn.Module]] = {
    "conv2d 2x2": lambda C: nn.Conv2d(C, C, 2, bias=False),
    "conv2d 3x3": lambda C: nn.Conv2d(C, C, 3, padding=1, bias=False),
    "prelu": nn.PReLU,
    "relu": lambda C: nn.ReLU(),
    "max_pool2d": lambda C: nn.MaxPool2d(2),
    "spatial_pyramid_pool2d": lambda C: nn.SpatialPyramidPool2d(LEVELS),
    "linear": lambda C: nn.Linear(C, C, bias=False),
}
# How often each number of x is read or written, forward and backward: y, f; df, y, dE/dy of a rectifier. From pooling
# fewer numbers come out. Of a product the flops count.
PASSES = {"prelu": 5, "relu": 5, "max_pool2d": 2.5, "spatial_pyramid_pool2d": 2}
MOMENTUM, LR = "momentum step", 1e-6
OPS = (*LAYERS, MOMENTUM)


def op_cases(names: Collection[str], numbers: Numbers) -> Iterator[Case]:
    """The cases of these ops, one after the other."""
    for name in OPS:
        if name in names:
            yield momentum_case(numbers) if name == MOMENTUM else there_and_back(name, numbers)


def there_and_back(name: str, numbers: Numbers) -> Case:
    """Forward from x, and back from a random df to the gradients of x and of the layer's parameters.

    In mixed precision only matrix products are in float16 on both sides, so only they run under PyTorch's autocast.
    """
    x = numbers.maps(*input_shape(name, numbers))
    layer = LAYERS[name](x.shape[1])
    layer.to(numbers.device)
    y = layer(Tensor(x))
    df = numbers.maps(*y.shape)
    if name in PASSES:
        work, precision = Work(bytes=PASSES[name] * x.nbytes), "fp32"
    else:  # y, dE/dx and dE/dW are a product each
        (W,) = layer.parameters()
        work, precision = Work(flops=3 * 2.0 * y.size * W.size / W.shape[0]), numbers.precision

    def ours() -> list[Any]:
        leaves = [Tensor(x, requires_grad=True), *layer.parameters()]
        for leaf in leaves:
            leaf.grad = None
        layer(leaves[0]).backward(df)
        return [leaf.grad for leaf in leaves]

    def theirs(torch: Any) -> Side:
        # The faster layout of the two.
        twin = twin_of(torch, nn.Sequential(layer)).to(numbers.device, memory_format=torch.channels_last)
        leaves = [as_torch(torch, x).requires_grad_(), *twin.parameters()]
        cotangent = as_torch(torch, df).to(torch.float16 if precision == "mixed" else torch.float32)

        def run() -> list[Any]:
            for leaf in leaves:
                leaf.grad = None
            with autocast(torch, numbers.device, precision):
                y = twin(leaves[0])
            y.backward(cotangent)
            return [leaf.grad for leaf in leaves]

        return run

    what = " x ".join(map(str, x.shape)) + (f" -> {y.shape[1]}" if x.ndim == 2 else "")
    return Case("op", name, f"{what}, forward and backward", ours, work, theirs, precision)


def input_shape(name: str, numbers: Numbers) -> tuple[int, ...]:
    """(N, C, H, W), or (N, units) of fc2 of the full-size networks."""
    if name == "linear":
        return numbers.sizes.fc
    batch, side, channels = numbers.sizes.last if name == "spatial_pyramid_pool2d" else numbers.sizes.maps
    return batch, channels, side, side


def momentum_case(numbers: Numbers) -> Case:
    """The update of a parameter array."""
    layer = nn.Linear(numbers.sizes.weights, 1, bias=False)
    layer.to(numbers.device)
    layer.weight.grad = gradient = numbers.normal(*layer.weight.shape)
    optimizer = optim.SGD([layer.weight], LR)

    def ours() -> list[Any]:
        optimizer.step()
        return [layer.weight.data]

    def theirs(torch: Any) -> Side:
        twin = twin_of(torch, nn.Sequential(layer)).to(numbers.device)
        twin[0].weight.grad = as_torch(torch, gradient)
        sgd = sgd_for(torch, twin, LR)

        def run() -> list[Any]:
            sgd.step()
            return [twin[0].weight.detach()]

        return run

    D = gradient  # as large
    work = work_of("momentum_step", (layer.weight.data, D, gradient), {}, None)
    return Case("op", MOMENTUM, f"{layer.weight.size:,} weights", ours, work, theirs)
