"""An option, declared once: name, type, default, what it may be, and what is said about it.

    @dataclass
    class NetworkOptions:
        width: float = option(1.0, "a factor for the channels of all conv layers", positive, metavar="FACTOR")

Whoever offers, reads, checks or prints options goes through `options_of`: the command line, a TOML file,
`--show-config`, `models.create`, the title of a run and `--resume`. A new option is a line in its dataclass
(models/network_options.py, training/config.py) and what it does.
"""

from __future__ import annotations

import argparse
import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable)


@dataclass(frozen=True)
class Option:
    """What is declared about an option beside its type.

    help         what --help says
    kind         reads a word of the command line or raises argparse.ArgumentTypeError; None: any text
    choices      all values there are, if they can be listed
    beside       choices of the Python API alone
    unset        what None or an empty list means
    instead_of   the option that this one excludes
    may_change   whether a run may be resumed with another value
    in_title     whether the title of a run names a value that is not the default
    shapes       whether it decides the shapes of the network's layers
    """

    help: str
    kind: Callable[[str], Any] | None = None
    choices: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    metavar: str | None = None
    unset: str = ""
    instead_of: str = ""
    may_change: bool = False
    in_title: bool = False
    shapes: bool = False
    name: str = ""
    default: Any = None

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def is_switch(self) -> bool:
        """Whether it is on or off."""
        return isinstance(self.default, bool)


def option(default: Any, help: str, kind: Callable[[str], Any] | None = None, **more: Any) -> Any:
    """Declare a field of a dataclass as an option; `more` is that of Option."""
    return field(default=default, metadata={"option": Option(help, kind, **more)})


def options_of(declared: type) -> dict[str, Option]:
    """The options that a dataclass declares, by name and in their order."""
    return {
        field.name: replace(field.metadata["option"], name=field.name, default=field.default)
        for field in fields(declared)
    }


def check(options: Any) -> None:
    """ValueError if a value is not what its declaration allows; `options` is an instance of the dataclass."""
    for name, declared in options_of(type(options)).items():
        value, choices = getattr(options, name), declared.choices + declared.beside
        if choices and value not in choices:
            raise ValueError(f"{name} {value!r} is unknown; expected one of: {', '.join(choices)}")
        may_be_unset = value is None and declared.default is None
        if isinstance(declared.kind, Kind) and not may_be_unset and not declared.kind.allows(value):
            raise ValueError(f"{name} is {value!r}; expected {declared.kind.what}")


def takes_options_of(declared: type) -> Callable[[F], F]:
    """Decorate a function whose `**options` are the declared ones: help() and editors see them spelled out."""

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        rest = [
            inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
            for field in fields(declared)
            if field.name not in signature.parameters
        ]
        vars(function)["__signature__"] = signature.replace(parameters=[*own, *rest])
        return function

    return decorate


# ---- what a value may be ----


@dataclass(frozen=True)
class Kind:
    """Called with a word of the command line, it gives the value.

    what      such as "a number above 0", for messages
    convert   a word to a value; ValueError where it cannot be one
    good      whether a value is one of this kind; it may raise TypeError where `allows` says no
    """

    what: str
    convert: Callable[[str], Any]
    good: Callable[[Any], bool]

    def __call__(self, text: str) -> Any:
        try:
            value = self.convert(text)
        except ValueError:
            value = None
        if value is None or not self.good(value):
            raise argparse.ArgumentTypeError(f"{text!r} is not {self.what}")
        return value

    def allows(self, value: Any) -> bool:
        """Whether a value, of whatever type, is one of this kind."""
        try:
            return self.good(value)
        except TypeError:  # a text, say, or None: it cannot be compared with a number
            return False


def is_count(value: Any, least: int = 1) -> bool:
    """Whether it is an integer, of Python or of NumPy, and at least `least`."""
    try:
        return value.__index__() >= least
    except (AttributeError, TypeError):
        return False


def integers(text: str) -> list[int]:
    """Integers separated by commas."""
    return [int(part) for part in text.split(",")]


def at_least(least: int) -> Kind:
    """An integer with a lower bound."""
    return Kind(f"an integer of at least {least}", int, lambda value: is_count(value, least))


def is_list_of_counts(value: Any) -> bool:
    """Whether it holds at least one integer, and only those of at least 1."""
    return hasattr(value, "__len__") and len(value) > 0 and all(map(is_count, value))


INFINITY = float("inf")
positive = Kind("a number above 0", float, lambda value: 0 < value < INFINITY)
not_negative = Kind("a number of at least 0", float, lambda value: 0 <= value < INFINITY)
share = Kind("a number above 0 and below 1", float, lambda value: 0 < value < 1)
below_one = Kind("a number from 0 to below 1", float, lambda value: 0 <= value < 1)
levels_list = Kind("a list of pyramid levels such as 3,2,1", integers, is_list_of_counts)
epochs_list = Kind(
    "a list of rising epoch numbers such as 12,17", integers, lambda e: is_list_of_counts(e) and e == sorted(set(e))
)
scale_range = Kind(
    "two rising sizes in pixels such as 256,512", integers, lambda s: len(s) == 2 and 1 <= s[0] <= s[1]
)  # fmt: skip


def some_path(text: str) -> Path:
    """A path; the empty text, which would stand for the current folder, is a slip (an unset variable)."""
    if not text:
        raise argparse.ArgumentTypeError("the path is empty; name a file or folder, '.' for the current one")
    return Path(text)


def absolute_path(text: str) -> str:
    """A path that means the same wherever a run is resumed."""
    return os.path.abspath(some_path(text))


def data_path(text: str) -> str:
    """`toy` as it is, any other data set as an absolute path."""
    return text if text == "toy" else absolute_path(text)
