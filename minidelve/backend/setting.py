"""A setting of the whole process that holds inside a block, such as the precision of factors.

>>> setting = Setting("full")
>>> with setting.using("half"):
...     setting.value
'half'
>>> setting.value
'full'
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Setting(Generic[T]):
    """A value that blocks change and put back. Not for several threads at once: the setting is the process's."""

    def __init__(self, value: T):
        self.value = value

    @contextmanager
    def using(self, value: T) -> Iterator[None]:
        """Inside this block the setting has this value."""
        before, self.value = self.value, value
        try:
            yield
        finally:
            self.value = before
