"""What happens inside a network: every layer's response y_l on the way up, every gradient dE/dy_l on the way down.

The paper argues from such numbers: its section 2.2 follows the variance of responses and of gradients from layer to
layer, and Figure 2 of its ICCV version shows each layer's mean response. Three ways in, each built on the one before:

    module.hook = f       after its forward, a module returns f(y) in place of y            (nn/module.py)
    watch(net, ...)       calls you with every layer's response and with the gradient that arrives at it
    observe(net)          collects both as statistics, layer by layer

How is a gradient seen? The hook passes y through an op that computes nothing, f(y) = y. Its backward is handed
dE/df, which is dE/dy, shows it to you and hands it on. The rest of the engine knows nothing of it.

A network usually applies a rectifier inside the conv layer before it (nn/chain.py) and runs shares of the batch side
by side (parallel/shares.py). Where a hook is set neither is done: the layers run one by one on the whole batch. It
takes longer, and the numbers are the same but for rounding.

>>> import numpy as np
>>> from minidelve import nn
>>> net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
>>> net[0].weight.data[...] = [[1, 0], [0, -1]]
>>> with observe(net) as seen:
...     net(Tensor([[3.0, 4.0]])).sum().backward()
>>> seen.responses["0"].mean, seen.responses["1"].zeros, seen.gradients["0"].second_moment
(-0.5, 0.5, 0.5)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from minidelve.backend import array_module
from minidelve.nn.module import Module
from minidelve.tensor import Function, Tensor

See = Callable[[str, Any], None]  # called with a module's name and an array, which it must not write into


class Watched(Function):
    """f(y) = y, and whatever arrives in backward is shown on its way down."""

    takes = "any"

    def forward(self, y, *, show):
        self.show = show
        return y

    def backward(self, df):
        self.show(df)
        return df


@contextmanager
def watch(
    model: Module, response: See | None = None, gradient: See | None = None, names: Sequence[str] | None = None
) -> Iterator[None]:
    """Inside this block, call response(name, y) after a module ran and gradient(name, dE/dy) when backward reaches it.

    names   dotted names of the modules to watch, as in model.named_modules(); by default all without sub-modules

    Arrays have the shape of the module's output and live where it computes. A module that runs several times is seen
    each time. A backward() after the block still shows the gradients of a forward pass inside it. Blocks may be
    nested. Raises ValueError for a name that the model does not have.
    """
    modules = chosen(model, names)
    earlier = {name: module.hook for name, module in modules.items()}
    for name, module in modules.items():
        module.hook = hook_for(name, earlier[name], response, gradient)
    try:
        yield
    finally:
        for name, module in modules.items():
            module.hook = earlier[name]


def chosen(model: Module, names: Sequence[str] | None) -> dict[str, Module]:
    """The modules to watch by name; one that stands in several places goes by its first name."""
    known = dict(model.named_modules())
    if names is not None:
        if strangers := [name for name in names if name not in known]:
            own = ", ".join(filter(None, known))
            raise ValueError(f"analysis: the model has no module {strangers[0]!r}; expected one of: {own}")
        return {name: known[name] for name in names}
    first = {id(module): name for name, module in reversed(known.items()) if not any(module.named_children())}
    return {name: module for name, module in known.items() if first.get(id(module)) == name}


def hook_for(
    name: str, earlier: Callable[[Tensor], Tensor] | None, response: See | None, gradient: See | None
) -> Callable[[Tensor], Tensor]:
    """The hook of one module, after an `earlier` one that it may have."""

    def hook(y: Tensor) -> Tensor:
        y = y if earlier is None else earlier(y)
        if response is not None:
            response(name, y.data)
        return y if gradient is None else Watched.apply(y, show=lambda df: gradient(name, df))

    return hook


@dataclass
class Statistics:
    """Of all numbers of one layer: over the batch, the channels and the positions of all passes so far.

    Sums are taken in float64: in a network of 100 badly started layers the numbers may be as small as 1e-38.
    """

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    zero_count: int = 0

    def add(self, array: Any) -> None:
        """Add the numbers of one more array."""
        wide = array.astype(array_module(array).float64)
        self.count += array.size
        self.total += float(wide.sum())
        self.squares += float((wide * wide).sum())
        self.zero_count += int((array == 0).sum())

    @property
    def mean(self) -> float:
        return self.total / self.count

    @property
    def second_moment(self) -> float:
        """The mean square E[y^2]."""
        return self.squares / self.count

    @property
    def variance(self) -> float:
        """E[y^2] - E[y]^2."""
        return max(self.second_moment - self.mean**2, 0.0)

    @property
    def zeros(self) -> float:
        """The share of zeros, from 0 to 1: of a ReLU's output, the share that it cut off."""
        return self.zero_count / self.count


@dataclass
class Observed:
    """Statistics by the modules' names, in the order in which they were first seen."""

    responses: dict[str, Statistics] = field(default_factory=dict)
    gradients: dict[str, Statistics] = field(default_factory=dict)


@contextmanager
def observe(model: Module, names: Sequence[str] | None = None) -> Iterator[Observed]:
    """Collect the statistics of responses and gradients of everything that runs in this block; `names` as in watch.

    Several batches add up. Raises ValueError as watch does.
    """
    seen = Observed()
    with watch(
        model,
        response=lambda name, y: seen.responses.setdefault(name, Statistics()).add(y),
        gradient=lambda name, df: seen.gradients.setdefault(name, Statistics()).add(df),
        names=names,
    ):
        yield seen
