"""Module: a network or a part of one; Parameter: what training changes in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minidelve.backend import to_device
from minidelve.tensor import Tensor


class Parameter(Tensor):
    """A Tensor that training updates.

    weight_decay  whether L2 decay applies to it. PReLU's slope says no: decay would drag it to 0,
                  that is, to ReLU (paper, section 2.1).
    """

    def __init__(self, data: Any, weight_decay: bool = True):
        super().__init__(data, requires_grad=True)
        self.weight_decay = weight_decay


class Module:
    """A network or a part of one: finds its Parameters and sub-Modules among its attributes.

    A subclass sets them in __init__ and writes forward(x); calling the module runs forward.

    >>> from minidelve.nn import Linear, PReLU, Sequential
    >>> net = Sequential(Linear(4, 3), PReLU(3))
    >>> [name for name, _ in net.named_parameters()]
    ['0.weight', '0.bias', '1.a']
    """

    training = True
    keeps_shape = False  # whether the output has the input's shape, whatever that is
    hook: Callable[[Tensor], Tensor] | None = None  # sees (and may replace) every output: analysis/hooks.py

    def forward(self, x: Tensor) -> Tensor:
        """What the module computes; every subclass writes its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def __call__(self, x: Tensor) -> Tensor:
        y = self.forward(x)
        return y if self.hook is None else self.hook(y)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; TypeError for two slips that would silently leave something untrained."""
        if isinstance(vars(self).get(name), Parameter) and not isinstance(value, Parameter | None):
            raise TypeError(f"{name} is a Parameter; assign a Parameter, or new numbers to {name}.data")
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        if any(isinstance(item, Module | Parameter) for item in inside):
            raise TypeError(
                f"{name}: modules in a {type(value).__name__} would not be trained; use Sequential, or setattr for each"
            )
        super().__setattr__(name, value)

    # -- what it is made of -------------------------------------------------------------------
    def children(self) -> Iterator[tuple[str, Module]]:
        """(attribute name, sub-module), in order of definition."""
        return ((name, value) for name, value in vars(self).items() if isinstance(value, Module))

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """(dotted name, module) for itself (named "") and all below, each before its children."""
        yield prefix, self
        for name, child in self.children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def modules(self) -> Iterator[Module]:
        """Itself and every module below."""
        return (module for _, module in self.named_modules())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, Parameter) in order of definition; a shared one appears once."""
        seen: set[int] = set()
        for prefix, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Parameter) and id(value) not in seen:
                    seen.add(id(value))
                    yield f"{prefix}.{name}" if prefix else name, value

    def parameters(self) -> Iterator[Parameter]:
        """Every Parameter, in order of definition."""
        return (parameter for _, parameter in self.named_parameters())

    # -- its state ----------------------------------------------------------------------------
    def train(self, mode: bool = True) -> Module:
        """Switch this module and all below to training (dropout on) or, with False, to evaluation."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Switch to evaluation: dropout is off."""
        return self.train(False)

    def to(self, device: str) -> Module:
        """Move every parameter (and its gradient) to "cpu" or "cuda", in place."""
        for parameter in self.parameters():
            parameter.data = to_device(parameter.data, device)
            parameter.grad = None if parameter.grad is None else to_device(parameter.grad, device)
        return self

    def state_dict(self) -> dict[str, np.ndarray]:
        """Name -> a copy of each parameter's array, on the CPU."""
        return {name: np.array(to_device(p.data, "cpu"), order="C") for name, p in self.named_parameters()}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Set every parameter from `state`, keeping dtype, device and memory layout.

        Raises ValueError, before anything is changed, naming missing and unknown entries or a wrong shape.
        """
        own = dict(self.named_parameters())
        if missing := sorted(own.keys() - state.keys()):
            raise ValueError(f"load_state_dict: no entry for {', '.join(missing)}; is it another model's state?")
        if unknown := sorted(state.keys() - own.keys()):
            raise ValueError(f"load_state_dict: the model has no {', '.join(unknown)}; is it another model's state?")
        arrays = {}
        for name, parameter in own.items():
            arrays[name] = array = np.asarray(state[name])
            if array.shape != parameter.shape or array.dtype.kind not in "fiub":
                raise ValueError(
                    f"load_state_dict: {name} is {array.dtype} of shape {array.shape}; expected numbers of shape "
                    f"{parameter.shape}"
                )
        for name, parameter in own.items():
            parameter.data[...] = to_device(arrays[name].astype(parameter.dtype), parameter.device)

    # -- how it prints ------------------------------------------------------------------------
    def extra(self) -> str:
        """The arguments to show in repr; layers override it."""
        return ""

    def __repr__(self) -> str:
        lines = [f"  ({name}): {child!r}".replace("\n", "\n  ") for name, child in self.children()]
        return f"{type(self).__name__}({self.extra()}" + ("\n" + "\n".join(lines) + "\n" if lines else "") + ")"


class Sequential(Module):
    """Modules one after the other: Sequential(a, b)(x) is b(a(x)). TypeError for a layer that is not a Module."""

    def __init__(self, *layers: Module):
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(f"Sequential: layer {i} is a {type(layer).__name__}; expected a Module")
            setattr(self, str(i), layer)

    def forward(self, x: Tensor) -> Tensor:
        """Every layer in turn."""
        for _, layer in self.children():
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(list(self.children()))

    def __iter__(self) -> Iterator[Module]:
        return (layer for _, layer in self.children())

    def __getitem__(self, i: int) -> Module:
        return list(self)[i]
