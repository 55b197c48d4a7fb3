"""A file that is read for hours must stay as it was when it was opened.

A data set that is replaced under a running training would end in images and labels that do not belong together, and
one that is cut short would end a process that has mapped it into memory, without a word. So files are read, not
mapped, and looked at after reading.
"""

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from minidelve.disk.files import status
from minidelve.errors import DataChanged


class Steady:
    """The file at `path` as it is now. Raises OSError if there is none, or something else."""

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self._as_it_was = self._mark()

    def _mark(self) -> tuple[int, ...]:
        found = status(self.path)
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    @property
    def size(self) -> int:
        """Bytes that it has."""
        return self._as_it_was[2]

    def check(self) -> None:
        """DataChanged if it was changed, replaced or removed."""
        try:
            same = self._mark() == self._as_it_was
        except OSError:
            same = False
        if not same:
            raise DataChanged(
                f"{self.path}: was changed, replaced or removed while it was being used",
                cure="bring it back as it was, and a training goes on with --resume; or start anew with what is there",
            )

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """DataChanged if it is another file when the block ends, whatever the block met."""
        try:
            yield
        finally:
            self.check()


class SteadyFile(Steady):
    """A steady file that stays open; several threads, and forked processes, may read it at once."""

    def __init__(self, path: str | os.PathLike[str]):
        super().__init__(path)
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 (open as long as this object lives)
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self.check()  # it is the one that was looked at

    def read(self, start: int, length: int) -> np.ndarray:
        """Bytes from `start` on, uint8 (length,), read-only. Raises OSError; DataChanged if they may be others' now."""
        with self.unchanged():
            return np.frombuffer(self._bytes(start, length), np.uint8, length)

    def _bytes(self, start: int, length: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), length, start)
        with self._lock:  # Windows knows one place to read from
            self._file.seek(start)
            return self._file.read(length)
