"""Reductions: sum, mean, max, min, var, std over some axes.

    f = sum_i x_i        df/dx_i = 1
    f = mean_i x_i       df/dx_i = 1 / n
    f = max_i x_i        df/dx_i = 1 / (number of maxima)  if x_i is one, else 0

Each backward spreads df over the elements that were reduced. Elements that tie for the maximum share the gradient
evenly. min x is -max(-x); the variance is the mean squared distance from the mean.

>>> x = Tensor([[1.0, 5.0], [7.0, 3.0]], requires_grad=True)
>>> x.max(axis=1).sum().backward()
>>> x.grad.tolist()
[[0.0, 1.0], [1.0, 0.0]]
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from minidelve.backend import array_module
from minidelve.ops.elementwise import multiply, negate, sqrt, subtract
from minidelve.tensor import Function, Tensor

# Below, sum, max and min are this file's ops, not Python's.
Axis = int | tuple[int, ...] | None


class Sum(Function):
    def forward(self, x, *, axis, keepdims):
        self.x_shape, self.kept = x.shape, kept_shape(x.shape, axis)
        return x.sum(axis=axis, keepdims=keepdims)

    def backward(self, df):
        return array_module(df).broadcast_to(df.reshape(self.kept), self.x_shape)


class Max(Function):
    def forward(self, x, *, axis, keepdims):
        self.axes = axes(axis, x.ndim)
        f = x.max(axis=self.axes, keepdims=True)
        self.save((x == f) | (x != x))  # a NaN is the maximum, as NumPy has it
        return f if keepdims else f.reshape([n for i, n in enumerate(x.shape) if i not in self.axes])

    def backward(self, df):
        (is_max,) = self.saved
        count = is_max.sum(axis=self.axes, keepdims=True).astype(df.dtype)
        return is_max * (df.reshape(count.shape) / count)


def axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """`axis` as a tuple of non-negative ints; None means all.

    Raises ValueError for one that does not exist, TypeError for what is no axis, such as keepdims in its place.
    """
    for part in axis if isinstance(axis, tuple | list) else () if axis is None else (axis,):
        if isinstance(part, bool) or not isinstance(part, int | np.integer):
            what = f"a {type(part).__name__}" if isinstance(part, Tensor) else f"{part!r:.40}"
            cure = "; write maximum(x, y) or minimum(x, y) for the one of two" if isinstance(part, Tensor) else ""
            raise TypeError(f"axis is {what}; expected an integer, a tuple of them or None{cure}")
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)


def kept_shape(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """The shape after a reduction with keepdims=True."""
    reduced = axes(axis, len(shape))
    return tuple(1 if i in reduced else n for i, n in enumerate(shape))


def sum(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum over `axis` (int, tuple or None for all)."""
    return Sum.apply(x, axis=axis, keepdims=keepdims)


def mean(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean over `axis`."""
    return _divided(sum(x, axis, keepdims), x, axis)


def _divided(total: Tensor, x: Tensor, axis: Axis, ddof: int = 0) -> Tensor:
    """The total by n - ddof, n the number of elements that were added; NaN where that is not above 0."""
    n = math.prod(x.shape[i] for i in axes(axis, x.ndim)) - ddof
    return multiply(total, 1.0 / n if n > 0 else math.nan)


def max(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest element over `axis`; ties share the gradient evenly."""
    return Max.apply(x, axis=axis, keepdims=keepdims)


def min(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest element over `axis`; ties share the gradient evenly."""
    return negate(max(negate(x), axis, keepdims))


def var(x: Tensor, axis: Axis = None, *, keepdims: bool = False, ddof: int = 0) -> Tensor:
    """The variance over `axis`, divided by n - ddof: by n, as NumPy's; PyTorch's divides by n - 1, ddof=1."""
    centred = subtract(x, mean(x, axis, keepdims=True))
    return _divided(sum(multiply(centred, centred), axis, keepdims), x, axis, ddof)


def std(x: Tensor, axis: Axis = None, *, keepdims: bool = False, ddof: int = 0) -> Tensor:
    """The standard deviation over `axis`, the root of var: ddof=0 is NumPy's, ddof=1 PyTorch's."""
    return sqrt(var(x, axis, keepdims=keepdims, ddof=ddof))
