"""What a module's attributes hold out of sight: layers in lists, in functions, in objects of other kinds.

A Module finds its parts among its attributes. A layer inside a list, a dict, a closure or a class attribute computes as
well as any other, and is never trained: nothing looks for it there. So `refuse_hidden` does.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import sys
import types
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any

import numpy as np

from minidelve.errors import shown
from minidelve.tensor import Function, Tensor

MAPPINGS = (dict, collections.UserDict, types.MappingProxyType)
# Known ones alone: to go through somebody's own sequence may be to decode every image of a data set.
ROWS = (list, tuple, set, frozenset, collections.deque, collections.UserList, KeysView, ValuesView, ItemsView)
CONTAINERS = (*MAPPINGS, *ROWS, np.ndarray)
PLAIN = {int, float, bool, str, type(None), np.random.Generator}
# A Tensor's graph leads to the parameters of whatever made it, which are somebody else's.
CLOSED = (str, bytes, bytearray, range, memoryview, type, types.ModuleType, Tensor, Function)
STRANGERS = {*sys.stdlib_module_names, "numpy", "cupy", "numba", "matplotlib", "PIL", "tqdm"}  # objects of theirs


def refuse_hidden(module: Any, wanted: tuple[type, ...]) -> None:
    """TypeError if a part is held where the module does not find it, or if a Tensor should be a Parameter.

    wanted   what a part is an instance of: Module, Parameter
    """
    known = module.known()
    for prefix, owner in module.named_modules():
        for name, value in held_by(owner, wanted):
            where = f"{prefix}.{name}" if prefix else name
            if isinstance(value, Tensor) and not isinstance(value, wanted) and is_leaf(value):
                raise TypeError(f"{where} is a Tensor, which is not trained; make it a Parameter")
            for path, part in look(value, wanted, where):
                if id(part) not in known:
                    raise TypeError(
                        f"{path}: a {type(part).__name__} there would not be trained; only a module's own "
                        "attributes are found: use Sequential, or setattr for each"
                    )


def held_by(module: Any, wanted: tuple[type, ...]) -> Iterator[tuple[str, Any]]:
    """(name, object) for what a module and its class hold, but for the parts that are found."""
    for name, value in own_attributes(module):
        if name != "hook" and not (name in vars(module) and isinstance(value, wanted)):
            yield name, value
    for kind in type(module).__mro__:
        if kind is not object and not kind.__module__.startswith("minidelve."):  # ours hold no layers
            yield from ((name, value) for name, value in vars(kind).items() if name not in ("__dict__", "__weakref__"))


def is_leaf(tensor: Tensor) -> bool:
    """Whether it wants a gradient and nothing made it: what a Parameter is, and a Tensor may be."""
    return tensor.requires_grad and tensor.function is None


def look(value: Any, wanted: tuple[type, ...], path: str, seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """(where, object) for every instance of `wanted` that `value` holds; such as ("blocks[0]", Linear(...)).

    path   what `value` itself is called
    seen   ids of what has been looked into; what is found is not looked into
    """
    if type(value) in PLAIN:  # the usual case
        return
    seen = set() if seen is None else seen
    stack = [(path, value)]
    while stack:  # not recursive: a list may hold a list a thousand times over
        path, value = stack.pop()
        if isinstance(value, wanted):
            yield path, value
        elif type(value) not in PLAIN and not isinstance(value, CLOSED) and id(value) not in seen:
            seen.add(id(value))
            stack += reversed([(path + step, inner) for step, inner in inside(value)])


def inside(value: Any) -> Iterator[tuple[str, Any]]:
    """(step, object) for what a container, a function or any other object holds directly."""
    if isinstance(value, MAPPINGS):
        for key, inner in value.items():
            yield f"[{shown(key)}]", inner
            yield " (a key)", key
    elif isinstance(value, np.ndarray):
        if value.dtype == object:
            yield from ((f"[{i}]", inner) for i, inner in enumerate(value.flat))
    elif isinstance(value, ROWS):
        yield from ((f"[{i}]", inner) for i, inner in enumerate(value))
    elif isinstance(value, types.FunctionType):
        yield from ((" (a default)", inner) for inner in value.__defaults__ or ())
        yield from ((" (a default)", inner) for inner in (value.__kwdefaults__ or {}).values())
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            if name != "__class__" and (held := content_of(cell)):
                yield f" (its {name})", held[0]
    elif isinstance(value, types.MethodType):
        yield " (a method)", value.__self__
        yield "", value.__func__
    elif isinstance(value, functools.partial | functools.partialmethod):
        yield " (a partial)", value.func
        yield from ((" (an argument)", inner) for inner in (*value.args, *value.keywords.values()))
    elif isinstance(value, types.GeneratorType):
        yield from (
            (f" (its {name})", inner) for name, inner in (value.gi_frame.f_locals if value.gi_frame else {}).items()
        )
    elif isinstance(value, Iterator):
        with contextlib.suppress(TypeError):  # what it goes over, if it tells
            yield from ((" (an iterator)", inner) for inner in value.__reduce__()[1])
    elif isinstance(value, staticmethod | classmethod | property):
        yield "", value.fget if isinstance(value, property) else value.__func__
    elif isinstance(value, types.SimpleNamespace) or type(value).__module__.partition(".")[0] not in STRANGERS:
        yield from ((f".{name}", inner) for name, inner in own_attributes(value))


def own_attributes(value: Any) -> Iterator[tuple[str, Any]]:
    """(name, object) for the attributes of an object itself, in its dict and in its class's slots."""
    yield from list(getattr(value, "__dict__", {}).items())
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                yield name, getattr(value, name)


def content_of(cell: Any) -> tuple[Any, ...]:
    """What a closure's cell holds, alone in a tuple; () for one that holds nothing yet."""
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()
