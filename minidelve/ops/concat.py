"""Concatenation: several tensors end to end along one axis.

    f = [x_1 | x_2 | ... ]

df is cut at the same places, and each x_i gets its own piece.

>>> x, y = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0], requires_grad=True)
>>> (concat([x, y]) * np.array([5.0, 6.0, 7.0])).sum().backward()
>>> x.grad.tolist(), y.grad.tolist()
([5.0, 6.0], [7.0])
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from minidelve.backend import array_module, as_taken
from minidelve.tensor import Function, Tensor, refuse_bare_arrays


class Concat(Function):
    takes = "any"

    def forward(self, *xs, axis):
        self.axis = axis
        self.cuts = np.cumsum([x.shape[axis] for x in xs])[:-1].tolist()
        alike = len({x.dtype for x in xs}) == 1
        return array_module(*xs).concatenate(xs if alike else as_taken("numbers", xs), axis=axis)

    def backward(self, df):
        return array_module(df).split(df, self.cuts, axis=self.axis)


def concat(tensors: Iterable[Tensor], axis: int = 0) -> Tensor:
    """Join tensors along `axis`; of several dtypes in the one that + gives.

    Raises TypeError for what is not a list of tensors, ValueError for an empty one, or when another axis differs in
    length.
    """
    if isinstance(tensors, Tensor) or not isinstance(tensors, Iterable):
        raise TypeError(f"concat: got a {type(tensors).__name__}; expected a list of Tensors")
    tensors = list(tensors)
    refuse_bare_arrays("concat", *tensors)
    if not tensors:
        raise ValueError("concat: got no tensors; expected at least one")
    shapes = [t.shape for t in tensors]
    ndim = len(shapes[0])
    if not -ndim <= axis < ndim:
        raise ValueError(f"concat: axis {axis} is not an axis of shape {shapes[0]}; expected {-ndim} to {ndim - 1}")
    axis %= ndim
    outside = [(len(s), s[:axis], s[axis + 1 :]) for s in shapes]
    if any(other != outside[0] for other in outside):
        raise ValueError(f"concat: shapes {shapes} differ outside axis {axis}; expected equal lengths there")
    return Concat.apply(*tensors, axis=axis)
