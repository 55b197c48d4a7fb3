"""A folder, a zip and a tar archive behind one face: list a folder, read a member.

Members are named by relative paths with "/", such as "train/n01443537/images/a.JPEG". Names come
sorted: the order in which a disk or an archive happens to hold them must not reach the labels.

A .tar that lies in a folder is itself entered like a folder: "train/n01443537.tar/a.JPEG".
"""

import os
import weakref
from pathlib import Path

from minidelve.data.door import door
from minidelve.data.sources.folder import Folder
from minidelve.data.sources.kinds import TAR, kind_of
from minidelve.data.sources.tar import Tar
from minidelve.data.sources.zip import Zip
from minidelve.errors import DataError

Source = Folder | Zip | Tar
MAX_TEXT_BYTES = 2**23  # of a list of labels or names; ImageNet's longest has a third of it
EXPECTED = "a folder (images or a packed store), a .zip, a .tar or the word 'toy'"

# Archives that are in use: both splits of a set share one index.
_open: weakref.WeakValueDictionary[tuple[str, int, int, int], Zip | Tar] = weakref.WeakValueDictionary()


def open_source(path: str | os.PathLike[str]) -> Source:
    """A folder, a zip or a tar archive. Raises DataError if there is none at the path."""
    name = os.fspath(path)
    with door(name, "cannot be opened", OSError, ValueError, expected=EXPECTED, cure="check the path"):
        if not os.path.exists(path):
            raise DataError(f"{name}: does not exist; expected {EXPECTED}; check the path")
        if os.path.isdir(path):
            return Folder(Path(path))
        status = os.stat(path)
        kind = kind_of(path)
    if kind.advice:
        raise DataError(f"{name}: is {kind.name}", expected=EXPECTED, cure=kind.advice)
    known = os.path.abspath(path), status.st_size, status.st_mtime_ns, status.st_ino
    source = _open.get(known)
    if source is None or str(source.path) != name:
        source = _open[known] = Tar(Path(path)) if kind is TAR else Zip(Path(path))
    return source


def read_lines(source: Source, member: str) -> list[str]:
    """The lines of a text member, without blank ones. DataError if it is too long for a list, or not UTF-8."""
    name = source.describe(member)
    with door(name, "is not UTF-8 text", UnicodeDecodeError, cure="save it as UTF-8"):
        content = source.read(member, MAX_TEXT_BYTES).decode("utf-8-sig")
    return [line for line in content.splitlines() if line.strip()]
