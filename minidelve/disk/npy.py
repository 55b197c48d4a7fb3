"""Files of arrays, .npy and .npz, read without trust.

    read_npy(file, size, dtypes, what)   one array
    with open_npz(path) as entries:      entries.floats(name), entries.text(name)

NumPy's own reader believes what a file says of itself: it makes room for any shape that a header claims, and unfolds
what is compressed as far as it goes. Here a header has to fit the room that its file has, no dtype is made but those
that are asked for, and nothing is evaluated or unpickled.

What is not as it should be raises ValueError, or what zipfile and zlib raise.
"""

from __future__ import annotations

import math
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from minidelve.disk.files import open_file
from minidelve.errors import one_line

FLOATS = tuple(np.dtype(f"{order}f{size}") for order in "<>" for size in (4, 8, 2))
MAGIC = b"\x93NUMPY\x01\x00"
HEADER = re.compile(
    r"\{'descr': (?P<descr>'[^']{1,20}'|\[[^\[\]]{1,400}\]), 'fortran_order': (?P<fortran>True|False), "
    r"'shape': \((?P<shape>(?:\d{1,18}(?:, \d{1,18}){0,30},?)?)\), \} *\n?"
)
MOST_LETTERS = 16 * 10**6  # of a text
MOST_DIRECTORY = 2**20  # bytes of the list of an .npz's entries: 10,000 of them
# Weights hardly compress, so the arrays of an .npz are not much larger than the file.
UNFOLDED, AND_BYTES = 4, 2**24


def read_npy(file: IO[bytes], size: int, dtypes: Sequence[np.dtype], what: str) -> np.ndarray:
    """The array of a .npy file that has `size` bytes in all and one of these dtypes, called `what`; in C order."""
    descr, fortran, shape, begin = _header(file)
    known = {repr(np.lib.format.dtype_to_descr(dtype)): dtype for dtype in dtypes}
    if descr not in known:
        raise ValueError(f"it holds {one_line(descr)}; expected {what}")
    dtype = known[descr]
    if begin + math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"its shape {shape} does not fit its {size} bytes")
    flat = np.empty(math.prod(shape), dtype)
    _fill(file, flat.view(np.uint8).data)
    return np.asarray(flat.reshape(shape, order="F" if fortran else "C"), order="C")


def read_text(file: IO[bytes], size: int) -> str:
    """The text of a .npy file that has `size` bytes in all and holds one text and nothing else."""
    descr, _, shape, begin = _header(file)
    kind = re.fullmatch(r"'([<>])U(\d{1,9})'", descr)
    if not kind or shape:
        raise ValueError(f"it holds {one_line(descr)} of shape {shape}; expected one text")
    letters = int(kind[2])
    if begin + 4 * letters != size or letters > MOST_LETTERS:
        raise ValueError(f"its text of {letters} letters does not fit its {size} bytes, or is too long")
    content = bytearray(4 * letters)
    _fill(file, memoryview(content))
    return content.decode("utf-32-le" if kind[1] == "<" else "utf-32-be").rstrip("\0")


def _header(file: IO[bytes]) -> tuple[str, bool, tuple[int, ...], int]:
    """What is said of the dtype, whether in Fortran's order, the shape, and where the numbers begin."""
    start = file.read(len(MAGIC) + 2)
    length = int.from_bytes(start[len(MAGIC) :], "little")
    said = HEADER.fullmatch(file.read(length).decode("latin-1"))
    if not start.startswith(MAGIC) or not said:
        raise ValueError("it has no header of a .npy file")
    shape = tuple(int(length) for length in said["shape"].split(",") if length.strip())
    return said["descr"], said["fortran"] == "True", shape, len(start) + length


def _fill(file: IO[bytes], room: memoryview) -> None:
    """Fill the room to its last byte from a file that ends there, so that a zip compares its checksum."""
    done = 0
    while done < len(room):
        content = file.read(min(2**20, len(room) - done))
        if not content:
            raise ValueError("it ends too early")
        room[done : done + len(content)] = content
        done += len(content)
    if file.read(1):
        raise ValueError("it is longer than its header says")


@contextmanager
def open_npz(path: str | os.PathLike[str]) -> Iterator[Npz]:
    """The entries of an .npz file, inside the block. Raises OSError, ValueError and what zipfile raises."""
    with open_file(path) as file, zipfile.ZipFile(_ShortReads(file)) as archive:
        yield Npz(archive, os.fstat(file.fileno()).st_size)


class Npz:
    """An open .npz. `names` are those of its entries, in their order, without .npy."""

    def __init__(self, archive: zipfile.ZipFile, size: int):
        self._zip, entries = archive, archive.infolist()
        self._entries = {entry.filename.removesuffix(".npy"): entry for entry in entries}
        self.names = list(self._entries)
        if len(self.names) < len(entries):
            raise ValueError("one of its entries is in it twice")
        unfolded = sum(entry.file_size for entry in entries)
        if unfolded > UNFOLDED * size + AND_BYTES:
            raise ValueError(f"its entries unfold to {unfolded / 1e6:,.0f} MB")

    def floats(self, name: str) -> np.ndarray:
        """An entry that is an array of floats, of whatever size and order of bytes."""
        return self._read(name, lambda file, size: read_npy(file, size, FLOATS, "floats"))

    def text(self, name: str) -> str:
        """An entry that is a text."""
        return self._read(name, read_text)

    def _read(self, name: str, how: Any) -> Any:
        if name not in self._entries:
            raise ValueError(f"it has no entry {name}")
        entry = self._entries[name]
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # zipfile unfolds others at once
            raise ValueError(f"{name} is compressed in an unusual way")
        with self._zip.open(entry) as file:
            try:
                return how(file, entry.file_size)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error


class _ShortReads:
    """A file for zipfile, which reads the list of a zip's entries in one go: refuses to read that much."""

    def __init__(self, file: IO[bytes]):
        self.file, self.seek, self.tell, self.seekable = file, file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """At most MOST_DIRECTORY bytes; ValueError where more are wanted."""
        content = self.file.read(size if 0 <= size <= MOST_DIRECTORY else MOST_DIRECTORY + 1)
        if len(content) > MOST_DIRECTORY:
            raise ValueError("it has too many entries")
        return content
