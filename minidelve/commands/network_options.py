"""The options that change a network's shape, for every subcommand that builds one."""

from __future__ import annotations

import argparse
from typing import Any

from minidelve.commands.arguments import at_least, positive


def levels_list(text: str) -> list[int]:
    """Pyramid levels separated by commas, such as 3,2,1."""
    try:
        levels = [int(part) for part in text.split(",")]
    except ValueError:
        levels = []
    if not levels or min(levels) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of pyramid levels such as 3,2,1")
    return levels


# flag, help, what argparse needs beside them; the names are those of models.create
SHAPE_OPTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("--width", "a factor for the channels of all conv layers, such as 0.5", {"type": positive, "metavar": "FACTOR"}),
    ("--levels", "of the pyramid, in place of the model's", {"type": levels_list, "metavar": "N,N"}),
    ("--fc", "units of fc1 and fc2, in place of the model's", {"type": at_least(1), "metavar": "UNITS"}),
)
