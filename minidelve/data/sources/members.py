"""What every archive needs: an index of its members, a folder tree made from a flat list of their names.

    index = Index("set.zip")
    index.add("train/n01/a.JPEG", 512)     where it lies, whatever that means to the archive
    index.entries("train/n01").files       ["a.JPEG"]
    index.place("train/n01/a.JPEG")        512

The index is made for a million members and more: a folder's path is looked at once, when its first member comes, and
no member's full path is kept. Names with "\\" for "/", as some programs for Windows write them, are read so.
"""

import os
import re
from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from minidelve.errors import DataError

# Left behind by desktops and file managers, never meant as data.
_SYSTEM_NAMES = {"Thumbs.db", "desktop.ini", "__MACOSX"}
MAX_DEPTH = 100
MAX_MEMBERS = 4_000_000  # three times ImageNet's, at some 300 bytes of memory each


Place = TypeVar("Place")


class Entries(NamedTuple):
    """The names in one folder, sorted, without hidden ones."""

    folders: list[str]
    files: list[str]


def visible(names: Iterable[str]) -> list[str]:
    """The names, sorted, without those of hidden files."""
    return sorted(name for name in names if not name.startswith(".") and name not in _SYSTEM_NAMES)


class _Folder(Generic[Place]):
    """A folder: its folders, its files with their places, and both as Entries once they were asked for."""

    __slots__ = ("folders", "files", "entries")

    def __init__(self) -> None:
        self.folders: dict[str, _Folder[Place]] = {}
        self.files: dict[str, Place] = {}
        self.entries: Entries | None = None


class Index(Generic[Place]):
    """Which members the archive of this name has, and where each lies."""

    def __init__(self, archive: str):
        self.archive = archive
        self._root: _Folder[Place] = _Folder()
        self._by_path: dict[str, _Folder[Place]] = {}  # as the members wrote it
        self._folders = 0

    def add(self, name: str, place: Place) -> None:
        """Add a file; DataError for a name that leads outside, is there already, or lies too deep."""
        path, _, file = name.replace("\\", "/").rpartition("/")
        folder = self._by_path.get(path)
        if folder is None:
            folder = self._by_path[path] = self._make(path, name)
        if file in folder.files or file in folder.folders:
            raise self._twice(name)
        if file in ("", ".", "..") or not path and _leads_outside(name.replace("\\", "/")):
            raise outside(self.archive, name)
        folder.files[file] = place

    def add_folder(self, name: str) -> None:
        """Add a folder, which may be there already."""
        self._make(name.replace("\\", "/"), name)

    def _make(self, path: str, name: str) -> _Folder[Place]:
        """The folder at `path`, made with those above it."""
        parts = parts_of(path)
        if _leads_outside(path):
            raise outside(self.archive, name)
        if len(parts) > MAX_DEPTH:
            raise DataError(
                f"{self.archive}: has a member that lies {len(parts)} folders deep",
                expected=f"at most {MAX_DEPTH}",
                cure="pack the images anew, without it",
            )
        folder = self._root
        for part in parts:
            if part in folder.files:
                raise self._twice(name)
            if part not in folder.folders:
                folder.folders[part] = _Folder()
                self._folders += 1
                if self._folders > MAX_MEMBERS:
                    raise too_many(self.archive)
            folder = folder.folders[part]
        return folder

    def _find(self, path: str) -> _Folder[Place] | None:
        folder: _Folder[Place] | None = self._root
        for part in path.split("/") if path else []:
            folder = folder.folders.get(part) if folder else None
        return folder

    def entries(self, path: str = "") -> Entries:
        """What the folder at `path` holds; nothing if there is no such folder."""
        folder = self._find(path)
        if folder is None:
            return Entries([], [])
        if folder.entries is None:
            folder.entries = Entries(visible(folder.folders), visible(folder.files))
        return folder.entries

    def place(self, member: str) -> Place | None:
        """Where a file lies; None if there is no such file."""
        path, _, file = member.rpartition("/")
        folder = self._find(path)
        return folder.files.get(file) if folder else None

    def _twice(self, name: str) -> DataError:
        return DataError(
            f"{self.archive}!{name}: is there twice", expected="every name once", cure="pack the archive anew"
        )


def check_name(archive: str | os.PathLike[str], name: str) -> None:
    """Raise DataError for a member name that leads outside the archive's own folder.

    Reading in place would not follow it. But such an archive is broken or hostile, and the user
    should know before another program unpacks it.
    """
    if _leads_outside(name.replace("\\", "/")):
        raise outside(os.fspath(archive), name)


def _leads_outside(path: str) -> bool:
    return path.startswith("/") or bool(re.match("[A-Za-z]:", path)) or ".." in path.split("/")


def outside(archive: str, name: str) -> DataError:
    """The error for a member name that leads outside."""
    return DataError(
        f"{archive}: has a member named {name!r}",
        expected="relative names without '..'",
        cure="do not unpack it, get the archive from its source again",
    )


def too_many(archive: str) -> DataError:
    """The error for more members than an index is made for."""
    return DataError(
        f"{archive}: has more than {MAX_MEMBERS:,} members",
        expected="at most that many",
        cure="unpack it and give the folder",
    )


def text(name: bytes, otherwise: str) -> str:
    """A member's name: UTF-8, as all programs write today, or in the alphabet that older ones used."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode(otherwise)


def join(*parts: str) -> str:
    """A member's name from folders and file; "" stands for the source's own folder.

    >>> join("", "train", "n01"), join("", "")
    ('train/n01', '')
    """
    return "/".join(part for part in parts if part)


def parts_of(name: str) -> list[str]:
    """The folders and the file in a member's name."""
    return [part for part in name.split("/") if part not in ("", ".")]


def split_at_tar(member: str, is_file: Callable[[str], bool]) -> tuple[str, str] | None:
    """("train/n01.tar", "a.JPEG") of "train/n01.tar/a.JPEG", if the first part is a file; else None."""
    if ".tar" in member:
        parts = member.split("/")
        for k, part in enumerate(parts, 1):
            if part.endswith(".tar") and is_file("/".join(parts[:k])):
                return "/".join(parts[:k]), "/".join(parts[k:])
    return None
