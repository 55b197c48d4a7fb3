r"""Tensor and Function: the graph that a forward pass leaves behind, and the walk back through it.

Define-by-run. Every op is a Function object with two methods on raw arrays,

    forward(*inputs)  -> output          and          backward(dE/doutput) -> dE/dinputs.

Calling an op runs forward and, if an input wants a gradient, keeps the object as a node:

    x ----\
           Multiply --> y -----\                  a Tensor knows the Function that made it,
    w ----/                 Add ---> loss         a Function knows its sources: the Functions
    b ---------------------/                      (or leaf Tensors) that its inputs came from

An edge holds the *Function* behind an input, not the input's array. An array that no backward
saved is therefore freed as soon as Python forgets it, which keeps training memory low.

`loss.backward()` is the chain rule in reverse topological order: when a node's turn comes, all
its consumers have already sent their share of dE/doutput, and shares add up.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from minidelve.backend import array_module, as_taken, device_of, held, to_device
from minidelve.errors import shown
from minidelve.pytorch_names import refuse_calls

_recording = ContextVar("minidelve_recording", default=True)
refuse_calls(__name__)  # minidelve.tensor([1, 2]) is PyTorch's


@contextmanager
def no_grad() -> Iterator[None]:
    """Inside this block (or a function decorated with it) ops leave no graph behind."""
    token = _recording.set(False)
    try:
        yield
    finally:
        _recording.reset(token)


class Tensor:
    """An array that remembers how it was made.

    data            array, number, or nested lists. It may be assigned later, outside the graph
    requires_grad   ask backward() for dE/d(this tensor) in .grad; needs a floating dtype

    Raises TypeError for data that are not numbers, and for requires_grad with another dtype.

    One rule for dtypes (backend/dtypes.py keeps it):

        held        float32, float64, integers and bool, as they come. Python's floats and float16 become float32. All
                    else is refused: complex numbers, text, objects, masked arrays, ...
        computed    in the widest float of an op's inputs. Without any, + - * ** max and the like are exact, in int64,
                    and all else is computed in float32, division and mean too
        moved       by reshape, indexing and max(axis) in the dtype they have
        numbers     of Python, NumPy's scalars, arrays without axes, and lists take the dtype of the tensor beside them

    An array of another order of bytes, or one that cannot be written, is copied. Any strides will do.

    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> w.grad.tolist()
    [2.0, 4.0]
    """

    __array_ufunc__ = None  # ndarray + Tensor must reach our __radd__, not loop over elements

    if TYPE_CHECKING:  # attached by minidelve/ops/__init__.py: the ops import this file, so it cannot import them

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
        T: Tensor

    def __init__(self, data: Any, requires_grad: bool = False):
        self._data, self._requires_grad = as_array(data), False
        self.grad: Any = None
        self.function: Function | None = None
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

    # -- what it is ---------------------------------------------------------------------------
    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        return Count(self.data.size)

    @property
    def device(self) -> str:
        return device_of(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        made = f", made by {type(self.function).__name__}" if self.function else ""
        wants = ", requires_grad=True" if self.requires_grad and not made else ""
        where = ", device=cuda" if self.device == "cuda" else ""
        return f"{type(self).__name__}({self.data}, dtype={self.dtype}{where}{wants}{made})"

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"the truth of a tensor of shape {self.shape} is ambiguous; reduce it first")
        return bool(self.data)

    __hash__ = object.__hash__  # == compares elements, but a tensor is itself in sets and dicts

    def item(self) -> float:
        """The only element as a Python number; ValueError if there is not exactly one."""
        if self.size != 1:
            raise ValueError(f"item() needs exactly one element; this tensor has shape {self.shape}")
        return self.data.item()

    def __float__(self) -> float:
        return float(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.requires_grad:
            raise TypeError("NumPy would lose the gradient of this tensor; write t.data or t.detach() to drop it")
        if self.device == "cuda":
            raise TypeError("this tensor lives on the GPU; NumPy expects one on the CPU; write t.to('cpu')")
        return np.array(self.data, dtype=dtype, copy=copy)

    # -- where it lives -----------------------------------------------------------------------
    def detach(self) -> Tensor:
        """The same array outside the graph (no copy)."""
        return Tensor(self.data)

    def to(self, device: str) -> Tensor:
        """This tensor on "cpu" or "cuda"; gradients flow back through the move.

        A leaf moved to another device is a new tensor made from it. Raises RuntimeError
        when CUDA cannot be used, ValueError for an unknown device.
        """
        if device == self.device:
            return self
        return _ToDevice.apply(self, device=device)

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
        if not self.requires_grad:
            raise RuntimeError("backward() has nothing to do: no input of this tensor has requires_grad=True; set it")
        xp = array_module(self.data)
        if gradient is None:
            if self.size != 1:
                raise ValueError(
                    f"backward() of a tensor of shape {self.shape} needs a gradient of that shape; reduce to one "
                    "element first (loss.mean()), or pass gradient="
                )
            gradient = xp.ones_like(self.data)
        gradient = xp.asarray(as_array(gradient, beside=self.dtype), dtype=self.dtype)
        if self.function is None:
            gradient = gradient.copy()  # a leaf owns its .grad
        if gradient.shape != self.shape:
            raise ValueError(f"backward(): gradient has shape {gradient.shape}; expected {self.shape}")

        arrived: dict[int, Any] = {id(self.node): gradient}
        order = reverse_topological_order(self.node)
        _refuse_freed(order)
        for node in order:
            df = arrived.pop(id(node))
            if isinstance(node, Tensor):
                sum_ = df if node.grad is None else node.grad + df
                node.grad = held(array_module(sum_).asarray(sum_))  # 0-d sums are NumPy scalars, some views read-only
                continue
            node.retain_graph = retain_graph
            gradients = node.run_backward(df)
            for i, (source, gradient) in enumerate(zip(node.sources, gradients, strict=True)):
                if source is None:
                    continue
                earlier, others = arrived.get(id(source)), (*gradients[:i], *gradients[i + 1 :])
                if earlier is not None:
                    gradient = earlier + gradient  # not +=: `earlier` may be an array that others hold too
                elif isinstance(source, Tensor) and _overlaps(gradient, (df, *node.saved, *others)):
                    gradient = gradient.copy()  # a leaf owns its .grad: scaling it must change nothing else
                arrived[id(source)] = gradient
            if not retain_graph:
                node.free()

    @property
    def node(self) -> Node:
        """Where the walk back arrives for this tensor: the Function that made it, or the leaf itself."""
        return self.function or self


class Count(int):
    """How many elements there are, as in NumPy; PyTorch's size is a method, and is told so when it is called."""

    def __call__(self, *axis: Any) -> NoReturn:
        raise TypeError(
            "t.size is the number of elements; write t.shape for PyTorch's t.size(), t.shape[0] for t.size(0)"
        )


