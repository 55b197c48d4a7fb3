"""Files and folders: written whole or not at all, and tried before the work begins.

    read_file(path, most)                  a whole file, if it is one and has at most so many bytes
    write_whole(path, text)                a small file
    with writing_whole(path) as file: ...  a large one, or one that a library fills
    with scratch_folder(path) as scratch:  a place beside it, for a folder or download that is not finished
    try_room(folder, size)                 before hours of work, not after them
    with disk_errors("--out runs/a"): ...  what a full disk raises becomes one line

A file is written under a name of its own beside its place and moved there when complete: whenever the power fails
or two processes write at once, what lies there is the old file or a new one, never a mixture. A process that is
killed leaves its unfinished file behind; whoever owns the place next removes it (owning.py).

A link is followed. What is not a file, such as /dev/null or a pipe, cannot be replaced: it is written to as it is.
"""

from __future__ import annotations

import csv
import errno
import io
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from minidelve.errors import RunError, UserError

UNFINISHED = re.compile(r"(.+)\.\d+-[0-9a-f]{6}\.unfinished")  # the names that `unfinished` gives
UNFINISHED_OF_OLD = ("last.unfinished", "best.unfinished", "unfinished")  # the names that earlier versions gave
BEGINNING = 50  # characters of a long name that an unfinished one begins with: a system allows 255 bytes in all
OPEN_ALREADY = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/")  # names that stand for what is open already
ROOM = 2**20  # bytes that there should be for figures and pages
CANNOT_RESERVE = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENODEV}


def status(path: str | os.PathLike[str]) -> os.stat_result:
    """os.stat of a file. Raises OSError, also where something other than a file is there."""
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        kind = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe"}.get(stat.S_IFMT(found.st_mode), "a device or socket")
        raise OSError(errno.EINVAL, f"it is {kind}, not a file")
    return found


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """A file, open for reading. Raises OSError, for anything but a file before it is opened.

    To open a pipe is to wait for a writer, and a device may never end.
    """
    status(path)
    return open(path, "rb")


def read_file(path: str | os.PathLike[str], most: int) -> bytes:
    """The bytes of a file, at most `most`. Raises OSError, for a larger one before it is read."""
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise OSError(errno.EFBIG, f"it has {size / 2**20:.0f} MiB, and at most {most // 2**20} are read")
        return file.read(most)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file (text as UTF-8), replacing an old one only when complete. Raises OSError.

    A byte of a file's name that is no text is written by its code, such as \\udce9.
    """
    with writing_whole(path) as file:
        file.write(content.encode(errors="backslashreplace") if isinstance(content, str) else content)


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """The text of a csv file: the names of the columns, then a line a row. Numbers are written to the last bit."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def copy_whole(source: Path, path: Path) -> None:
    """Copy a file to `path`, replacing an old one only when complete. Raises OSError."""
    with open(source, "rb") as original, writing_whole(path) as file:
        shutil.copyfileobj(original, file)


@contextmanager
def writing_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to be filled inside the block: in its place when the block ends, gone when it fails. Raises OSError.

    A path that is there and is not a file (a device, a pipe) is opened itself.
    """
    if cannot_be_replaced(path):
        with open(path, "ab") as stream:
            yield stream
        return
    place = followed(path)
    beside = unfinished(place)
    try:
        with open(beside, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        replace(beside, place)
    except BaseException:  # a full disk, Ctrl-C
        beside.unlink(missing_ok=True)
        raise


def cannot_be_replaced(path: Path) -> bool:
    """Whether something other than a file is there, or one that stands for an open file, as /dev/stdout does."""
    return path.exists() and (not path.is_file() or str(path.absolute()).startswith(OPEN_ALREADY))


def followed(path: Path) -> Path:
    """Where a link leads in the end, be something there or not; another path as it is."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def replace(new: Path, old: Path, patience: float = 2.0) -> None:
    """Move `new` into the place of `old`. Raises OSError.

    Windows refuses while another process reads the old file: it is asked again for `patience` seconds.
    """
    until = time.monotonic() + patience
    while True:
        try:
            return os.replace(new, old)
        except PermissionError:
            if os.name != "nt" or time.monotonic() > until:
                raise
            time.sleep(0.02)


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path` for what is not finished; gone with all in it when the block ends. Raises OSError."""
    scratch = unfinished(path)
    try:
        scratch.mkdir()
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def unfinished(path: Path) -> Path:
    """A name beside `path` that no other process or thread uses."""
    return path.with_name(f"{path.name[:BEGINNING]}.{os.getpid()}-{secrets.token_hex(3)}.unfinished")


def is_unfinished(name: str, of: str | None = None) -> bool:
    """Whether a file of this name was being written, by this process or by one that was killed.

    of    the name that it would have had when finished; None: any

    >>> is_unfinished("last.npz.4711-0af39c.unfinished"), is_unfinished("notes-unfinished")
    (True, False)
    >>> is_unfinished("last.npz.4711-0af39c.unfinished", of="best.npz")
    False
    """
    named = UNFINISHED.fullmatch(name)
    if of is not None:
        return named is not None and named[1] == of[:BEGINNING]
    return named is not None or name in UNFINISHED_OF_OLD


def remove_unfinished(folder: Path, of: str | None = None) -> None:
    """Remove what processes that were killed left unfinished in a folder, if there is one. Raises OSError.

    of    only what was to become this name
    """
    for name in os.listdir(folder) if folder.is_dir() else ():
        if is_unfinished(name, of):
            remove(folder / name)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it, if it is there. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def disk_errors(
    what: str, cure: str = "make room there or name another folder", error: type[UserError] = RunError
) -> Iterator[None]:
    """Inside this block, what a full or protected disk raises becomes one line about `what`, such as "--out runs/a"."""
    try:
        yield
    except OSError as raised:
        raise error(f"{what} cannot be written ({raised.strerror or raised})", cure=cure) from raised


def try_room(folder: Path, size: int = ROOM, of: str = "trial") -> None:
    """Write `size` bytes into a folder that is there, and remove them again. Raises OSError, as for a full disk.

    of    the name that they are unfinished under: whoever owns it next removes what a killed trial left
    """
    trial = unfinished(folder / of)
    try:
        with open(trial, "xb") as file:
            if os.name != "nt":  # which removes no open file
                trial.unlink()  # a process that is killed from here on leaves nothing
            _reserve(file, size, folder)
    finally:
        trial.unlink(missing_ok=True)


def _reserve(file: BinaryIO, size: int, folder: Path) -> None:
    """Take `size` bytes of the disk for the file, in a moment even if they are gigabytes."""
    if hasattr(os, "posix_fallocate"):
        try:
            return os.posix_fallocate(file.fileno(), 0, size)
        except OSError as refused:  # not every file system has it
            if refused.errno not in CANNOT_RESERVE:
                raise
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    file.write(bytes(min(size, ROOM)))
    file.flush()
