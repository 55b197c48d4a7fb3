"""A picture that a command writes: checked before the work begins, never overwritten unasked."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minidelve.disk.files import disk_errors, write_whole
from minidelve.disk.owning import own_file
from minidelve.errors import RunError

FORMS = ("png", "pdf", "svg")


def add_overwrite_option(parser: argparse.ArgumentParser) -> None:
    """--overwrite."""
    parser.add_argument("--overwrite", action="store_true", help="replace the picture if it exists")


class PictureFile:
    """The picture named by `option`; RunError when it cannot be written or exists and may not be replaced.

    Both are looked at twice: before the work, and when the picture is there.
    """

    def __init__(self, option: str, path: Path, overwrite: bool, forms: tuple[str, ...] = FORMS):
        self.option, self.path, self.overwrite = option, path, overwrite
        self.form = path.suffix[1:].lower()
        expected = " or ".join(f".{form}" for form in forms)
        if self.form not in forms:
            raise RunError(f"{option} {path} ends in {path.suffix or 'nothing'}; expected {expected}")
        if os.path.isdir(path):
            raise RunError(f"{option} {path} is a folder; expected a file name that ends in {expected}")
        with self._owned():
            pass

    def write(self, content: bytes) -> None:
        """Write the picture, replacing an old one only when complete. RunError as at the beginning."""
        with self._owned(), disk_errors(f"{self.option} {self.path}", "name another place"):
            write_whole(self.path, content)

    @contextmanager
    def _owned(self) -> Iterator[None]:
        what = f"{self.option} {self.path}"
        with own_file(self.path, what):
            if os.path.lexists(self.path) and not self.overwrite:
                raise RunError(f"{what} exists; add --overwrite to replace it, or name another file with {self.option}")
            yield
