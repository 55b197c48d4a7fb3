"""Sequential: modules one after the other.

>>> from minidelve import nn
>>> nn.Sequential(nn.Linear(4, 3), nn.ReLU())[0]
Linear(4, 3)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from minidelve.nn.module import Module
from minidelve.tensor import Tensor


class Sequential(Module):
    """Modules one after the other: Sequential(a, b)(x) is b(a(x)). TypeError for a layer that is not a Module."""

    def __init__(self, *layers: Module):
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(f"Sequential: layer {i} is {no_module(layer)}")
            setattr(self, str(i), layer)

    def forward(self, x: Tensor) -> Tensor:
        """Every layer in turn."""
        for layer in self.children():
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(list(self.children()))

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, i: int | slice) -> Module:
        return Sequential(*list(self)[i]) if isinstance(i, slice) else list(self)[i]


def no_module(value: Any) -> str:
    """What is said of a value in a Module's place: what it is, what was expected, and what to write if that is clear.

    >>> print(no_module([]))
    a list; expected a Module; write Sequential(*layers)
    """
    found = f"a {type(value).__name__}; expected a Module"
    if isinstance(value, type) and issubclass(value, Module):
        return f"{found}; write {value.__name__}(...)"
    if isinstance(value, dict):
        return f"{found}; write Sequential(*layers.values())"
    if isinstance(value, Iterable) and not isinstance(value, str | Tensor | np.ndarray):
        return f"{found}; write Sequential(*layers)"
    return f"{found}; an op's layer is in nn, such as ReLU()" if callable(value) else found