class Function:
    """One op: forward, backward, and what the one saves for the other.

    A subclass writes

        def forward(self, x, w, *, stride): ...; self.save(x, w); return y     raw arrays in, one out
        def backward(self, df): x, w = self.saved; ...; return dx, dw           one gradient per input

    and is called as `Op.apply(x, w, stride=2)` on Tensors (None for an optional input). backward may
    return None for an input with self.needs[i] False, and must not write into df or into what it saved.

    The arrays come in one floating dtype, unless `takes` lets integers in: "numbers" or "any" (backend/dtypes.py).
    """

    takes = "floats"
    saved: tuple[Any, ...] = ()
    needs: tuple[bool, ...] = ()
    sources: tuple[Node | None, ...] = ()
    shape: tuple[int, ...] = ()
    dtype: np.dtype
    freed = False
    retain_graph = False  # of the walk that is under way; for a Function that holds graphs of its own

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


Node = Function | Tensor


class _ToDevice(Function):
    takes = "any"

    def forward(self, x, *, device):
        self.home = device_of(x)
        return to_device(x, device)

    def backward(self, df):
        return to_device(df, self.home)


def as_array(data: Any, beside: Any = None) -> Any:
    """The array behind `data`, held as Tensor says.

    beside   the dtype of a tensor that data are to be combined with. It is taken by what has none of its own: numbers
             of Python, alone or in lists, and of NumPy. A float beside integers becomes float32

    Raises TypeError for what is not a number or an array of them.
    """
    if isinstance(data, Tensor):
        return data.data
    if hasattr(data, "dtype"):
        array = data if hasattr(data, "__cuda_array_interface__") else np.asanyarray(data)
        own = array.ndim > 0 or beside is None
    else:
        array, own = _array_from(data), hasattr(data, "__array__")
    if not own and array.dtype.kind in "fiub":
        if beside is not None and beside.kind == "f":
            array = array.astype(beside, copy=False)
        elif array.dtype.kind == "f":
            array = array.astype(np.float32, copy=False)
    return held(array)


