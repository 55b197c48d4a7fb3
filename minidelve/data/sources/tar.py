"""A tar archive, read in place.

A tar is its members one after the other: a header of 512 bytes, then the bytes of the file as
they are, filled up to a multiple of 512. So a member is a byte range, and once the headers have
been walked any of them is read by seek and read; nothing is unpacked to the disk.

A tar inside a tar is a byte range too, and its members are ranges of the same outer file. ImageNet
comes that way: ILSVRC2012_img_train.tar holds n01440764.tar and 999 more. Such a tar is entered
like a folder, by its own name, "n01440764.tar/n01440764_10026.JPEG"; its headers are walked only
then, so that the list of classes costs a thousand headers and not a million.

Only a plain .tar can be read so: a .tar.gz has to be decompressed from its beginning.
"""

import os
import tarfile
from pathlib import Path

from minidelve.data.door import door
from minidelve.data.sources.members import Entries, check_name, parts_of, split_at_tar, tree, twice
from minidelve.errors import DataError

BLOCK = 512


class Tar:
    """The tar in bytes `start` to `end` of the file at `path`; `name` is what to call it.

    Safe to read from several threads: every read opens the file for itself, which costs little
    beside decoding, and a thousand class archives never hold a thousand open files.
    """

    opens_tars = True

    def __init__(self, path: Path, name: str = "", start: int = 0, end: int | None = None):
        self.path, self.name = path, name or str(path)
        self._ranges: dict[str, tuple[int, int]] = {}  # member -> (first byte, size)
        self._inner: dict[str, Tar] = {}
        with (
            door(
                self.name,
                "is not a tar archive that can be read",
                tarfile.TarError,
                OSError,
                expected="a plain .tar",
                cure="fetch it again, or decompress a .tar.gz first",
            ),
            open(path, "rb") as file,
        ):
            end = os.fstat(file.fileno()).st_size if end is None else end
            file.seek(start)
            with tarfile.open(fileobj=file, mode="r:") as tar:
                self._entries = tree([self._note(member, end) for member in tar])
                # tarfile takes any bytes that are not a header for the end. The end is a block of zeros.
                file.seek(tar.offset)
                if file.read(BLOCK) != bytes(BLOCK):
                    raise tarfile.ReadError("it has no end mark, so it is cut short or damaged")

    def _note(self, member: tarfile.TarInfo, end: int) -> tuple[list[str], bool]:
        """Remember where a member's bytes lie; its parts and whether it is a folder."""
        check_name(self.name, member.name)
        parts = parts_of(member.name)
        if member.isdir():
            return parts, True
        name = "/".join(parts)
        if not member.isreg() or member.issparse():
            raise DataError(
                f"{self.describe(name)}: is a link or another special file",
                expected="files and folders only",
                cure="pack the archive anew (tar --hard-dereference -h)",
            )
        if member.offset_data + member.size > end:
            raise tarfile.ReadError(f"{name} goes beyond its end")
        if name in self._ranges:
            raise twice(self.describe(name))
        self._ranges[name] = member.offset_data, member.size
        return parts, False

    def _enter(self, member: str) -> tuple["Tar", str] | None:
        """The tar inside this one that the member lies in, and its name there."""
        split = split_at_tar(member, self._ranges.__contains__)
        if split is None:
            return None
        if split[0] not in self._inner:
            start, size = self._ranges[split[0]]
            self._inner[split[0]] = Tar(self.path, self.describe(split[0]), start, start + size)
        return self._inner[split[0]], split[1]

    def entries(self, folder: str = "") -> Entries:
        """What `folder` holds; nothing if there is no such folder."""
        inner = self._enter(folder)
        return inner[0].entries(inner[1]) if inner else self._entries.get(folder, Entries([], []))

    def read(self, member: str) -> bytes:
        """The bytes of a member. Raises DataError if it is missing or cannot be read."""
        inner = self._enter(member)
        if inner and inner[1]:
            return inner[0].read(inner[1])
        if member not in self._ranges:
            raise DataError(f"{self.describe(member)}: is not in the archive", cure="fetch the archive again")
        start, size = self._ranges[member]
        name = self.describe(member)
        with (
            door(name, "cannot be read", OSError, cure="check the archive and its permissions"),
            open(self.path, "rb") as file,
        ):
            file.seek(start)
            content = file.read(size)
        if len(content) < size:
            raise DataError(f"{name}: the archive has become shorter", cure="fetch it again")
        return content

    def describe(self, member: str = "") -> str:
        """`archive.tar!member`, for messages."""
        return f"{self.name}{'/' if '!' in self.name else '!'}{member}" if member else self.name


def is_tar(path: str | os.PathLike[str]) -> bool:
    """Whether the file is a plain tar, told by the mark in its first header or else by its suffix."""
    try:
        with open(path, "rb") as file:
            return file.read(BLOCK)[257:262] == b"ustar" or str(path).endswith(".tar")
    except OSError:
        return False
