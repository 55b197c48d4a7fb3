"""Reductions: sum, mean, max, min, var, std over some axes.

    f = sum_i x_i        df/dx_i = 1
    f = mean_i x_i       df/dx_i = 1 / n
    f = max_i x_i        df/dx_i = 1 / (number of maxima)  if x_i is one, else 0

Each backward spreads df over the elements that were reduced. Elements that tie for the maximum share the gradient
evenly; min is max's mirror image. The variance is the mean squared distance from the mean, the deviation its root.

>>> x = Tensor([[1.0, 5.0], [7.0, 3.0]], requires_grad=True)
>>> x.max(axis=1).sum().backward()
>>> x.grad.tolist()
[[0.0, 1.0], [1.0, 0.0]]
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from minidelve.backend import array_module, as_taken
from minidelve.errors import shown
from minidelve.ops.elementwise import Sqrt, multiply, subtract
from minidelve.tensor import Function, Tensor, refuse_bare_arrays

# Below, sum, max and min are this file's ops, not Python's.
Axis = int | tuple[int, ...] | None


class Sum(Function):
    takes = "any"

    def forward(self, x, *, axis, keepdims):
        self.x_shape, self.kept = x.shape, kept_shape(x.shape, axis)
        if x.dtype.itemsize == 8:  # others NumPy widens while it adds
            (x,) = as_taken("numbers", [x])
        return x.sum(axis=axis, keepdims=keepdims, dtype=x.dtype if x.dtype.kind == "f" else np.int64)

    def backward(self, df):
        return array_module(df).broadcast_to(df.reshape(self.kept), self.x_shape)


class Max(Function):
    takes = "any"

    def forward(self, x, *, axis, keepdims):
        self.axes = axes(axis, x.ndim)
        f = self.extreme(x)
        self.save((x == f) | (x != x))  # a NaN is the maximum and the minimum, as NumPy has it
        return f if keepdims else f.reshape([n for i, n in enumerate(x.shape) if i not in self.axes])

    def extreme(self, x):
        return x.max(axis=self.axes, keepdims=True)

    def backward(self, df):
        (is_max,) = self.saved
        count = is_max.sum(axis=self.axes, keepdims=True).astype(df.dtype)
        return array_module(df).where(is_max, df.reshape(count.shape) / count, df.dtype.type(0))


class Min(Max):
    def extreme(self, x):
        return x.min(axis=self.axes, keepdims=True)


class Deviation(Sqrt):
    """The square root of a variance. At 0 all numbers are equal, the variance has slope 0, and so has its root."""

    def backward(self, df):
        (f,) = self.saved
        xp = array_module(df)
        return xp.where(f == 0, df.dtype.type(0), df / (2 * xp.where(f == 0, df.dtype.type(1), f)))


def axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """`axis` as a tuple of non-negative ints; None means all.

    Raises ValueError for one that does not exist, TypeError for what is no axis, such as keepdims in its place.
    """
    for part in axis if isinstance(axis, tuple | list) else () if axis is None else (axis,):
        if isinstance(part, bool) or not isinstance(part, int | np.integer):
            what = f"a {type(part).__name__}" if isinstance(part, Tensor) else shown(axis)
            cure = "; write maximum(x, y) or minimum(x, y) for the one of two" if isinstance(part, Tensor) else ""
            raise TypeError(f"axis is {what}; expected an integer, a tuple of them or None{cure}")
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)


def kept_shape(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """The shape after a reduction with keepdims=True."""
    reduced = axes(axis, len(shape))
    return tuple(1 if i in reduced else n for i, n in enumerate(shape))


def varies(x: Tensor, axis: Axis) -> Tensor:
    """Whether the elements over `axis`, which is kept, are not all equal."""
    reduced = axes(axis, x.ndim)
    first = x.data[tuple(slice(1) if i in reduced else slice(None) for i in range(x.ndim))]
    return Tensor((x.data != first).any(axis=reduced, keepdims=True))


def sum(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum over `axis` (int, tuple or None for all)."""
    return Sum.apply(x, axis=axis, keepdims=keepdims)


def mean(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean over `axis`."""
    refuse_bare_arrays("mean", x)
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
    return Min.apply(x, axis=axis, keepdims=keepdims)


def argmax(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The place of the largest element over `axis`, the first one of several: integers, in a tensor outside the graph.

    Without `axis` the place is counted through all elements, row after row.
    """
    refuse_bare_arrays("argmax", x)
    if isinstance(axis, tuple | list):
        raise TypeError(f"argmax: axis is {shown(axis)}; expected an integer or None")
    axes(axis, x.ndim)
    return Tensor(x.data.argmax(axis=axis, keepdims=keepdims))


def var(x: Tensor, axis: Axis = None, *, keepdims: bool = False, ddof: int = 0) -> Tensor:
    """The variance over `axis`, divided by n - ddof: by n, as NumPy's; PyTorch's divides by n - 1, ddof=1."""
    refuse_bare_arrays("var", x)
    # The mean of equal numbers can be a rounding error away from them: they vary by 0 all the same.
    centred = multiply(subtract(x, mean(x, axis, keepdims=True)), varies(x, axis))
    return _divided(sum(multiply(centred, centred), axis, keepdims), x, axis, ddof)


def std(x: Tensor, axis: Axis = None, *, keepdims: bool = False, ddof: int = 0) -> Tensor:
    """The standard deviation over `axis`, the root of var; of equal numbers it is 0, and so is its gradient."""
    return Deviation.apply(var(x, axis, keepdims=keepdims, ddof=ddof))
