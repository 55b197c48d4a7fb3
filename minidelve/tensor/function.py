"""Function: one op, how it is called, and what it leaves in the graph; no_grad, inside which it leaves nothing."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from minidelve.backend import array_module, as_taken
from minidelve.errors import shown
from minidelve.tensor.tensor import Tensor
from minidelve.tensor.walk import Node

_recording = ContextVar("minidelve_recording", default=True)


@contextmanager
def no_grad() -> Iterator[None]:
    """Inside this block (or a function decorated with it) ops leave no graph behind."""
    token = _recording.set(False)
    try:
        yield
    finally:
        _recording.reset(token)


class Function:
    """One op: forward, backward, and what the one saves for the other.

    A subclass writes

        def forward(self, x, w, *, stride): ...; self.save(x, w); return y     raw arrays in, one out
        def backward(self, df): x, w = self.saved; ...; return dx, dw           one gradient per input

    and is called as `Op.apply(x, w, stride=2)` on Tensors (None for an optional input). backward may
    return None for an input with self.needs[i] False, and must not write into df or into what it saved.

    The arrays come in one floating dtype, unless `takes` lets integers in: "numbers" or "any" (backend/dtypes.py).

    saved          what forward has kept for backward
    needs          of each input, whether it wants a gradient
    sources        of each input, the node behind it; None if it wants no gradient
    shape, dtype   of the output
    freed          whether a backward() has let go of what was saved
    retain_graph   of the walk that is under way; for a Function that holds graphs of its own
    """

    takes = "floats"
    saved: tuple[Any, ...] = ()
    needs: tuple[bool, ...] = ()
    sources: tuple[Node | None, ...] = ()
    shape: tuple[int, ...] = ()
    dtype: np.dtype
    freed = False
    retain_graph = False

    def forward(self, *arrays: Any, **options: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, df: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    @classmethod
    def apply(cls, *inputs: Tensor | None, **options: Any) -> Tensor:
        """Run forward on the inputs' arrays; become a node of the graph if an input wants a gradient."""
        if not all(x is None or isinstance(x, Tensor) for x in inputs):
            refuse_options_by_place(cls, inputs)
        refuse_bare_arrays(cls.__name__, *inputs[:1], optional=inputs[1:])
        function = cls()
        recording = _recording.get()
        function.needs = tuple(recording and x is not None and x.requires_grad for x in inputs)
        arrays = as_taken(cls.takes, [None if x is None else x.data for x in inputs])
        y = Tensor(function.forward(*arrays, **options))
        if any(function.needs) and y.dtype.kind == "f":
            function.sources = tuple(
                x.node if x is not None and needed else None for x, needed in zip(inputs, function.needs, strict=True)
            )
            function.shape, function.dtype = y.shape, y.dtype
            y.function, y.requires_grad = function, True
        return y

    def save(self, *arrays: Any) -> None:
        """Keep what backward will need; nothing is kept when no input wants a gradient."""
        if any(self.needs):
            self.saved = arrays

    def run_backward(self, df: Any) -> tuple[Any, ...]:
        """backward(df) with its promises checked; gradients get their source's dtype."""
        name = type(self).__name__
        gradients = self.backward(df)
        gradients = list(gradients) if isinstance(gradients, (tuple, list)) else [gradients]
        if len(gradients) != len(self.sources):
            expected = f"{len(self.sources)}, one per input"
            raise RuntimeError(f"{name}.backward returned {len(gradients)} gradients; expected {expected}")
        for i, (source, gradient) in enumerate(zip(self.sources, gradients, strict=True)):
            if source is None:
                continue
            if gradient is None or np.shape(gradient) != source.shape:
                got = "None" if gradient is None else f"shape {np.shape(gradient)}"
                raise RuntimeError(f"{name}.backward returned {got} for input {i}; expected shape {source.shape}")
            home = gradient if hasattr(gradient, "dtype") else df  # a bare number is at home everywhere
            gradients[i] = array_module(home).asarray(gradient, dtype=source.dtype)
        return tuple(gradients)

    def free(self) -> None:
        """Let go of the saved arrays and of the graph behind this node."""
        self.saved, self.sources, self.freed = (), (), True


def refuse_bare_arrays(op: str, *inputs: Any, optional: Sequence[Any] = ()) -> None:
    """TypeError with the cure if an input of the op is no Tensor; an optional one may be None."""
    for x in (*inputs, *(x for x in optional if x is not None)):
        if not isinstance(x, Tensor):
            kind = type(x).__name__ if type(x).__name__ != "Tensor" else f"{type(x).__module__}.Tensor"
            raise TypeError(f"{op} works on Tensors; got a {kind}: wrap it, Tensor(x)")


def refuse_options_by_place(op: type[Function], inputs: tuple[Any, ...]) -> None:
    """TypeError with the cure if a number stands where forward has an option: ELU.apply(y, alpha).

    The first input is an array in every op, so a number in its place is told to become a Tensor.
    """
    takes = list(inspect.signature(op.forward).parameters.values())[1:]  # without self
    for parameter, x in list(zip(takes, inputs))[1:]:
        if isinstance(x, str | int | float | np.generic) and parameter.kind is not parameter.VAR_POSITIONAL:
            call = f"{op.__name__}.apply({takes[0].name}, {parameter.name}={shown(x)})"
            raise TypeError(f"{op.__name__}: {parameter.name} is no Tensor; options are given by name: {call}")
