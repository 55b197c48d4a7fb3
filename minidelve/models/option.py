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
import errno
import inspect
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from numbers import Real
from pathlib import Path
from typing import Any, TypeVar

from minidelve.errors import LONGEST_VALUE, shown

F = TypeVar("F", bound=Callable)


@dataclass(frozen=True)
class Option:
    """What is declared about an option beside its type.

    help         what --help says
    kind         reads a word of the command line or raises argparse.ArgumentTypeError; None: any text
    choices      all values there are, if they can be listed
    beside       choices of the Python API alone
    metavar      what stands for its value in --help
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

    def problem(self, value: Any) -> str:
        """What would have been right, where a value of whatever type is none that it may have; else nothing."""
        if value is None and self.default is None:
            return ""
        if self.is_switch:
            return "" if isinstance(value, bool) else "true or false"
        if self.choices:
            good = isinstance(value, str) and value in self.choices
            return "" if good else f"one of: {', '.join(self.choices)}"
        if isinstance(self.kind, Kind):
            return "" if self.kind.good(value) else self.kind.what
        return "" if is_text(value) else "a text, not empty and without NUL"


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
        value = getattr(options, name)
        if expected := replace(declared, choices=declared.choices + declared.beside).problem(value):
            found = f"{name} {shown(value)} is unknown" if declared.choices else f"{name} is {shown(value)}"
            raise ValueError(f"{found}; expected {expected}")


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
    good      whether a value, of whatever type, is one of this kind
    """

    what: str
    convert: Callable[[str], Any]
    good: Callable[[Any], bool]

    def __call__(self, text: str) -> Any:
        value = self.read(text)
        if value is None:
            better = next((other for other in respelt(text) if self.read(other) is not None), None)
            cure = f"; write {better}" if better else ""
            raise argparse.ArgumentTypeError(f"{shown(text)} is not {self.what}{cure}")
        return value

    def read(self, text: str) -> Any:
        """The value, or None where the text is not one of this kind."""
        try:
            value = self.convert(text)
        except (ValueError, OverflowError):
            return None
        return value if self.good(value) else None


def respelt(text: str) -> Iterator[str]:
    """How the number or list that a text may mean is written here, such as 0.005 for 0,005.

    >>> list(respelt("[12; 17]"))[0], list(respelt("0,005"))[1], list(respelt("64.0"))[2], list(respelt("10%"))[3]
    ('12,17', '0.005', '64', '0.1')
    """
    bare = text.strip("[]() ,;\t")[:LONGEST_VALUE]
    yield re.sub(r"[\s,;:x]+", ",", bare)
    yield bare.replace(",", ".")
    yield re.sub(r"\.0?$", "", bare)
    if re.fullmatch(r"\d+[.,]?\d*%", bare):
        yield f"{float(bare[:-1].replace(',', '.')) / 100:g}"


def is_count(value: Any, least: int = 1) -> bool:
    """Whether it is an integer, of Python or of NumPy, of at least `least` and of at most 63 bits; True is none."""
    try:
        return not isinstance(value, bool) and least <= value.__index__() < 2**63
    except (AttributeError, TypeError):
        return False


def number(what: str, in_bounds: Callable[[float], bool]) -> Kind:
    """A real number, of Python or of NumPy, in some bounds; True is none."""

    def good(value: Any) -> bool:
        try:
            return isinstance(value, Real) and not isinstance(value, bool) and in_bounds(float(value))
        except OverflowError:  # an integer beyond all floats
            return False

    return Kind(what, float, good)


def is_text(value: Any) -> bool:
    """Whether it is a text of at least one letter, without the NUL that no path may have."""
    return isinstance(value, str) and value != "" and "\0" not in value


def integers(text: str) -> list[int]:
    """Integers separated by commas."""
    return [int(part) for part in text.split(",")]


def at_least(least: int) -> Kind:
    """An integer with a lower bound."""
    return Kind(f"an integer of at least {least}", int, lambda value: is_count(value, least))


def is_list_of_counts(value: Any) -> bool:
    """Whether it is a list or an array that holds integers of at least 1 and nothing else."""
    return hasattr(value, "__len__") and not isinstance(value, (dict, bytes)) and all(map(is_count, value))


INFINITY = float("inf")
positive = number("a number above 0", lambda value: 0 < value < INFINITY)
not_negative = number("a number of at least 0", lambda value: 0 <= value < INFINITY)
share = number("a number above 0 and below 1", lambda value: 0 < value < 1)
below_one = number("a number from 0 to below 1", lambda value: 0 <= value < 1)
levels_list = Kind(
    "a list of pyramid levels such as 3,2,1", integers, lambda levels: is_list_of_counts(levels) and len(levels) > 0
)  # fmt: skip
epochs_list = Kind(
    "a list of rising epoch numbers such as 12,17", integers,
    lambda epochs: is_list_of_counts(epochs) and list(epochs) == sorted(set(epochs)),
)  # fmt: skip
scale_range = Kind(
    "two rising sizes in pixels such as 256,512", integers,
    lambda sizes: is_list_of_counts(sizes) and len(sizes) == 2 and sizes[0] <= sizes[1],
)  # fmt: skip


def some_path(text: str) -> Path:
    """A path; the empty text, which would stand for the current folder, is a slip (an unset variable)."""
    if not text:
        raise argparse.ArgumentTypeError("the path is empty; name a file or folder, '.' for the current one")
    try:
        os.lstat(text)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise argparse.ArgumentTypeError(f"{shown(text)} is too long for a path") from error
    except ValueError as error:  # a NUL
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a path ({error})") from error
    return Path(text)


def absolute_path(text: str) -> str:
    """A path that means the same wherever a run is resumed."""
    return os.path.abspath(some_path(text))


def data_path(text: str) -> str:
    """`toy` as it is, any other data set as an absolute path."""
    return text if text == "toy" else absolute_path(text)
