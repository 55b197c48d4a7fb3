"""The kinds of file that `minidelve export` writes, by the ending of their names.

A writer fills an open file with a trained network and returns what a user should know of it. It raises UserError before
it writes anything if that kind of file cannot hold this network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Form(NamedTuple):
    """A kind of file.

    what      what it holds
    write     write(file, saved, network, **options) -> a line for the user; `saved` is the run's Checkpoint
    options   the options of `minidelve export` that it has
    """

    what: str
    write: Callable[..., str]
    options: frozenset[str] = frozenset()


FORMS: dict[str, Form] = {}
