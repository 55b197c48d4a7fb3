"""Options of a run as TOML: read by `--config FILE`, printed by `--show-config`.

What is printed can be read again.  A value in the file goes through the same check as its flag.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from minidelve.errors import RunError
from minidelve.training.config import Config
from minidelve.training.recipes import RECIPES

UNSET = {
    "levels": "the model's own",
    "fc": "the model's own",
    "short_side": "images are shrunk to 8/7 of size, never enlarged",
    "jitter": "the shorter side is not drawn at random",
    "warm_start": "weights are drawn from the seed",
    "aux_after": "no auxiliary classifier",
    "milestones": "none, the rate drops on a plateau or not at all",
}  # what None, or an empty list, means


def read_config(path: Path, actions: Mapping[str, argparse.Action]) -> dict[str, Any]:
    """The options in a TOML file, keys as the flags' names with _ or -; RunError for any that is no option."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"--config {path} cannot be read ({error.strerror}); check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RunError(f"--config {path} is no TOML ({error}); expected lines such as lr = 0.01") from error
    options = {key.replace("-", "_"): value for key, value in content.items()}
    unknown = sorted(options.keys() - actions.keys())
    if unknown:
        known = ", ".join(sorted(actions))
        raise RunError(f"--config {path}: {unknown[0]} is no option of a run; expected one of: {known}")
    if options.get("plateau") and "milestones" in options:
        raise RunError(f"--config {path}: plateau and milestones exclude each other; keep one of them")
    return {name: _checked(path, name, value, actions[name]) for name, value in options.items()}


def _checked(path: Path, name: str, value: Any, action: argparse.Action) -> Any:
    """The value as its flag would have given it."""
    if action.nargs == 0:  # --plateau
        if not isinstance(value, bool):
            raise RunError(f"--config {path}: {name} is {value!r}; expected true or false")
        return value
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    try:
        if isinstance(value, (bool, dict)):
            raise argparse.ArgumentTypeError(f"{value!r} is not a number, a text or a list")
        checked = action.type(text) if callable(action.type) else text
    except argparse.ArgumentTypeError as error:
        raise RunError(f"--config {path}: {name}: {error}") from error
    if action.choices is not None and checked not in action.choices:
        raise RunError(f"--config {path}: {name} is {text!r}; expected one of: {', '.join(map(str, action.choices))}")
    return checked


def show_config(config: Config, given: Mapping[str, Mapping[str, Any]]) -> str:
    """Every option as a line of TOML, and where it comes from.

    given   the options of each source, such as {"file": {...}, "flag": {...}}; the last one wins
    """
    lines = []
    for name, value in asdict(config).items():
        sources = [source for source, options in given.items() if name in options]
        recipe = RECIPES[config.recipe].get(name)
        origin = sources[-1] if sources else "recipe" if recipe is not None and recipe == value else "default"
        if value is None or value == []:
            lines.append(f"# {name} is not set: {UNSET[name]}")
        else:
            lines.append(f"{f'{name} = {json.dumps(value)}':<30}  # {origin}")
    return "\n".join(lines)
