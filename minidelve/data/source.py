"""A folder and a zip archive behind one face: list a folder, read a member.

Members are named by relative paths with "/", such as "train/n01443537/images/a.JPEG". Names come
sorted: the order in which a disk or an archive happens to hold them must not reach the labels.
"""

import lzma
import os
import re
import threading
import zipfile
import zlib
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from minidelve.data.errors import DataError

# Left behind by desktops and file managers, never meant as data.
_SYSTEM_NAMES = {"Thumbs.db", "desktop.ini", "__MACOSX"}

MAX_MEMBER_BYTES = 2**30  # a member of a zip may unpack to any size; no picture is this large


class Entries(NamedTuple):
    """The names in one folder, sorted, without hidden ones."""

    folders: list[str]
    files: list[str]


def _visible(names) -> list[str]:
    return sorted(name for name in names if not name.startswith(".") and name not in _SYSTEM_NAMES)


class Folder:
    """A folder on the disk."""

    def __init__(self, path: Path):
        self.path = path

    def entries(self, folder: str = "") -> Entries:
        """What `folder` holds. Raises DataError if it cannot be listed."""
        names: tuple[list[str], list[str]] = ([], [])
        try:
            with os.scandir(self.path / folder) as found:
                for entry in found:
                    names[0 if entry.is_dir() else 1].append(entry.name)
        except OSError as error:
            raise DataError(f"{self.describe(folder)}: cannot be listed ({error.strerror}); check the "
                            "path and its permissions") from error
        return Entries(_visible(names[0]), _visible(names[1]))

    def read(self, member: str) -> bytes:
        """The bytes of a member. Raises DataError if it cannot be read."""
        try:
            return (self.path / member).read_bytes()
        except OSError as error:
            raise DataError(f"{self.describe(member)}: cannot be read ({error.strerror}); check the "
                            "path and its permissions") from error

    def describe(self, member: str = "") -> str:
        """The member's path, for messages."""
        return str(self.path / member)


class Zip:
    """A zip archive, read in place: nothing is ever unpacked to the disk.

    Safe to read from several threads: a lock lets one at a time use the open file. Pictures hardly
    compress, so what waits behind the lock is a copy; decoding happens outside it.
    """

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise DataError(f"{path}: is no zip archive that can be read ({error}); expected a folder or "
                            "a .zip; unpack other archives first") from error
        self._members: dict[str, zipfile.ZipInfo] = {}
        folders: dict[str, set[str]] = defaultdict(set)
        files: dict[str, set[str]] = defaultdict(set)
        for info in self._zip.infolist():
            parts = self._parts(info)
            for depth in range(len(parts) - 1):  # most archives name no folders, only files
                folders["/".join(parts[:depth])].add(parts[depth])
            if info.is_dir():
                folders["/".join(parts[:-1])].update(parts[-1:])
            elif parts:
                files["/".join(parts[:-1])].add(parts[-1])
                if self._members.setdefault("/".join(parts), info) is not info:
                    raise DataError(f"{self.describe(info.filename)}: is there twice; expected every name "
                                    "once; pack the archive anew")
        self._entries = {folder: Entries(_visible(folders[folder]), _visible(files[folder]))
                         for folder in {*folders, *files}}

    def _parts(self, info: zipfile.ZipInfo) -> list[str]:
        """The folders and the file in a member's name; a name that leads outside is refused.

        Reading in place would not follow it. But such an archive is broken or hostile, and the
        user should know before another program unpacks it.
        """
        name = info.orig_filename
        if name.startswith("/") or re.match("[A-Za-z]:", name) or "\\" in name or ".." in name.split("/"):
            raise DataError(f"{self.path}: has a member named {name!r}; expected relative names with '/' and "
                            "without '..'; do not unpack it, get the archive from its source again")
        return [part for part in info.filename.split("/") if part not in ("", ".")]

    def entries(self, folder: str = "") -> Entries:
        """What `folder` holds; nothing if there is no such folder."""
        return self._entries.get(folder, Entries([], []))

    def read(self, member: str) -> bytes:
        """The bytes of a member. Raises DataError if it is missing, damaged, encrypted or huge."""
        info = self._members.get(member)
        if info is None:
            raise DataError(f"{self.describe(member)}: is not in the archive")
        if info.file_size > MAX_MEMBER_BYTES:
            raise DataError(f"{self.describe(member)}: unpacks to {info.file_size / 2**20:.0f} MiB; expected "
                            f"at most {MAX_MEMBER_BYTES // 2**20}; remove it from the archive")
        try:
            with self._lock:
                return self._zip.read(info)
        # RuntimeError: encrypted, or (as NotImplementedError) an unknown compression.
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError) as error:
            raise DataError(f"{self.describe(member)}: cannot be read ({error}); fetch the archive again "
                            "or remove the member") from error

    def describe(self, member: str = "") -> str:
        """`archive.zip!member`, for messages."""
        return f"{self.path}!{member}" if member else str(self.path)


Source = Folder | Zip


def open_source(path: str | os.PathLike[str]) -> Source:
    """A folder or a zip archive. Raises DataError if there is neither at the path."""
    if not os.path.exists(path):
        raise DataError(f"{os.fspath(path)}: does not exist; expected a folder, a .zip or the word 'toy'; "
                        "check the path")
    return Folder(Path(path)) if os.path.isdir(path) else Zip(Path(path))
