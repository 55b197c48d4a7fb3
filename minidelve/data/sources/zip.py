"""A zip archive, read in place: nothing is ever unpacked to the disk."""

import lzma
import threading
import zipfile
import zlib
from pathlib import Path

from minidelve.data.door import door
from minidelve.data.sources.members import Entries, check_name, parts_of, tree, twice
from minidelve.errors import DataError

# What zipfile raises. RuntimeError: encrypted, or (as NotImplementedError) an unknown compression.
DAMAGED = zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError
MAX_MEMBER_BYTES = 2**30  # a member of a zip may unpack to any size; no picture is this large


class Zip:
    """A zip archive, read in place: nothing is ever unpacked to the disk.

    Safe to read from several threads: a lock lets one at a time use the open file. Pictures hardly
    compress, so what waits behind the lock is a copy; decoding happens outside it.
    """

    opens_tars = False  # a compressed tar could only be read from its beginning

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()
        self._members: dict[str, zipfile.ZipInfo] = {}
        with door(
            str(path),
            "is not a zip archive that can be read",
            *DAMAGED,
            expected="a folder or a .zip or a plain .tar",
            cure="unpack other archives first",
        ):
            self._zip = zipfile.ZipFile(path)
            self._entries = tree([self._note(info) for info in self._zip.infolist()])

    def _note(self, info: zipfile.ZipInfo) -> tuple[list[str], bool]:
        """Remember a member; the parts of its name and whether it is a folder."""
        check_name(self.path, info.orig_filename)
        parts = parts_of(info.filename)
        if not info.is_dir() and parts and self._members.setdefault("/".join(parts), info) is not info:
            raise twice(self.describe(info.filename))
        return parts, info.is_dir()

    def entries(self, folder: str = "") -> Entries:
        """What `folder` holds; nothing if there is no such folder."""
        return self._entries.get(folder, Entries([], []))

    def read(self, member: str) -> bytes:
        """The bytes of a member. Raises DataError if it is missing, damaged, encrypted or huge."""
        info = self._members.get(member)
        if info is None:
            raise DataError(f"{self.describe(member)}: is not in the archive", cure="fetch the archive again")
        if info.file_size > MAX_MEMBER_BYTES:
            raise DataError(
                f"{self.describe(member)}: unpacks to {info.file_size / 2**20:.0f} MiB",
                expected=f"at most {MAX_MEMBER_BYTES // 2**20}",
                cure="remove it from the archive",
            )
        with (
            door(
                self.describe(member), "cannot be read", *DAMAGED, cure="fetch the archive again or remove the member"
            ),
            self._lock,
        ):
            return self._zip.read(info)

    def describe(self, member: str = "") -> str:
        """`archive.zip!member`, for messages."""
        return f"{self.path}!{member}" if member else str(self.path)
