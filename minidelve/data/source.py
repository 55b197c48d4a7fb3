"""A folder, a zip and a tar archive behind one face: list a folder, read a member.

Members are named by relative paths with "/", such as "train/n01443537/images/a.JPEG". Names come
sorted: the order in which a disk or an archive happens to hold them must not reach the labels.

A .tar that lies in a folder is itself entered like a folder: "train/n01443537.tar/a.JPEG".
"""

import lzma
import os
import threading
import zipfile
import zlib
from pathlib import Path

from minidelve.data.members import Entries, check_name, parts_of, split_at_tar, tree, visible
from minidelve.data.tar import Tar, is_tar
from minidelve.errors import DataError

MAX_MEMBER_BYTES = 2**30  # a member of a zip may unpack to any size; no picture is this large


class Folder:
    """A folder on the disk."""

    opens_tars = True

    def __init__(self, path: Path):
        self.path = path
        self._tars: dict[str, Tar] = {}

    def _enter(self, member: str) -> tuple[Tar, str] | None:
        """The tar that the member lies in, and its name there."""
        split = split_at_tar(member, lambda name: name in self._tars or os.path.isfile(self.path / name))
        if split is None:
            return None
        if split[0] not in self._tars:
            self._tars[split[0]] = Tar(self.path / split[0])
        return self._tars[split[0]], split[1]

    def entries(self, folder: str = "") -> Entries:
        """What `folder` holds. Raises DataError if it cannot be listed."""
        tar = self._enter(folder)
        if tar:
            return tar[0].entries(tar[1])
        names: tuple[list[str], list[str]] = ([], [])
        try:
            with os.scandir(self.path / folder) as found:
                for entry in found:
                    names[0 if entry.is_dir() else 1].append(entry.name)
        except OSError as error:
            raise DataError(
                f"{self.describe(folder)}: cannot be listed ({error.strerror}); check the path and its permissions"
            ) from error
        return Entries(visible(names[0]), visible(names[1]))

    def read(self, member: str) -> bytes:
        """The bytes of a member. Raises DataError if it cannot be read."""
        tar = self._enter(member)
        if tar and tar[1]:
            return tar[0].read(tar[1])
        try:
            return (self.path / member).read_bytes()
        except OSError as error:
            raise DataError(
                f"{self.describe(member)}: cannot be read ({error.strerror}); check the path and its permissions"
            ) from error

    def describe(self, member: str = "") -> str:
        """The member's path, or `archive.tar!member`, for messages."""
        split = split_at_tar(member, lambda name: os.path.isfile(self.path / name))
        return str(self.path / split[0]) + "!" + split[1] if split and split[1] else str(self.path / member)


class Zip:
    """A zip archive, read in place: nothing is ever unpacked to the disk.

    Safe to read from several threads: a lock lets one at a time use the open file. Pictures hardly
    compress, so what waits behind the lock is a copy; decoding happens outside it.
    """

    opens_tars = False  # a compressed tar could only be read from its beginning

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise DataError(
                f"{path}: is no zip archive that can be read ({error}); expected a folder or "
                "a .zip or a plain .tar; unpack other archives first"
            ) from error
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._entries = tree([self._note(info) for info in self._zip.infolist()])

    def _note(self, info: zipfile.ZipInfo) -> tuple[list[str], bool]:
        """Remember a member; the parts of its name and whether it is a folder."""
        check_name(self.path, info.orig_filename)
        parts = parts_of(info.filename)
        if not info.is_dir() and parts and self._members.setdefault("/".join(parts), info) is not info:
            raise DataError(
                f"{self.describe(info.filename)}: is there twice; expected every name once; pack the archive anew"
            )
        return parts, info.is_dir()

    def entries(self, folder: str = "") -> Entries:
        """What `folder` holds; nothing if there is no such folder."""
        return self._entries.get(folder, Entries([], []))

    def read(self, member: str) -> bytes:
        """The bytes of a member. Raises DataError if it is missing, damaged, encrypted or huge."""
        info = self._members.get(member)
        if info is None:
            raise DataError(f"{self.describe(member)}: is not in the archive")
        if info.file_size > MAX_MEMBER_BYTES:
            raise DataError(
                f"{self.describe(member)}: unpacks to {info.file_size / 2**20:.0f} MiB; expected "
                f"at most {MAX_MEMBER_BYTES // 2**20}; remove it from the archive"
            )
        try:
            with self._lock:
                return self._zip.read(info)
        # RuntimeError: encrypted, or (as NotImplementedError) an unknown compression.
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError) as error:
            raise DataError(
                f"{self.describe(member)}: cannot be read ({error}); fetch the archive again or remove the member"
            ) from error

    def describe(self, member: str = "") -> str:
        """`archive.zip!member`, for messages."""
        return f"{self.path}!{member}" if member else str(self.path)


Source = Folder | Zip | Tar


def open_source(path: str | os.PathLike[str]) -> Source:
    """A folder, a zip or a tar archive. Raises DataError if there is none at the path."""
    if not os.path.exists(path):
        raise DataError(
            f"{os.fspath(path)}: does not exist; expected a folder (images or a packed store), a .zip, "
            "a .tar or the word 'toy'; check the path"
        )
    if os.path.isdir(path):
        return Folder(Path(path))
    return Tar(Path(path)) if is_tar(path) else Zip(Path(path))
