"""A submission, read from a zip or a folder into a fresh folder, whoever made it.

    unpacked(Path("lab3-anna.zip"), into=folder)

A zip is read as minidelve/data/sources reads one: names that lead outside, doubled ones, encrypted and damaged members
are refused there. What is refused here: links and devices, names that a system takes for something else, and more
than a submission needs. Sizes are counted as the bytes come, whatever the zip says of itself. Nothing is ever written
outside the fresh folder, and no link in it is made.

What people do to zips by hand is understood: one folder around everything, desktops' own files, a zip in a folder.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from minidelve.data.door import door
from minidelve.data.sources.members import parts_of
from minidelve.data.sources.zip import DAMAGED, Zip
from minidelve.data.sources.zip_directory import entry, names, read_directory, unix_mode
from minidelve.disk.files import open_file, read_file
from minidelve.errors import DataError, shown

MOST_PACKED = 2**24  # bytes of a zip
MOST_FILE = 2**22  # bytes of a file in it
MOST_BYTES = 2**25  # bytes of all files
MOST_FILES = 500
MOST_RATIO = 200  # bytes that a byte of a zip unpacks to; source has 5, zeros 1000
SMALL = 2**16  # bytes, up to which a ratio is no matter
LONGEST_NAME = 100  # bytes of a name of a folder or file
LONGEST_STUDENT = 60
NEVER = frozenset('<>:"|?*')  # which Windows takes for something else
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10))}
JUNK = {"__MACOSX", "__pycache__", ".DS_Store", "Thumbs.db", "desktop.ini", ".git", ".venv", ".ipynb_checkpoints"}
TOPS = re.compile(r"kernels|minidelve|lab\d+|\.course")  # what lies at the top of a student's folder
MEANS = "a zip as `minidelve lab submit` makes it"
AGAIN = "ask for it again"


@dataclass(frozen=True)
class File:
    """A file of a submission: its place in parts, and how to read at most so many of its bytes."""

    parts: tuple[str, ...]
    read: Callable[[int], bytes]
    packed: int | None = None  # bytes, in a zip

    @property
    def name(self) -> str:
        return "/".join(self.parts)


def unpacked(path: Path, into: Path) -> list[str]:
    """Read a submission into the folder `into`, which is new; the names of its files. DataError in one line."""
    found = list(bounded(path.name, files_of(path)))
    if not found:
        raise DataError(f"{path.name} holds no files", expected=MEANS, cure=AGAIN)
    written, total = [], 0
    for file, parts in zip(found, without_tops([file.parts for file in found])):
        content = read(path.name, file, MOST_BYTES - total)
        total += len(content)
        place = into.joinpath(*parts)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with open(place, "xb") as new:
                new.write(content)
        except OSError as error:  # folders in folders without end, or a full disk
            raise DataError(
                f"{path.name}!{shown(file.name)} cannot be written ({error.strerror or error})", cure=AGAIN
            ) from error
        written.append("/".join(parts))
    return written


def read(submission: str, file: File, room: int) -> bytes:
    """The bytes of a file; DataError for more than it may have, or than there is room for."""
    try:
        content = file.read(MOST_FILE)
    except OSError as error:
        raise unreadable(f"{submission}!{file.name}", error) from error
    if len(content) > room:
        found = f"{submission} unpacks to more than {MOST_BYTES // 2**20} MiB"
        raise DataError(found, expected="source files, texts and a few pictures", cure=AGAIN)
    if file.packed is not None and len(content) > max(SMALL, MOST_RATIO * file.packed):
        found = f"{submission}!{file.name} unpacks to {len(content)} bytes from {file.packed}"
        raise DataError(found, expected=f"at most {MOST_RATIO} times as many", cure=AGAIN)
    return content


def files_of(path: Path) -> Iterator[File]:
    """The files of a submission, desktops' own left out. DataError where it can be no submission."""
    try:
        kind = os.lstat(path).st_mode
        if stat.S_ISLNK(kind):
            raise DataError(f"{path.name} is a link", expected=MEANS, cure="put the file itself there")
        if stat.S_ISDIR(kind):
            yield from files_of_folder(path)
        else:
            yield from files_of_zip(path)
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read ({error.strerror or error})", expected=MEANS, cure=AGAIN
        ) from error


