"""A tar archive, read in place.

A tar is its members one after the other: a header of 512 bytes (tar_headers.py), then the bytes of the file as
they are, filled up to a multiple of 512. So a member is a byte range, and once the headers have been walked any of
them is read by seek and read; nothing is unpacked to the disk.

A tar inside a tar is a byte range too, and its members are ranges of the same outer file. ImageNet
comes that way: ILSVRC2012_img_train.tar holds n01440764.tar and 999 more. Such a tar is entered
like a folder, by its own name, "n01440764.tar/n01440764_10026.JPEG"; its headers are walked only
then, so that the list of classes costs a thousand headers and not a million.

Only a plain .tar can be read so: a .tar.gz has to be decompressed from its beginning.
"""

from pathlib import Path

from minidelve.data.door import door
from minidelve.data.sources.archive import MAX_MEMBER_BYTES, ArchiveFile, Indexing, check_size
from minidelve.data.sources.members import Entries, Index, split_at_tar
from minidelve.data.sources.tar_headers import FILE, FOLDER, headers
from minidelve.errors import DataError

DAMAGED = OSError, OverflowError, ValueError


class Tar:
    """The tar in bytes `start` to `end` of the file at `path`; `name` is what to call it.

    Safe to read from several threads.
    """

    opens_tars = True

    def __init__(
        self, path: Path, name: str = "", start: int = 0, end: int | None = None, file: ArchiveFile | None = None
    ):
        self.path, self.name = path, name or str(path)
        self._index: Index[tuple[int, int]] = Index(self.name)  # first byte, size
        self._inner: dict[str, Tar] = {}
        with door(
            self.name,
            "is not a tar archive that can be read",
            *DAMAGED,
            expected="a plain .tar",
            cure="fetch it again, or decompress a .tar.gz first",
        ):
            self._file = file or ArchiveFile(path)
            end = self._file.size if end is None else end
            said = Indexing(self.name, start, end)
            with self._file.open() as opened:
                for number, (name, kind, begin, size) in enumerate(headers(opened, start, end)):
                    if kind == FOLDER:
                        self._index.add_folder(name)
                    elif kind == FILE:
                        self._index.add(name, (begin, size))
                    else:
                        raise DataError(
                            f"{self.describe(name)}: is a link or another special file",
                            expected="files and folders only",
                            cure="pack the archive anew (tar --hard-dereference -h)",
                        )
                    if number % 1024 == 0:
                        said.at(number, begin)

    def _enter(self, member: str) -> tuple["Tar", str] | None:
        """The tar inside this one that the member lies in, and its name there."""
        split = split_at_tar(member, lambda name: self._index.place(name) is not None)
        if split is None:
            return None
        if split[0] not in self._inner:
            start, size = self._place(split[0])
            self._inner[split[0]] = Tar(self.path, self.describe(split[0]), start, start + size, self._file)
        return self._inner[split[0]], split[1]

    def _place(self, member: str) -> tuple[int, int]:
        """Where a member lies: first byte and size. Raises DataError if it is not there."""
        place = self._index.place(member)
        if place is None:
            raise DataError(f"{self.describe(member)}: is not in the archive", cure="fetch the archive again")
        return place

    def entries(self, folder: str = "") -> Entries:
        """What `folder` holds; nothing if there is no such folder."""
        inner = self._enter(folder)
        return inner[0].entries(inner[1]) if inner else self._index.entries(folder)

    def read(self, member: str, most: int = MAX_MEMBER_BYTES) -> bytes:
        """The bytes of a member. DataError if it is missing, cannot be read or has more than `most` bytes."""
        inner = self._enter(member)
        if inner and inner[1]:
            return inner[0].read(inner[1], most)
        start, size = self._place(member)
        name = self.describe(member)
        check_size(name, size, most)
        with (
            door(name, "cannot be read", *DAMAGED, cure="check the archive and its permissions"),
            self._file.open() as file,
        ):
            file.seek(start)
            return file.read(size)

    def describe(self, member: str = "") -> str:
        """`archive.tar!member`, for messages."""
        return f"{self.name}{'/' if '!' in self.name else '!'}{member}" if member else self.name
