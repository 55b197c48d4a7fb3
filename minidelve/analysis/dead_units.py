"""Units that no image brings above 0: counted layer by layer (the item dying-relu).

A unit is a channel of a conv layer, or a unit of a fully connected one. Its pre-activation y is what its layer gives,
before the rectifier. It is dead, for these images, if

    y <= 0    at every position of every image.

By section 2.1 the rectifier passes f'(y) df down, and f'(y) = a there. ReLU, a = 0, passes nothing: a dead unit gives
the layers above a 0, and no image moves its weights. It may come back by what else moves: the momentum it still has,
and layers below it that still learn. Weight decay alone does not bring it back: it scales w and b, and so y, by one
factor, and y keeps its sign. A unit of LReLU or PReLU that is always negative learns on, with |a| times the gradient,
and what it gives is a y: it is a linear unit.

>>> from minidelve import models
>>> net = models.create("lab14", 2, "relu", width=0.1, fc=4)
>>> net.fc1.bias.data[...] = [-1e6, 1e6, -1e6, 1e6]
>>> images = np.random.default_rng(0).standard_normal((2, 3, 28, 28)).astype(np.float32)
>>> dead_units(net.eval(), [images])["fc1"].tolist()
[True, False, True, False]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minidelve import nn
from minidelve.analysis.hooks import watch
from minidelve.backend import array_module, to_device
from minidelve.nn.chain import slope_of
from minidelve.tensor import Tensor, no_grad


class NotFinite(ValueError):
    """A pre-activation that is no number, or infinite."""


def dead_units(network: nn.Module, images: Iterable[Any], device: str = "cpu") -> dict[str, np.ndarray]:
    """By layer that has an activation (`fc1`, if there is a `fc1_act`), for each of its units (C,): whether it is dead.

    network   in evaluation mode
    images    batches (N, 3, H, W)

    Raises NotFinite if the network gives something else than finite numbers.
    """
    names = [name for name, _ in network.named_children()]
    layers = [name for name in names if f"{name}_act" in names]
    alive: dict[str, Any] = {}

    def look(name: str, y: Any) -> None:
        # y itself: a layer that is watched leaves its activation to the next (nn/chain.py).
        if not bool(array_module(y).isfinite(y).all()):
            raise NotFinite(f"the output of {name} is not finite")
        positive = (y > 0).any(axis=(0, *range(2, y.ndim)))
        alive[name] = alive[name] | positive if name in alive else positive

    with no_grad(), np.errstate(all="ignore"), watch(network, look, names=layers):
        for x in images:
            network(Tensor(to_device(x, device)))
    return {name: ~to_device(alive[name], "cpu") for name in layers}


def gradient_factor(activation: nn.Module, dead: np.ndarray) -> float | None:
    """The mean |a| of the dead units, how much of the gradient they let through; None if there is none of them."""
    slope = slope_of(activation)
    a = to_device(slope.data, "cpu") if isinstance(slope, Tensor) else np.array(slope)
    return float(np.abs(np.broadcast_to(a, dead.shape)[dead]).mean()) if dead.any() else None
