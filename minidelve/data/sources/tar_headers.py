"""The headers of a tar, one after the other (POSIX.1-2017, pax, section "ustar Interchange Format"; GNU tar manual).

    bytes     0-99   100-107  124-135  148-155   156   157-256  257-262   345-499
              name   mode     size     checksum  type  link     "ustar"   what stands before the name

Numbers are octal digits, or, as GNU writes large ones, binary after a byte of 0x80. A name that is too long stands in
a member of its own before: GNU's type "L", or the "path" of a pax header, type "x". The end is a block of zeros.
"""

import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from minidelve.data.sources.members import text

BLOCK = 512
FILE, FOLDER, SPECIAL = "file", "folder", "special"
ABOUT_THE_NEXT = b"LKxXg"  # long names of a file and of what a link points to, pax headers
LABEL = b"V"
SPECIAL_TYPES = b"12346SM"  # links, devices, pipes, sparse files, the rest of another volume's file
MAX_EXTENDED = 2**20  # bytes of a long name or a pax header


class Header(NamedTuple):
    """A member: where its bytes lie in the file."""

    name: str
    kind: str
    begin: int
    size: int


def headers(file: BinaryIO, start: int, end: int) -> Iterator[Header]:
    """The members of the tar in bytes `start` to `end` of an open file. Raises ValueError where damaged, OSError."""
    at = start
    for_all: dict[str, bytes] = {}  # what is told of all that follows
    told = for_all  # and of the next member
    while True:
        block = b""
        if at + BLOCK <= end:
            file.seek(at)
            block = file.read(BLOCK)
        if len(block) < BLOCK:
            raise ValueError("it has no end mark, so it is cut short or damaged")
        if not block[0] and not any(block):
            return
        _check(block)
        kind, begin, size = block[156:157], at + BLOCK, _number(block[124:136])
        if kind in ABOUT_THE_NEXT:
            if size > MAX_EXTENDED:
                raise ValueError(f"a name or extended header has {size} bytes")
            told = told | _told(kind, file.read(size))
            for_all = told if kind == b"g" else for_all
        else:
            if told:
                size = _decimal(told["size"]) if "size" in told else size
            if kind == b"5":  # nothing follows a folder, whatever its size
                size = 0
            if kind != LABEL:
                yield _header(block, told, begin, size)
            told = for_all
        at = begin + -(-size // BLOCK) * BLOCK


def _told(kind: bytes, content: bytes) -> dict[str, bytes]:
    """What a member of a type of ABOUT_THE_NEXT tells."""
    if kind == b"L":
        return {"path": content.partition(b"\0")[0]}
    return {} if kind == b"K" else _records(content)


def _header(block: bytes, told: dict[str, bytes], begin: int, size: int) -> Header:
    name, kind = block[:100].partition(b"\0")[0], block[156:157]
    if block[345] and block[257:263] == b"ustar\0":
        name = block[345:500].partition(b"\0")[0] + b"/" + name
    if told:
        name = told.get("path", name)
        kind = b"S" if "sparse" in told else kind
    is_folder = kind == b"5" or name.endswith(b"/")  # tars before POSIX had no type of folders
    what = SPECIAL if kind in SPECIAL_TYPES else FOLDER if is_folder else FILE
    return Header(text(name, "latin-1"), what, begin, size)


def _check(block: bytes) -> None:
    """ValueError unless the checksum fits: the sum of the header's bytes, its own counted as spaces.

    zlib.adler32 is the quick way to a sum of bytes: its lower half is 1 + the sum, modulo 65521.
    """
    summed = zlib.adler32(block[:148] + b"        " + block[156:]) & 0xFFFF
    if (_number(block[148:156]) + 1) % 65521 != summed:
        raise ValueError("a header is damaged, or what follows a member is no header")


def _number(field: bytes) -> int:
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.partition(b"\0")[0].strip()
    if not digits.isdigit() and digits:
        raise ValueError(f"a header is damaged: {digits!r} is no number")
    return int(digits or b"0", 8)


def _decimal(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 20:
        raise ValueError("an extended header holds a size that is no number")
    return int(digits)


def _records(content: bytes) -> dict[str, bytes]:
    """What is used of a pax header: path, size, and whether the file is sparse.

    Its records are "LENGTH KEY=VALUE\\n", where the length counts the whole.
    """
    records: dict[str, bytes] = {}
    at = 0
    while at < len(content) and content[at]:
        digits, _, _ = content[at : at + 20].partition(b" ")
        end = at + _decimal(digits)
        key, equals, value = content[at + len(digits) + 1 : end - 1].partition(b"=")
        if not equals or end > len(content) or content[end - 1 : end] != b"\n":
            raise ValueError("an extended header is damaged")
        if key in (b"path", b"size"):
            records[key.decode()] = value
        elif key.startswith(b"GNU.sparse"):
            records["sparse"] = value
        at = end
    return records
