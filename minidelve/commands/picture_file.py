"""A picture that a command writes: checked before the work begins, never overwritten unasked."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from minidelve.errors import RunError
from minidelve.files import disk_errors, write_whole

FORMS = ("png", "pdf", "svg")


def add_overwrite_option(parser: argparse.ArgumentParser) -> None:
    """--overwrite."""
    parser.add_argument("--overwrite", action="store_true", help="replace the picture if it exists")


class PictureFile:
    """The picture named by `option`; RunError when it cannot be written or exists and may not be replaced."""

    def __init__(self, option: str, path: Path, overwrite: bool, forms: tuple[str, ...] = FORMS):
        self.option, self.path = option, path
        self.form = path.suffix[1:].lower()
        expected = " or ".join(f".{form}" for form in forms)
        if self.form not in forms:
            raise RunError(f"{option} {path} ends in {path.suffix or 'nothing'}; expected {expected}")
        if os.path.isdir(path):
            raise RunError(f"{option} {path} is a folder; expected a file name that ends in {expected}")
        if os.path.lexists(path) and not overwrite:
            raise RunError(f"{option} {path} exists; add --overwrite to replace it, or name another file with {option}")
        if not os.path.isdir(path.parent):
            raise RunError(f"{option} {path}: there is no folder {path.parent}; make it or name another place")
        if not os.access(path.parent, os.W_OK):
            raise RunError(f"{option} {path}: the folder {path.parent} cannot be written; name another place")

    def write(self, content: bytes) -> None:
        """Write the picture, replacing an old one only when complete."""
        with disk_errors(f"{self.option} {self.path}", "name another place"):
            write_whole(self.path, content)
