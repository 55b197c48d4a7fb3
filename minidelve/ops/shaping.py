"""Moving elements without changing them: reshape, transpose, indexing.

f holds the same numbers in other places, so backward carries each df back to where its number came from. Where
indexing takes an element several times, its gradients add up.

>>> import numpy as np
>>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> x[np.array([0, 0, 2])].sum().backward()
>>> x.grad.tolist()
[2.0, 0.0, 1.0]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidelve.backend import array_module, device_of, native, to_device
from minidelve.errors import shown
from minidelve.tensor import Function, Tensor, refuse_bare_arrays


class Reshape(Function):
    takes = "any"

    def forward(self, x, *, shape):
        self.x_shape = x.shape
        return x.reshape(shape)

    def backward(self, df):
        return df.reshape(self.x_shape)


class Transpose(Function):
    takes = "any"

    def forward(self, x, *, axes):
        self.back = None if axes is None else tuple(np.argsort([i % x.ndim for i in axes]))
        return x.transpose(axes)

    def backward(self, df):
        return df.transpose(self.back)


class Index(Function):
    takes = "any"

    def forward(self, x, *, index):
        self.index, self.x_shape = beside(x, index), x.shape
        return x[self.index]

    def backward(self, df):
        xp = array_module(df)
        dx = xp.zeros(self.x_shape, df.dtype)
        if is_basic(self.index):
            dx[self.index] = df  # slices and ints name each element at most once
        else:
            xp.add.at(dx, self.index, df)
        return dx


def beside(x: Any, index: Any) -> Any:
    """The index with its arrays on x's device."""
    if isinstance(index, tuple):
        return tuple(beside(x, part) for part in index)
    return to_device(index, device_of(x)) if isinstance(index, np.ndarray) else index


def is_basic(index: Any) -> bool:
    """Whether the index consists of ints, slices, None and ... only (no arrays or lists)."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is Ellipsis or isinstance(part, (int, np.integer, slice)) for part in parts)


def reshape(x: Tensor, *shape: Any) -> Tensor:
    """x with another shape of the same size, as x.reshape(2, -1) or x.reshape((2, -1))."""
    return Reshape.apply(x, shape=shape[0] if len(shape) == 1 else shape)


def view(x: Tensor, *shape: Any) -> Tensor:
    """x with another shape of the same size: PyTorch's name of reshape, and here the same function.

    PyTorch's view refuses an order in memory in which it would have to copy; this one copies. Maps lie channels last
    here, so x.view(N, -1) behind a convolution is such a case. The numbers are those that PyTorch gives.
    """
    if len(shape) == 1 and not isinstance(shape[0], int | np.integer | tuple | list):
        cure = "write Tensor(t.data.view(dtype)) to read the bytes as another dtype"
        raise TypeError(f"view: the shape is {shown(shape[0])}; expected integers; {cure}")
    return reshape(x, *shape)


def transpose(x: Tensor, *axes: Any) -> Tensor:
    """x with its axes permuted, as x.transpose(2, 0, 1) or x.transpose((2, 0, 1)); without `axes` in reverse order.

    Raises ValueError for what is no permutation. Two integers, which PyTorch swaps, are one for a matrix alone; there
    (0, 1) would change nothing, which nobody means.
    """
    if len(axes) == 1 and not isinstance(axes[0], int | np.integer):
        axes = axes[0]
        return Transpose.apply(x, axes=permutation(x, tuple(axes)) if axes is not None else None)
    order = permutation(x, axes) if axes else None
    if order == (0, 1):
        raise ValueError("transpose(0, 1) leaves a matrix as it is; write x.T or x.transpose(1, 0) to swap its axes")
    return Transpose.apply(x, axes=order)


def permute(x: Tensor, *axes: Any) -> Tensor:
    """x with all its axes in another order, as x.permute(2, 0, 1) or x.permute((2, 0, 1)).

    What transpose does, in PyTorch's words: (0, 1) is an order too. Raises ValueError for what is no permutation.
    """
    refuse_bare_arrays("permute", x)
    if len(axes) == 1 and isinstance(axes[0], tuple | list):
        axes = tuple(axes[0])
    return Transpose.apply(x, axes=permutation(x, axes, "permute"))


def permutation(x: Tensor, axes: tuple[Any, ...], op: str = "transpose") -> tuple[int, ...]:
    """`axes` from 0 on; ValueError, with the cure for a pair that PyTorch would swap, unless they permute x's."""
    whole = all(isinstance(i, int | np.integer) and not isinstance(i, bool) and -x.ndim <= i < x.ndim for i in axes)
    order = tuple(int(i) % x.ndim for i in axes) if whole else ()
    if whole and len(set(order)) == 2 < x.ndim:  # PyTorch's
        swapped = list(range(x.ndim))
        swapped[order[0]], swapped[order[1]] = order[1], order[0]
        cure = f"; to swap two, write x.transpose{tuple(swapped)}"
    else:
        cure = ""
    if not whole or sorted(order) != list(range(x.ndim)):
        raise ValueError(f"{op}: axes {axes} of shape {x.shape}; expected each of its {x.ndim} axes once{cure}")
    return order


def getitem(x: Tensor, index: Any) -> Tensor:
    """x[index] with anything NumPy takes as an index (index tensors too)."""
    return Index.apply(x, index=tuple(map(_own, index)) if isinstance(index, tuple) else _own(index))


def _own(part: Any) -> Any:
    """One part of an index; an array is copied, as backward needs it again and the caller may reuse it."""
    part = part.data if isinstance(part, Tensor) else part
    if isinstance(part, (np.ndarray, np.generic)):
        return part.copy()
    return native(part).copy() if hasattr(part, "dtype") else part
