"""A file that a command writes: checked before the work begins, never overwritten unasked."""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from minidelve.disk.files import disk_errors, writing_whole
from minidelve.disk.owning import own_file
from minidelve.errors import RunError

PICTURES = ("png", "pdf", "svg")


def add_overwrite_option(parser: argparse.ArgumentParser, what: str = "picture") -> None:
    """--overwrite."""
    parser.add_argument("--overwrite", action="store_true", help=f"replace the {what} if it exists")


class NewFile:
    """The file that the user knows as `what`; RunError when it cannot be written or exists and may not be replaced.

    what    such as "--out guess.png"
    forms   the endings that its name may have

    The place is looked at twice: before the work, so that none is done in vain, and when the content is there, since
    another program may have written there meanwhile.
    """

    def __init__(self, what: str, path: Path, overwrite: bool, forms: Collection[str] = PICTURES):
        self.what, self.path, self.overwrite = what, path, overwrite
        self.form = path.suffix[1:].lower()
        expected = " or ".join(f".{form}" for form in forms)
        if self.form not in forms:
            raise RunError(f"{what} ends in {path.suffix or 'nothing'}; expected {expected}")
        if os.path.isdir(path):
            raise RunError(f"{what} is a folder; expected a file name that ends in {expected}")
        with self._owned():
            pass

    def write(self, content: bytes) -> None:
        """Write the file, replacing an old one only when complete. RunError as at the beginning."""
        with self.writing() as file:
            file.write(content)

    @contextmanager
    def writing(self) -> Iterator[BinaryIO]:
        """The file, to be filled inside the block; in its place when the block ends well. RunError as at first."""
        with self._owned(), disk_errors(self.what, "name another place"), writing_whole(self.path) as file:
            yield file

    @contextmanager
    def _owned(self) -> Iterator[None]:
        """Inside this block no other process of ours writes the file, and it is free to be written."""
        with own_file(self.path, self.what):
            if os.path.lexists(self.path) and not self.overwrite:
                raise RunError(f"{self.what} exists; add --overwrite to replace it, or name another file")
            yield
