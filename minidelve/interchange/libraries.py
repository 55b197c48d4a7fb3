"""The libraries that know other programs' formats: imported when they are needed, missed in one line."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from minidelve.errors import RunError


def library(name: str, extra: str, purpose: str) -> Any:
    """A module that the extra `extra` of this project installs; RunError without it.

    purpose   what it is wanted for, such as "an .onnx file"
    """
    try:
        return import_module(name)
    except ImportError as error:
        found = f"{purpose} needs the library {name.partition('.')[0]}, which cannot be imported ({error})"
        raise RunError(found, cure=f"pip install 'minidelve[{extra}]'") from error
