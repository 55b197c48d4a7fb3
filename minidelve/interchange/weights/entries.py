"""What a file of weights holds, by name: shapes at once, numbers when they are asked for.

A reader of a kind of file is a function of a path that returns Entries. It may raise whatever its library raises: that
becomes one line in reading.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Entry:
    """An array in a file.

    shape   as the file says; nothing of that size has been made room for
    read    gives the array, of any float dtype; it may still find that the file holds fewer numbers
    """

    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]


Entries = Mapping[str, Entry]
