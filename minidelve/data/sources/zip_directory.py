"""The directory of a zip: what the archive holds, and where (PKWARE's APPNOTE.TXT 6.3.10, section 4.3).

A zip ends with a record that says how long its directory is, which lies before that record. A zip64, of more than
65,535 members or 4 GiB, has a second record with wider numbers in between. Something else may lie before the first
member, such as a program that unpacks the rest: then all positions are meant from where the zip begins.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from minidelve.data.sources.members import text

END = struct.Struct("<4s4H2LH")  # mark, disk, disk of the directory, members here and in all, size, begin, comment
LOCATOR = struct.Struct("<4sLQL")  # mark, disk, where the second record is, number of disks
END64 = struct.Struct("<4sQ2H2L4Q")  # mark, size, versions, disks, members here and in all, size, begin
# Mark, flags, method, CRC-32, packed size, size, lengths of name, extra fields and comment, disk, header.
ENTRY = struct.Struct("<4s4xHH4x3L3HH6xL")
NAME = struct.Struct("<4s4xH18x3H")  # of an entry: mark, flags, lengths of name, extra fields and comment
MARK, ZIP_MARK = b"PK\1\2", b"PK\5\6"
ZIP_END = END.size + 2**16  # the last record, and the comment that may follow it
MAX_BYTES = 2**29  # some five million members
ENCRYPTED, UTF8, FULL, FULL16, EXTRA64 = 0x41, 0x800, 2**32 - 1, 2**16 - 1, 1
UNIX, MACOS = 3, 19  # the systems whose kinds of files an entry's attributes tell


class Directory(NamedTuple):
    """The entries of a zip one after the other, and where its first byte lies in the file."""

    content: bytes
    begin: int


class Entry(NamedTuple):
    """What the directory says of a member; sizes in bytes."""

    flags: int
    method: int
    crc32: int
    packed_size: int
    size: int
    header: int  # where in the file


def read_directory(file: BinaryIO, size: int) -> Directory:
    """The directory of an open zip of so many bytes. Raises ValueError if it has none, OSError."""
    tail = _read(file, max(0, size - ZIP_END), ZIP_END)
    found = tail.rfind(ZIP_MARK)
    if found < 0 or len(tail) - found < END.size:
        raise ValueError("it has no directory at its end, so it is no zip, or cut short")
    end = size - len(tail) + found
    _, disk, of_directory, _, _, length, begin, _ = END.unpack_from(tail, found)
    locator = tail[found - LOCATOR.size : found] if found >= LOCATOR.size else b""
    if locator.startswith(b"PK\6\7"):
        end -= LOCATOR.size + END64.size
        record = _read(file, max(0, end), END64.size)
        if not record.startswith(b"PK\6\6") or len(record) < END64.size:
            raise ValueError("the wide record at its end is damaged")
        _, _, _, _, disk, of_directory, _, _, length, begin = END64.unpack(record)
    if disk or of_directory:
        raise ValueError("it is one volume of several: join them first")
    if length > MAX_BYTES:
        raise ValueError(f"its directory has {length / 2**20:.0f} MiB, and at most {MAX_BYTES // 2**20} are read")
    if end - length - begin < 0:
        raise ValueError("its directory would begin before the file does")
    return Directory(_read(file, end - length, length), end - length - begin)


def names(directory: Directory) -> Iterator[tuple[int, str]]:
    """Where each entry begins in the directory, and the member's name. Raises ValueError where one is damaged."""
    content, at = directory.content, 0
    while at < len(content):
        if len(content) - at < ENTRY.size:
            raise ValueError("its directory is cut short")
        mark, _, of_name, of_extra, of_comment = NAME.unpack_from(content, at)
        end = at + ENTRY.size + of_name
        if mark != MARK or end > len(content):
            raise ValueError("its directory is damaged")
        yield at, text(content[at + ENTRY.size : end], "cp437")
        at = end + of_extra + of_comment


def entry(directory: Directory, at: int) -> Entry:
    """The entry that begins there. Raises ValueError if it is damaged."""
    _, flags, method, crc32, packed, size, of_name, of_extra, _, disk, header = ENTRY.unpack_from(directory.content, at)
    extra = at + ENTRY.size + of_name
    wide = _wide_numbers(directory.content[extra : extra + of_extra])
    # Those that do not fit stand in the extra field, in this order.
    size, packed, header, disk = (
        next(wide, number) if number == full else number
        for number, full in ((size, FULL), (packed, FULL), (header, FULL), (disk, FULL16))
    )
    if disk:
        raise ValueError("it lies in another volume of the archive")
    return Entry(flags, method, crc32, packed, size, header + directory.begin)


def unix_mode(directory: Directory, at: int) -> int:
    """What kind of file the entry that begins there stands for, in Unix's terms; 0 where its writer had none."""
    (system,) = struct.unpack_from("<5xB", directory.content, at)
    (attributes,) = struct.unpack_from("<38xL", directory.content, at)
    return attributes >> 16 if system in (UNIX, MACOS) else 0


def _wide_numbers(extra: bytes) -> Iterator[int]:
    """The 8-byte numbers of the zip64 field; the last, of a disk, may have 4."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == EXTRA64:
            for number in range(at + 4, min(at + 4 + length, len(extra)), 8):
                yield int.from_bytes(extra[number : min(number + 8, at + 4 + length)], "little")
            return
        at += 4 + length


def _read(file: BinaryIO, at: int, length: int) -> bytes:
    file.seek(at)
    return file.read(length)
