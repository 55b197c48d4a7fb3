"""The file of an archive: opened anew for each read, and still the one that was indexed.

To open a file costs little beside decoding a picture. So threads never wait for each other, and a thousand archives
never hold a thousand open files. A file that was replaced meanwhile would give other bytes at the same places.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from minidelve.data.sources.members import MAX_MEMBERS, too_many
from minidelve.data.steady import Steady
from minidelve.errors import DataError
from minidelve.progress import EVERY_SECONDS, note

MAX_MEMBER_BYTES = 2**28  # a member of a zip may unpack to any size; no picture is this large


class ArchiveFile(Steady):
    """The archive's file at `path`; OSError if it is none."""

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The file, open for reading. Raises OSError; DataChanged if it is another than it was."""
        self.check()  # a pipe in its place would be waited for
        with self.unchanged(), open(self.path, "rb") as file:
            yield file


def check_size(member: str, size: int, most: int) -> None:
    """DataError for a member that is larger than what is read at once."""
    if size > most:
        raise DataError(
            f"{member}: unpacks to {size / 2**20:.0f} MiB",
            expected=f"at most {most // 2**20}",
            cure="remove it from the archive",
        )


class Indexing:
    """Counts the members of an archive while its index is made, and says now and then how far that is."""

    def __init__(self, name: str, start: int, end: int):
        self._name, self._start, self._length = name, start, max(1, end - start)
        self._spoken = time.monotonic()

    def at(self, number: int, position: int) -> None:
        """Call it for every thousandth member or so. Raises DataError if there are more than an index is made for."""
        if number > MAX_MEMBERS:
            raise too_many(self._name)
        now = time.monotonic()
        if now - self._spoken >= EVERY_SECONDS:
            self._spoken = now
            note(f"{self._name}: reading what it holds, {100 * (position - self._start) // self._length}%")
