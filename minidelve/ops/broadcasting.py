"""Two operands of an op: numbers and arrays become Tensors, and shapes that differ are broadcast as NumPy does.

Broadcasting copies an element to many places, and `unbroadcast` leads the gradients of the copies back to it.
Each copy moves the loss by its own share, so the gradients add up.

>>> x, b = Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([10.0, 20.0], requires_grad=True)
>>> (x + b).sum().backward()
>>> b.grad.tolist()                       # each b was used in two rows
[2.0, 2.0]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidelve.backend import array_module, device_of
from minidelve.tensor import Function, Tensor, as_array


def pair(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Both operands as Tensors. A number takes the other's dtype: 2 * float64 and np.float64(2) * float32 stay so."""
    if not isinstance(x, Tensor) and not isinstance(y, Tensor):
        x, y = (x, Tensor(y)) if np.ndim(x) == 0 else (Tensor(x), y)
    x, y = (x, _beside(y, x)) if isinstance(x, Tensor) else (_beside(x, y), y)
    device_of(x.data, y.data)  # refuses a mixture, in words that say what to do
    return x, y


def _beside(x: Any, tensor: Tensor) -> Tensor:
    if isinstance(x, Tensor):
        return x
    array = as_array(x, beside=tensor.dtype)
    return Tensor(array if array.ndim else array_module(tensor.data).asarray(array))


def unbroadcast(df: Any, shape: tuple[int, ...]) -> Any:
    """The gradient of an array of `shape` that was broadcast, given df, which has a number for each of its copies."""
    if df.ndim > len(shape):
        df = df.sum(axis=tuple(range(df.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and df.shape[i] != 1)
    return df.sum(axis=stretched, keepdims=True)


class Binary(Function):
    """An op of two operands that are broadcast to one shape."""

    takes = "numbers"

    def unbroadcast(self, dx: Any, dy: Any) -> tuple[Any, ...]:
        """Both gradients in the shapes of their operands; None for one that wants none."""
        return tuple(
            None if s is None else d if d.shape == s.shape else unbroadcast(d, s.shape)
            for d, s in zip((dx, dy), self.sources)
        )
