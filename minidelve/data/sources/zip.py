"""A zip archive, read in place: nothing is ever unpacked to the disk.

Not with the standard library's zipfile, which takes half a minute and two gigabytes for the names of a million
members, and lets a lock stand between the threads that read.
"""

import bz2
import lzma
import struct
import zlib
from pathlib import Path

from minidelve.data.door import door
from minidelve.data.sources.archive import MAX_MEMBER_BYTES, ArchiveFile, Indexing, check_size
from minidelve.data.sources.members import Entries, Index
from minidelve.data.sources.zip_directory import ENCRYPTED, Directory, Entry, entry, names, read_directory
from minidelve.errors import DataError

# What the libraries raise about strange bytes, besides what we say ourselves with ValueError.
DAMAGED = zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, OverflowError, ValueError
LOCAL_HEADER = struct.Struct("<26x2H")  # lengths of name and extra field, which come next
METHODS = {
    1: "shrink", 6: "implode", 9: "Deflate64", 93: "Zstandard", 95: "XZ", 96: "JPEG", 98: "PPMd", 99: "AES encryption",
}  # fmt: skip
MAX_PACKED_SLACK = 2**16  # a method may make what does not compress a little longer


class Zip:
    """A zip archive, read in place. Safe to read from several threads."""

    opens_tars = False  # a compressed tar could only be read from its beginning

    def __init__(self, path: Path):
        self.path = path
        self._index: Index[int] = Index(str(path))  # where the entry begins in the directory
        with door(
            str(path),
            "is not a zip archive that can be read",
            *DAMAGED,
            expected="a folder or a .zip or a plain .tar",
            cure="unpack other archives first",
        ):
            self._file = ArchiveFile(path)
            with self._file.open() as file:
                self._directory = read_directory(file, self._file.size)
            self._index_members(self._directory)

    def _index_members(self, directory: Directory) -> None:
        said = Indexing(str(self.path), 0, len(directory.content))
        for number, (at, name) in enumerate(names(directory)):
            if name.endswith(("/", "\\")):
                self._index.add_folder(name)
            else:
                self._index.add(name, at)
            if number % 1024 == 0:
                said.at(number, at)

    def entries(self, folder: str = "") -> Entries:
        """What `folder` holds; nothing if there is no such folder."""
        return self._index.entries(folder)

    def read(self, member: str, most: int = MAX_MEMBER_BYTES) -> bytes:
        """The bytes of a member. DataError if it is missing, damaged, encrypted or has more than `most` bytes."""
        at = self._index.place(member)
        name = self.describe(member)
        if at is None:
            raise DataError(f"{name}: is not in the archive", cure="fetch the archive again")
        with door(name, "cannot be read", *DAMAGED, cure="fetch the archive again or remove the member"):
            found = entry(self._directory, at)
            check_size(name, found.size, most)
            if found.flags & ENCRYPTED:
                raise ValueError("it is encrypted: unpack the archive with its password, and pack it anew")
            content = _unpacked(found, self._packed(found))
            if zlib.crc32(content) != found.crc32:
                raise ValueError("Bad CRC-32: its bytes have changed")
        return content

    def _packed(self, found: Entry) -> bytes:
        """The bytes of a member as they lie in the archive."""
        if found.packed_size > found.size + found.size // 64 + MAX_PACKED_SLACK:
            raise ValueError("the directory gives it a false size")
        with self._file.open() as file:
            file.seek(found.header)
            header = file.read(LOCAL_HEADER.size)
            if not header.startswith(b"PK\3\4") or len(header) < LOCAL_HEADER.size:
                raise ValueError("it is not where the directory says")
            of_name, of_extra = LOCAL_HEADER.unpack(header)
            file.seek(of_name + of_extra, 1)
            packed = file.read(found.packed_size)
        if len(packed) < found.packed_size:
            raise EOFError("the archive is cut short")
        return packed

    def describe(self, member: str = "") -> str:
        """`archive.zip!member`, for messages."""
        return f"{self.path}!{member}" if member else str(self.path)


def _unpacked(found: Entry, packed: bytes) -> bytes:
    """A member's content; never more than its size, whatever it would unfold to. Raises ValueError and others."""
    most = found.size + 1
    if found.method == 0:
        content = packed
    elif found.method == 8:
        content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, most)
    elif found.method == 12:
        content = bz2.BZ2Decompressor().decompress(packed, most)
    elif found.method == 14:
        # As a .lzma file: 5 bytes of properties, the size (unknown if an end mark follows), the data.
        size = b"\xff" * 8 if found.flags & 2 else found.size.to_bytes(8, "little")
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MAX_MEMBER_BYTES)
        content = unpacker.decompress(packed[4:9] + size + packed[9:], most)
    else:
        known = f", {METHODS[found.method]}" if found.method in METHODS else ""
        raise ValueError(f"its compression (method {found.method}{known}) is not read: pack it anew with Deflate")
    if len(content) != found.size:
        raise ValueError(f"it does not have the {found.size} bytes that the directory gives it")
    return content
