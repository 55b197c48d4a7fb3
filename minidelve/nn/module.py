"""Module: a network or a part of one; Parameter: what training changes in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from minidelve.backend import to_device
from minidelve.errors import shown
from minidelve.nn.hidden import CONTAINERS, look, refuse_hidden
from minidelve.nn.loading import Unmatched, load_parameters
from minidelve.pytorch_names import MODULE, knowing_pytorch, missing, refuse_strangers
from minidelve.tensor import Tensor


class Parameter(Tensor):
    """A Tensor that training updates.

    weight_decay  whether L2 decay applies to it. PReLU's slope says no: decay would drag it to 0,
                  that is, to ReLU (paper, section 2.1).
    """

    @knowing_pytorch
    def __init__(self, data: Any, *, weight_decay: bool = True):
        super().__init__(data, requires_grad=True)
        self.weight_decay = weight_decay


class Module:
    """A network or a part of one: finds its Parameters and sub-Modules among its attributes.

    A subclass sets them in __init__ and writes forward(x); calling the module runs forward. A module or Parameter that
    is held where it would not be found (in a list, in a function, by the class) would silently not be trained: it is
    refused with a TypeError, when the attribute is set or when the parameters are asked for.

    >>> from minidelve.nn import Linear, PReLU, Sequential
    >>> net = Sequential(Linear(4, 3), PReLU(3))
    >>> [name for name, _ in net.named_parameters()]
    ['0.weight', '0.bias', '1.a']
    """

    training = True
    keeps_shape = False  # whether the output has the input's shape, whatever that is
    hook: Callable[[Tensor], Tensor] | None = None  # sees (and may replace) every output: analysis/hooks.py

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """A new module; TypeError with the cure for arguments that its __init__ does not take."""
        if args or kwargs:
            refuse_strangers(cls.__name__, cls.__init__, (None, *args), kwargs)
        return super().__new__(cls)

    def __init__(self) -> None:
        """A module without arguments; a subclass that has some writes its own."""

    def forward(self, x: Tensor) -> Tensor:
        """What the module computes; every subclass writes its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def __call__(self, x: Tensor) -> Tensor:
        y = self.forward(x)
        return y if self.hook is None else self.hook(y)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; TypeError for slips that would silently leave something untrained."""
        if isinstance(vars(self).get(name), Parameter) and not isinstance(value, Parameter | None):
            raise TypeError(f"{name} is a Parameter; assign a Parameter, or new numbers to {name}.data")
        if isinstance(value, PARTS) and (not name or "." in name):
            raise TypeError(f"a module's part is called {name!r}; expected a name without dots, which nest")
        if isinstance(value, CONTAINERS):
            parts = [part for _, part in look(value, PARTS, name)]
            if parts and not self.known().issuperset(map(id, parts)):
                kind = type(value).__name__
                raise TypeError(
                    f"{name}: modules in a {kind} would not be trained; use Sequential, or setattr for each"
                )
        super().__setattr__(name, value)

    if not TYPE_CHECKING:  # a type checker should go on finding slips

        def __getattr__(self, name: str) -> Any:
            """Called for a name that is not there: AttributeError with the cure."""
            if hasattr(type(self), name):  # a property, whose own AttributeError is the better one
                return object.__getattribute__(self, name)
            raise missing(type(self).__name__, name, {*vars(self), *dir(type(self))}, MODULE)

    # -- what it is made of -------------------------------------------------------------------
    def children(self) -> Iterator[Module]:
        """The sub-modules, in order of definition."""
        return (child for _, child in self.named_children())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(attribute name, sub-module), in order of definition."""
        return ((name, value) for name, value in vars(self).items() if isinstance(value, Module))

    def named_modules(self, prefix: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Module]]:
        """(dotted name, module) for itself (named "") and all below, each once and before its children.

        seen   ids of the modules that a walk has been at: one that is used twice is not listed twice
        """
        seen = set() if seen is None else seen
        if id(self) in seen:
            return
        seen.add(id(self))
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name, seen)

    def modules(self) -> Iterator[Module]:
        """Itself and every module below, each once."""
        return (module for _, module in self.named_modules())

    @knowing_pytorch
    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, Parameter) in order of definition; a shared one appears once. TypeError if one is hidden."""
        refuse_hidden(self, PARTS)
        return self.found_parameters()

    def found_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """named_parameters without a look for hidden ones."""
        seen: set[int] = set()
        for prefix, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Parameter) and id(value) not in seen:
                    seen.add(id(value))
                    yield f"{prefix}.{name}" if prefix else name, value

    @knowing_pytorch
    def parameters(self) -> ParametersOf:
        """Every Parameter, in order of definition. TypeError if one is hidden."""
        refuse_hidden(self, PARTS)
        return ParametersOf(self)

    def known(self) -> set[int]:
        """The ids of the modules and Parameters that are found."""
        return {id(m) for m in self.modules()} | {id(p) for _, p in self.found_parameters()}

    # -- its state ----------------------------------------------------------------------------
    def train(self, mode: bool = True) -> Module:
        """Switch this module and all below to training (dropout on) or, with False, to evaluation."""
        if mode not in (True, False):
            raise TypeError(f"train: mode is {shown(mode)}; expected True or False")
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

    @knowing_pytorch
    def state_dict(self) -> dict[str, np.ndarray]:
        """Name -> a copy of each parameter's array, on the CPU."""
        return {name: np.array(to_device(p.data, "cpu"), order="C") for name, p in self.named_parameters()}

    @knowing_pytorch
    def load_state_dict(self, state: dict[str, np.ndarray], strict: bool = True) -> Unmatched:
        """Set every parameter from `state`, keeping dtype, device and memory layout; the names that did not match.

        With strict=False, entries may be missing or unknown. Raises ValueError otherwise, and for a wrong shape, before
        anything is changed.
        """
        return load_parameters(dict(self.named_parameters()), state, strict)

    @knowing_pytorch
    def zero_grad(self) -> None:
        """Forget every gradient, as the optimizer's zero_grad does."""
        for parameter in self.parameters():
            parameter.grad = None

    @knowing_pytorch
    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Whether every parameter gets a gradient; one that does not has none, and SGD leaves it as it is."""
        if requires_grad not in (True, False):
            raise TypeError(f"requires_grad_: got {shown(requires_grad)}; expected True or False")
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
            parameter.grad = parameter.grad if requires_grad else None
        return self

    def apply(self, f: Callable[[Module], Any]) -> Module:
        """Call f(module) for every module below, children first, and for itself."""
        if not callable(f):
            raise TypeError(f"apply: got {shown(f)}; expected a function that is called with each module")
        for child in {id(child): child for child in self.children()}.values():
            child.apply(f)
        f(self)
        return self

    # -- how it prints ------------------------------------------------------------------------
    def extra(self) -> str:
        """The arguments to show in repr; layers override it."""
        return ""

    def __repr__(self) -> str:
        lines = [f"  ({name}): {child!r}".replace("\n", "\n  ") for name, child in self.named_children()]
        return f"{type(self).__name__}({self.extra()}" + ("\n" + "\n".join(lines) + "\n" if lines else "") + ")"


class ParametersOf:
    """An iterator over a module's parameters that knows its module, so that SGD can tell what is added later."""

    def __init__(self, module: Module):
        self.module, self._rest = module, module.found_parameters()

    def __iter__(self) -> ParametersOf:
        return self

    def __next__(self) -> Parameter:
        return next(self._rest)[1]


PARTS = (Module, Parameter)  # what a module finds among its attributes
