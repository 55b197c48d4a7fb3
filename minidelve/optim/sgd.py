"""Stochastic gradient descent with momentum, as the paper writes it (section 2.1, equation (4)).

    D := mu D + eps (dE/da + decay a)                                  (4)
    a := a - D

a any parameter, eps the learning rate, mu the momentum, D the step of the last update (the paper's
Delta a). The paper states (4) for PReLU's slope, without decay; with it, it is the usual rule for
every other parameter. Unrolled, D is eps times the sum of all past gradients, each faded by mu for
every step since: parameters roll downhill like a ball with friction, so noise cancels and steady
gradients add up to 1 / (1 - mu) = 10 times the step.

(The paper gives D alone. We subtract it, as it is a multiple of the gradient.)

eps stands *inside* D. PyTorch keeps it outside, v := mu v + g, a := a - eps v. While eps is
constant these are the same walk with D = eps v. When eps drops tenfold they differ: here the ball
keeps the speed it has and slows down over the next 1 / (1 - mu) steps, there it is slowed at once.

Weight decay adds the gradient of decay/2 |a|^2. A Parameter may exempt itself: PReLU's slope
does, as decay would drag it to 0, that is, to ReLU.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import TYPE_CHECKING, Any

from minidelve.backend import array_module, device_of, in_shares, kernels_for, memory_order, to_device
from minidelve.errors import shown
from minidelve.nn.module import Parameter
from minidelve.pytorch_names import OPTIMIZER, knowing_pytorch, missing, refuse_calls
from minidelve.tensor import Tensor

refuse_calls(__name__)  # optim.sgd(parameters, 0.1) is a slip
PARTS = 64  # of an array, to be shared out evenly to any usual number of cores


class SGD:
    """The paper's momentum rule over a set of Parameters.

    lr             eps; may be changed between steps (schedules do)
    momentum       mu
    weight_decay   of every Parameter whose .weight_decay is True

    A Parameter that is frozen (requires_grad_) stays as it is.

    Raises TypeError for what is not a Tensor; ValueError for no parameters at all, for one that is not a leaf, is given
    twice, or is a Tensor that wants no gradient, and for a number out of range.
    """

    @knowing_pytorch
    def __init__(
        self, parameters: Iterable[Parameter], lr: float, momentum: float = 0.9, *, weight_decay: float = 5e-4
    ):
        self.module = getattr(parameters, "module", None)  # whose they are, if that is told (ParametersOf)
        self.parameters = as_parameters(parameters)
        for name, value in (("lr", lr), ("momentum", momentum), ("weight_decay", weight_decay)):
            if isinstance(value, bool) or not isinstance(value, Real):
                raise TypeError(f"SGD: {name} is {shown(value)}; expected a number")
        if not 0 <= lr < math.inf or not 0 <= momentum < 1 or not 0 <= weight_decay < math.inf:
            raise ValueError(
                f"SGD: lr {lr}, momentum {momentum}, weight_decay {weight_decay}; expected lr >= 0, "
                "0 <= momentum < 1 and weight_decay >= 0"
            )
        self.lr, self.momentum, self.weight_decay = lr, momentum, weight_decay
        self.momenta = [array_module(p.data).zeros_like(p.data) for p in self.parameters]  # D, one per parameter

    @knowing_pytorch
    def step(self) -> None:
        """Apply (4) to every parameter that has a gradient. ValueError if the module has got new parameters."""
        self.refuse_newcomers()
        updates = []
        for i, a in enumerate(self.parameters):
            if a.grad is None:
                continue
            D = self.momenta[i] = laid_out_like(a.data, self.momenta[i])
            gradient = laid_out_like(a.data, a.grad)
            order = memory_order(a.data)  # of a conv weight: channels last
            flat = [x.transpose(order).reshape(-1) for x in (a.data, D, gradient)]
            updates.append((flat, decay_of(a, self.weight_decay)))

        def move(part):
            # Each core takes the same part of every array: it is woken once, not once a parameter.
            for (a, D, gradient), decay in updates:
                own = slice(part.start * len(a) // PARTS, part.stop * len(a) // PARTS)
                numbers = self.momentum, self.lr, decay
                kernels_for(a).momentum_step(a[own], D[own], gradient[own], *numbers)  # (4)

        in_shares(move, PARTS, *(flat[0] for flat, _ in updates))

    def refuse_newcomers(self) -> None:
        """ValueError for a parameter that the module did not have when the optimizer was made."""
        if self.module is None:
            return
        own = {id(p) for p in self.parameters}
        for name, parameter in self.module.found_parameters():
            if id(parameter) not in own:
                raise ValueError(f"SGD: {name} is new in the module and would not be trained; make a new SGD after it")

    @knowing_pytorch
    def zero_grad(self) -> None:
        """Forget the gradients; backward() adds to what is there."""
        for parameter in self.parameters:
            parameter.grad = None

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Called for a name that is not there: AttributeError with the cure."""
            raise missing("SGD", name, dir(self), OPTIMIZER)

    def state_dict(self) -> dict:
        """lr and a copy of each D, for a checkpoint."""
        return {"lr": self.lr, "steps": [D.copy() for D in self.momenta]}

    def load_state_dict(self, state: dict) -> None:
        """Restore what state_dict() gave; ValueError when the shapes differ."""
        if [D.shape for D in state["steps"]] != [D.shape for D in self.momenta]:
            raise ValueError("SGD.load_state_dict: the saved steps belong to other parameters; load this model's")
        self.lr = state["lr"]
        for D, saved in zip(self.momenta, state["steps"], strict=True):
            D[...] = saved


def as_parameters(parameters: Iterable[Parameter]) -> list[Parameter]:
    """A list of them; TypeError or ValueError for what cannot be trained, or would be trained twice."""
    if isinstance(parameters, Tensor):
        name = type(parameters).__name__
        raise ValueError(f"SGD: got a {name} alone, whose rows are no leaf tensors; pass a list, [parameter]")
    try:
        found = list(parameters)
    except TypeError:  # a module, say
        raise TypeError(f"SGD: got a {type(parameters).__name__}; pass model.parameters()") from None
    if not found:
        raise ValueError("SGD: got no parameters (or an iterator that was used up); pass model.parameters()")
    if not all(isinstance(p, Tensor) for p in found):
        raise TypeError("SGD: expected Tensors only; pass model.parameters(), not named_parameters() or groups")
    if any(p.function is not None or not (p.requires_grad or isinstance(p, Parameter)) for p in found):
        raise ValueError("SGD: can only train leaf tensors with requires_grad=True; pass model.parameters()")
    places: dict[int, int] = {}
    for i, parameter in enumerate(found):
        if (first := places.setdefault(id(parameter), i)) != i:
            raise ValueError(f"SGD: parameter {i} is parameter {first} again and would move twice; give each once")
    return found


def decay_of(parameter: Tensor, weight_decay: float) -> float:
    """The decay that (4) applies to a parameter: weight_decay, or none where the parameter is exempt."""
    return weight_decay if getattr(parameter, "weight_decay", True) else 0.0


def laid_out_like(a, x):
    """x itself if it has a's dtype, device and order in memory, as D and the gradient usually do; else a copy."""
    order = memory_order(a)
    if not a.transpose(order).flags.c_contiguous:
        raise ValueError("SGD: a parameter's array must fill its memory; assign a copy (p.data = x.copy())")
    x = to_device(x, device_of(a))
    if x.dtype == a.dtype and x.transpose(order).flags.c_contiguous:
        return x
    copy = array_module(a).empty_like(a)
    copy[...] = x
    return copy
