"""Tensor: an array that remembers how it was made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from minidelve.backend import array_module, capsule
from minidelve.errors import shown
from minidelve.tensor.array import HeldArray, as_array
from minidelve.tensor.walk import Node, walk_back


class Tensor(HeldArray):
    """An array that remembers how it was made.

    data            array of any library, number, or nested lists. It may be assigned later, outside the graph
    requires_grad   ask backward() for dE/d(this tensor) in .grad; needs a floating dtype

    Raises TypeError for data that are not numbers or want a gradient elsewhere, and for requires_grad with another
    dtype.

    One rule for dtypes (backend/dtypes.py keeps it):

        held        float32, float64, integers and bool, as they come. Python's floats and float16 become float32. All
                    else is refused: complex numbers, text, objects, masked arrays, ...
        computed    in the widest float of an op's inputs. Without any, + - * ** max and the like are exact, in int64,
                    and all else is computed in float32, division and mean too
        moved       by reshape, indexing and max(axis) in the dtype they have
        numbers     of Python, NumPy's scalars, arrays without axes, and lists take the dtype of the tensor beside them

    An array of another order of bytes, or one that cannot be written, is copied. Any strides will do. All others are
    shared: the tensor holds that very memory. So it is with the arrays of other libraries, PyTorch's for one, and with
    what they make of a tensor (torch.from_dlpack(t), torch.as_tensor(t)): both go by DLPack (backend/foreign.py).

    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> w.grad.tolist()
    [2.0, 4.0]
    """

    def __init__(self, data: Any, requires_grad: bool = False):
        self._data, self._requires_grad = as_array(data), False
        self.grad: Any = None
        self.function: Any = None  # that made it; None for a leaf
        if not isinstance(requires_grad, bool | np.bool_):  # Tensor(2, 3), as torch.Tensor(2, 3)
            cure = "write Tensor(np.zeros(shape, np.float32)) for an array of a shape"
            raise TypeError(f"Tensor: requires_grad is {shown(requires_grad)}; expected True or False; {cure}")
        self.requires_grad = requires_grad

    @property
    def data(self) -> Any:
        """The array. What is assigned comes through the same door as the first one."""
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        array = as_array(data)
        _refuse_gradient_of(array, self._requires_grad)
        self._data = array

    @property
    def requires_grad(self) -> bool:
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        _refuse_gradient_of(self._data, wanted)
        self._requires_grad = wanted

    def __repr__(self) -> str:
        made = f", made by {type(self.function).__name__}" if self.function else ""
        wants = ", requires_grad=True" if self.requires_grad and not made else ""
        where = ", device=cuda" if self.device == "cuda" else ""
        return f"{type(self).__name__}({self.data}, dtype={self.dtype}{where}{wants}{made})"

    __hash__ = object.__hash__  # == compares elements, but a tensor is itself in sets and dicts

    def numpy(self) -> np.ndarray:
        """The array, not a copy of it; TypeError for a tensor that wants a gradient or lives on the GPU."""
        if self.requires_grad:
            raise TypeError("NumPy would lose the gradient of this tensor; write t.data or t.detach() to drop it")
        if self.device == "cuda":
            raise TypeError("this tensor lives on the GPU; NumPy expects one on the CPU; write t.to('cpu')")
        return self.data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
    ) -> Any:
        """The array for another library, which calls this: torch.from_dlpack(t), np.from_dlpack(t).

        Raises BufferError for a tensor that wants a gradient, and for one with negative strides, such as t[::-1].
        """
        if self.requires_grad:
            raise BufferError("another library would lose the gradient of this tensor; write t.detach() to drop it")
        return capsule(self.data, copy, stream=stream, max_version=max_version, dl_device=dl_device)

    def detach(self) -> Tensor:
        """The same array outside the graph (no copy)."""
        return Tensor(self.data)

    # -- in-place writes would make saved arrays lie -------------------------------------------
    def _no_write(self, *_: Any) -> NoReturn:
        raise TypeError(
            "a Tensor cannot be written in place: backward() may still need the old values. Write t = t + x "
            "instead of t += x, build new tensors with concat(...), or change t.data outside the graph"
        )

    __setitem__ = __iadd__ = __isub__ = __imul__ = __itruediv__ = __ipow__ = __imatmul__ = _no_write

    # -- the walk back ------------------------------------------------------------------------
    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Add dE/dleaf to .grad of every leaf that this tensor was computed from.

        gradient      dE/d(this tensor), same shape; may be left out for a single element (then 1)
        retain_graph  keep what the forward pass saved, so that a second backward() is possible

        Raises RuntimeError when nothing here wants a gradient or the graph was freed, ValueError
        for a gradient of another shape.
        """
        self._refuse_backward(gradient)
        if gradient is None:
            gradient = array_module(self.data).ones_like(self.data)  # dE/dE
        walk_back(self.node, self._own_gradient(gradient), retain_graph)

    def _refuse_backward(self, gradient: Any) -> None:
        """Raise what backward() raises before it looks at the gradient."""
        if not self.requires_grad:
            raise RuntimeError("backward() has nothing to do: no input of this tensor has requires_grad=True; set it")
        if gradient is None and self.size != 1:
            raise ValueError(
                f"backward() of a tensor of shape {self.shape} needs a gradient of that shape; reduce to one "
                "element first (loss.mean()), or pass gradient="
            )

    def _own_gradient(self, gradient: Any) -> Any:
        """The gradient that was given as an array of this tensor's dtype, its shape checked."""
        gradient = array_module(self.data).asarray(as_array(gradient, beside=self.dtype), dtype=self.dtype)
        if gradient.shape != self.shape:
            raise ValueError(f"backward(): gradient has shape {gradient.shape}; expected {self.shape}")
        return gradient.copy() if self.function is None else gradient  # a leaf owns its .grad

    @property
    def node(self) -> Node:
        """Where the walk back arrives for this tensor: the Function that made it, or the leaf itself."""
        return self.function or self

    # -- what are ops --------------------------------------------------------------------------
    __array_ufunc__ = None  # ndarray + Tensor must reach our __radd__, not loop over elements

    if TYPE_CHECKING:  # attached by minidelve/ops/__init__.py: the ops import this room, so it cannot import them

        def _binary(self, other: Any) -> Tensor: ...

        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _binary
        __pow__ = __matmul__ = __rmatmul__ = __getitem__ = _binary
        __neg__: Callable[[], Tensor]
        sum: Callable[..., Tensor]
        mean: Callable[..., Tensor]
        max: Callable[..., Tensor]
        min: Callable[..., Tensor]
        var: Callable[..., Tensor]
        std: Callable[..., Tensor]
        exp: Callable[[], Tensor]
        log: Callable[[], Tensor]
        sqrt: Callable[[], Tensor]
        abs: Callable[[], Tensor]
        reshape: Callable[..., Tensor]
        transpose: Callable[..., Tensor]
        permute: Callable[..., Tensor]
        view: Callable[..., Tensor]
        argmax: Callable[..., Tensor]
        to: Callable[[str], Tensor]
        cpu: Callable[[], Tensor]
        graph: Callable[..., Any]  # by minidelve/analysis/notebook.py
        T: Tensor


def _refuse_gradient_of(array: Any, wanted: bool) -> None:
    if wanted and array.dtype.kind != "f":
        raise TypeError(f"a tensor of {array.dtype} has no gradient; use a floating dtype such as float32")
