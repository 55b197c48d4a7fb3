"""Options of a run as TOML: read by `--config FILE`, printed by `--show-config`.

What is printed can be read again. A value in the file goes through the same check as its flag.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minidelve.errors import RunError
from minidelve.models.option import Option, options_of
from minidelve.training.config import Config
from minidelve.training.recipes import RECIPES


def read_config(path: Path) -> dict[str, Any]:
    """The options in a TOML file, keys as the flags' names with _ or -; RunError for any that is not an option."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"--config {path} cannot be read ({error.strerror}); check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RunError(f"--config {path} is not TOML ({error}); expected lines such as lr = 0.01") from error
    options, declared = {key.replace("-", "_"): value for key, value in content.items()}, options_of(Config)
    unknown = sorted(options.keys() - declared.keys())
    if unknown:
        known = ", ".join(sorted(declared))
        raise RunError(f"--config {path}: {unknown[0]} is not an option of a run; expected one of: {known}")
    for name in options:
        other = declared[name].instead_of
        if options[name] and other in options:
            raise RunError(f"--config {path}: {name} and {other} exclude each other; keep one of them")
    return {name: checked(path, declared[name], value) for name, value in options.items()}


def checked(path: Path, option: Option, value: Any) -> Any:
    """The value as its flag would have given it."""
    where = f"--config {path}: {option.name}"
    if option.is_switch:
        if not isinstance(value, bool):
            raise RunError(f"{where} is {value!r}; expected true or false")
        return value
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    try:
        if isinstance(value, (bool, dict)):
            raise argparse.ArgumentTypeError(f"{value!r} is not a number, a text or a list")
        given = option.kind(text) if option.kind else text
    except argparse.ArgumentTypeError as error:
        raise RunError(f"{where}: {error}") from error
    if option.choices and given not in option.choices:
        raise RunError(f"{where} is {text!r}; expected one of: {', '.join(option.choices)}")
    return given


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
            lines.append(f"{f'{name} = {json.dumps(value)}':<30}  # {origin}")
    return "\n".join(lines)
