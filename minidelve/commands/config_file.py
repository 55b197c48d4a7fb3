"""Options of a run as TOML: read by `--config FILE`, printed by `--show-config`.

What is printed can be read again. A value in the file goes through the same check as its flag.
"""

from __future__ import annotations

import argparse
import codecs
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minidelve.commands.meant import close_choice, close_option
from minidelve.disk.records import too_long
from minidelve.errors import RunError, shown
from minidelve.models.option import Kind, Option, options_of, respelt
from minidelve.training.config import Config
from minidelve.training.recipes import RECIPES

MOST_BYTES = 2**14  # the options of a run need 3,000, and TOML of nested keys takes time by its square

LINES = "lines such as lr = 0.005 and, in the next, milestones = [12, 17]"
WRITTEN = "minidelve train --show-config prints one (with --resume --out RUN, that of a run)"


def read_config(path: Path) -> dict[str, Any]:
    """The options in a TOML file, keys as the flags' names with _ or -; RunError for any that is not an option."""
    options, declared = {}, options_of(Config)
    for key, value in content_of(path).items():
        name = key.replace("-", "_")
        if name not in declared:
            found = f"--config {path}: {shown(key)} is not an option of a run"
            meant = close_option(name.replace("_", "-"), [option.flag for option in declared.values()])
            cure = f"did you mean {meant.strip('-').replace('-', '_')}?" if meant else ""
            raise RunError(found, expected=f"one of: {', '.join(sorted(declared))}", cure=cure)
        if name in options:
            raise RunError(f"--config {path}: {name} is in it twice, once as {shown(key)}", cure="keep one of them")
        options[name] = checked(path, declared[name], value)
    for name in options:
        other = declared[name].instead_of
        if options[name] and other in options:
            raise RunError(f"--config {path}: {name} and {other} exclude each other", cure="keep one of them")
    return options


def content_of(path: Path) -> dict[str, Any]:
    """What the TOML file says, whatever it is."""
    wrong = f"--config {path} is not a TOML configuration"
    try:
        with open(path, "rb") as file:  # a pipe may be one too, as in --config <(make-options)
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError(f"it is longer than {MOST_BYTES:,} bytes")
        if content.lstrip().startswith(b"{"):
            raise ValueError("it looks like JSON: a run's config.json is a record, which is not read again")
        return tomllib.loads(decoded(content))
    except OSError as error:
        raise RunError(f"--config {path} cannot be read ({error.strerror})", cure="check the path") from error
    except ValueError as error:  # of tomllib, of int(), of an encoding
        raise RunError(f"{wrong} ({too_long(error) or error})", expected=LINES, cure=WRITTEN) from error
    except RecursionError as error:
        raise RunError(f"{wrong} (it is nested too deeply)", expected=LINES, cure=WRITTEN) from error


def decoded(content: bytes) -> str:
    """UTF-8, with the mark that Windows puts before it or without, or the UTF-16 of PowerShell's > FILE."""
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if utf16 else "utf-8-sig")


def checked(path: Path, option: Option, value: Any) -> Any:
    """The value as its flag would have given it: of the type that the option has, so no number in quotes."""
    where, kind = f"--config {path}: {option.name}", option.kind
    if value is None or option.problem(value):
        raise RunError(f"{where} is {shown(value)}", expected=option.problem(value), cure=unquoted(option, value))
    if kind is None or isinstance(value, list):
        return value
    try:
        return kind.convert(value) if isinstance(kind, Kind) else kind(value)  # 1 becomes 1.0, a path absolute
    except argparse.ArgumentTypeError as error:
        raise RunError(f"{where}: {error}") from error


def unquoted(option: Option, value: Any) -> str:
    """How to write the value of a number, a list or a switch that was given as a text; nothing where it is none."""
    if not isinstance(value, str):
        return ""
    if option.choices:
        meant = close_choice(value, option.choices)
        return f"did you mean {meant}?" if meant else ""
    meanings: list[Any] = []
    if option.is_switch:
        meanings = [{"true": True, "false": False}.get(value.lower())]
    elif isinstance(option.kind, Kind):
        meanings = [option.kind.read(text) for text in (value, *respelt(value))]
    right = next((meaning for meaning in meanings if meaning is not None), None)
    return "" if right is None else f"write {option.name} = {toml(right)}"


def show_config(config: Config, given: Mapping[str, Mapping[str, Any]]) -> str:
    """Every option as a line of TOML, and where it comes from.

    given   the options of each source, such as {"file": {...}, "flag": {...}}; the last one wins
    """
    lines = []
    for name, option in options_of(Config).items():
        value = getattr(config, name)
        sources = [source for source, options in given.items() if name in options]
        recipe = RECIPES[config.recipe].get(name)
        origin = sources[-1] if sources else "recipe" if recipe is not None and recipe == value else "default"
        if value is None or value == []:
            lines.append(f"# {name} is not set: {option.unset}")
        else:
            lines.append(f"{f'{name} = {toml(value)}':<30}  # {origin}")
    return "\n".join(lines)


def toml(value: Any) -> str:
    r"""A value as TOML writes it: as JSON does, but for letters beyond 16 bits and the control character 127.

    >>> print(toml("\U0001f41f\x7f"), toml([3, 2]), toml(True))
    "\U0001f41f\u007f" [3, 2] true
    """
    if not isinstance(value, str):
        return json.dumps(value)
    letters = (f"\\U{ord(c):08x}" if c > "\uffff" else "\\u007f" if c == "\x7f" else json.dumps(c)[1:-1] for c in value)
    return f'"{"".join(letters)}"'