def _array_from(data: Any) -> np.ndarray:
    """Numbers of Python, in lists or alone, as NumPy reads them."""
    try:
        array = np.array(data)
    except ValueError:  # rows of unequal length
        array = np.array(None)
    if array.dtype.kind in "fiub":
        return array
    raise TypeError(f"a tensor holds numbers, or lists of them of one length; got {shown(data)} (dtype {array.dtype})")


def _refuse_gradient_of(array: Any, wanted: bool) -> None:
    if wanted and array.dtype.kind != "f":
        raise TypeError(f"a tensor of {array.dtype} has no gradient; use a floating dtype such as float32")


def refuse_bare_arrays(op: str, *inputs: Any, optional: Sequence[Any] = ()) -> None:
    """TypeError with the cure if an input of the op is no Tensor; an optional one may be None."""
    for x in (*inputs, *(x for x in optional if x is not None)):
        if not isinstance(x, Tensor):
            raise TypeError(f"{op} works on Tensors; got a {type(x).__name__}: wrap it, Tensor(x)")


def refuse_options_by_place(op: type[Function], inputs: tuple[Any, ...]) -> None:
    """TypeError with the cure if a number stands where forward has an option: ELU.apply(y, alpha)."""
    takes = list(inspect.signature(op.forward).parameters.values())[1:]
    for parameter, x in list(zip(takes, inputs))[1:]:
        if isinstance(x, str | int | float | np.generic) and parameter.kind is not parameter.VAR_POSITIONAL:
            call = f"{op.__name__}.apply({takes[0].name}, {parameter.name}={shown(x)})"
            raise TypeError(f"{op.__name__}: {parameter.name} is no Tensor; options are given by name: {call}")


def reverse_topological_order(root: Node) -> list[Node]:
    """Every node reachable from root, each before its sources.

    Iterative: Python's recursion limit would stop a recursive walk after 1,000 ops.
    """
    order: list[Node] = []
    seen = {id(root)}
    stack = [(root, iter(sources_of(root)))]
    while stack:
        node, sources = stack[-1]
        for source in sources:
            if source is not None and id(source) not in seen:
                seen.add(id(source))
                stack.append((source, iter(sources_of(source))))
                break
        else:  # all sources are in the list already
            order.append(node)
            stack.pop()
    return order[::-1]


def sources_of(node: Node) -> tuple[Node | None, ...]:
    """The nodes one step further back; a leaf has none."""
    return node.sources if isinstance(node, Function) else ()


def _refuse_freed(order: list[Node]) -> None:
    for node in order:
        if isinstance(node, Function) and node.freed:
            raise RuntimeError(
                f"backward() needs {type(node).__name__} a second time, but the first backward() freed what it had "
                "saved; call the first one with retain_graph=True, or run the forward pass again"
            )


def _overlaps(x: Any, others: tuple[Any, ...]) -> bool:
    if x.base is None:  # the usual case, and quick to tell: its memory belongs to it and to its views
        return any(other is x or getattr(other, "base", None) is x for other in others)
    xp = array_module(x)
    return any(xp.may_share_memory(x, other) for other in others if isinstance(other, type(x)))