def files_of_zip(path: Path) -> Iterator[File]:
    """The files of a zip."""
    found: list[tuple[str, int, int]] = []  # name, mode and packed size of each member
    with door(path.name, "is no zip that can be read", *DAMAGED, expected=MEANS, cure=AGAIN), open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MOST_PACKED:
            large = f"{path.name} has {size / 2**20:.0f} MiB"
            raise DataError(large, expected=f"at most {MOST_PACKED // 2**20}", cure=AGAIN)
        directory = read_directory(file, size)
        for at, name in names(directory):
            found.append((name.replace("\\", "/"), unix_mode(directory, at), entry(directory, at).packed_size))
            if len(found) > 4 * MOST_FILES:  # folders and desktops' own files count here
                raise too_many(path.name)
    archive = Zip(path)
    for name, mode, packed in found:
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            link = f"{path.name}!{shown(name)} is a link or a device"
            raise DataError(link, expected="files and folders", cure=AGAIN)
        parts = tuple(parts_of(name))
        if not name.endswith("/") and JUNK.isdisjoint(parts):
            yield File(parts, partial(archive.read, "/".join(parts)), packed)


def files_of_folder(path: Path) -> Iterator[File]:
    """The files below a folder; those of the zip in it, where there is nothing else."""
    inside = [name for name in sorted(os.listdir(path)) if name not in JUNK]
    if len(inside) == 1 and inside[0].lower().endswith(".zip") and not (path / inside[0]).is_dir():
        yield from files_of(path / inside[0])
        return
    stack: list[tuple[str, ...]] = [()]
    while stack:
        above = stack.pop()
        with os.scandir(path.joinpath(*above)) as found:
            for item in sorted(found, key=lambda item: item.name):
                parts = (*above, item.name)
                if item.name in JUNK:
                    continue
                if item.is_dir(follow_symlinks=False):
                    stack.append(parts)
                elif item.is_file(follow_symlinks=False):
                    yield File(parts, partial(read_file, item.path))
                else:
                    found_ = f"{shown('/'.join([path.name, *parts]))} is a link or a device"
                    raise DataError(found_, expected="files and folders", cure=AGAIN)


def bounded(submission: str, files: Iterable[File]) -> Iterator[File]:
    """The files, as long as there are not too many, and each has a name of its own on every system."""
    seen: set[str] = set()
    for file in files:
        for part in file.parts:
            if not is_plain(part):
                found = f"{submission} has a file named {shown(file.name)}"
                raise DataError(found, expected="names that every system can write", cure=AGAIN)
        key = unicodedata.normalize("NFC", file.name).casefold()
        if key in seen:
            raise DataError(f"{submission} has {shown(file.name)} twice", expected="every name once", cure=AGAIN)
        seen.add(key)
        if len(seen) > MOST_FILES:
            raise too_many(submission)
        yield file


def is_plain(part: str) -> bool:
    """Whether a name of a folder or file means the same on every system.

    >>> is_plain("prelu.py"), is_plain("C:"), is_plain("nul.py"), is_plain("a ")
    (True, False, False, False)
    """
    return (
        part.isprintable()
        and NEVER.isdisjoint(part)
        and part == part.rstrip(" .")
        and part.partition(".")[0].lower() not in DEVICES
        and len(part.encode(errors="replace")) <= LONGEST_NAME
    )


def unreadable(what: str, error: OSError) -> DataError:
    """The error for what the system does not read."""
    return DataError(f"{what} cannot be read ({error.strerror or error})", expected=MEANS, cure=AGAIN)


def too_many(submission: str) -> DataError:
    """The error for more files than a submission has."""
    found = f"{submission} holds more than {MOST_FILES} files"
    return DataError(found, expected="the files of the labs", cure="ask for it again, without other folders in it")


def without_tops(all_parts: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The places without folders that lie around everything.

    >>> without_tops([("my lab", "kernels", "a.py"), ("my lab", "lab3", "answers.md")])
    [('kernels', 'a.py'), ('lab3', 'answers.md')]
    """
    while len({parts[0] for parts in all_parts}) == 1 and min(map(len, all_parts)) > 1:
        if TOPS.fullmatch(all_parts[0][0]):
            break
        all_parts = [parts[1:] for parts in all_parts]
    return all_parts


def student_of(name: str, lab: int) -> str:
    """Who the student is, by the name of the file or folder: in letters that a file's name and a table can hold.

    >>> student_of("lab3-anna.zip", 3), student_of("Ben Ode_1234_assignsubmission_file_", 3), student_of("=1+1.zip", 3)
    ('anna', 'Ben_Ode_1234', '1+1')
    """
    stem = re.sub(r"\.zip$", "", unicodedata.normalize("NFC", name), flags=re.IGNORECASE)
    stem = re.sub(rf"^lab[ _-]?{lab}[ _-]+|_assignsubmission_file_?$", "", stem, flags=re.IGNORECASE)
    plain = re.sub(r"[^\w.@+-]+", "_", stem).lstrip("-+=@._")[:LONGEST_STUDENT].rstrip("._")
    return plain or "unnamed"
