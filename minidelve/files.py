"""Files and folders: written whole or not at all, used by one process at a time, tried before the work begins.

    read_file(path, most)                  a whole file, if it is one and has at most so many bytes
    write_whole(path, text)                a small file
    with writing_whole(path) as file: ...  a large one, or one that a library fills
    with scratch_folder(path) as scratch:  a place beside it, for a folder or download that is not finished
    check_writable(folder)                 before hours of work, not after them
    with disk_errors("--out runs/a"): ...  what a full disk raises becomes one line
    with OwnFolder(path, {"last.npz"}): .. a folder that belongs to this process

A file is written under a name of its own beside its place and moved there when complete: whenever the power fails
or two processes write at once, what lies there is the old file or a new one, never a mixture. A process that is
killed leaves its unfinished file behind; whoever owns the folder next removes it.

What is not a file, such as /dev/null or a pipe, cannot be replaced: it is written to as it is.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import socket
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Self

from minidelve.errors import RunError, UserError

UNFINISHED = re.compile(r".+\.\d+-[0-9a-f]{6}\.unfinished")  # the name that `unfinished` gives
UNFINISHED_OF_OLD = ("last.unfinished", "best.unfinished", "unfinished")  # the names that earlier versions gave
OPEN_ALREADY = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/")  # names that stand for what is open already
LOCK = ".lock"


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """A file, open for reading. Raises OSError, for anything but a file before it is opened.

    To open a pipe is to wait for a writer, and a device may never end.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe" if stat.S_ISFIFO(mode) else "a device or socket"
        raise OSError(errno.EINVAL, f"it is {kind}, not a file")
    return open(path, "rb")


def read_file(path: str | os.PathLike[str], most: int) -> bytes:
    """The bytes of a file, at most `most`. Raises OSError, for a larger one before it is read."""
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise OSError(errno.EFBIG, f"it has {size / 2**20:.0f} MiB, and at most {most // 2**20} are read")
        return file.read(most)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file (text as UTF-8), replacing an old one only when complete. Raises OSError."""
    with writing_whole(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


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
    beside = unfinished(path)
    try:
        with open(beside, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:  # a full disk, Ctrl-C
        beside.unlink(missing_ok=True)
        raise


def cannot_be_replaced(path: Path) -> bool:
    """Whether something other than a file is there, or one that stands for an open file, as /dev/stdout does."""
    return path.exists() and (not path.is_file() or str(path.absolute()).startswith(OPEN_ALREADY))


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
    return path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(3)}.unfinished")


def is_unfinished(name: str) -> bool:
    """Whether a file of this name was being written, by this process or by one that was killed.

    >>> is_unfinished("last.npz.4711-0af39c.unfinished"), is_unfinished("notes-unfinished")
    (True, False)
    """
    return bool(UNFINISHED.fullmatch(name)) or name in UNFINISHED_OF_OLD


@contextmanager
def disk_errors(
    what: str, cure: str = "make room there or name another folder", error: type[UserError] = RunError
) -> Iterator[None]:
    """Inside this block, what a full or protected disk raises becomes one line about `what`, such as "--out runs/a"."""
    try:
        yield
    except OSError as raised:
        raise error(f"{what} cannot be written ({raised.strerror or raised})", cure=cure) from raised


def check_writable(folder: Path, what: str, error: type[UserError] = RunError) -> None:
    """UserError when `folder`, which need not exist yet, cannot be written. It is tried, and leaves nothing behind."""
    nearest = nearest_existing(folder)
    try:
        os.rmdir(tempfile.mkdtemp(prefix=".minidelve-", dir=nearest))
    except OSError as raised:
        why = f"{raised.strerror} in {nearest}"
        raise error(f"{what} cannot be written ({why})", cure="name another folder") from raised


def nearest_existing(path: Path) -> Path:
    """The path itself, or the first of its parents that is there."""
    return next(p for p in (path.absolute(), *path.absolute().parents) if p.exists())


class OwnFolder:
    """A folder in which one process at a time writes files of known names.

    path    need not be there yet
    names   of the files that belong in such a folder; unfinished ones of any name count with them
    what    how the user knows it, such as "--out runs/a"

    As a context manager it makes the folder and holds its lock. When the block ends, the lock goes, and so do the
    folders that it made itself, if they are empty. The system drops the lock of a process that was killed.
    Subclasses say in `guard` what may lie there already.
    """

    def __init__(self, path: Path, names: Collection[str], what: str, error: type[UserError] = RunError):
        self.path, self.names, self.what, self.error = path, frozenset(names), what, error
        self._lock: BinaryIO | None = None
        self._made: list[Path] = []

    def guard(self) -> None:
        """UserError when the folder cannot be used as asked: looked at before the work, and again under the lock."""
        raise NotImplementedError

    def present(self) -> list[str]:
        """The finished files that lie there, sorted; UserError where something other than a folder lies there."""
        return [name for name in self._names() if name != LOCK and not is_unfinished(name)]

    def strangers(self) -> list[str]:
        """What lies there and is not of this kind of folder."""
        return [name for name in self.present() if name not in self.names]

    def _names(self) -> list[str]:
        try:
            return sorted(os.listdir(self.path))
        except FileNotFoundError:
            return []
        except NotADirectoryError:
            where = f"{self.what} is a file or lies under one"
            raise self.error(where, expected="a folder, or a new name") from None
        except OSError as raised:
            raise self.error(f"{self.what} cannot be read ({raised.strerror})", cure="name another folder") from raised

    def check_writable(self) -> None:
        """UserError when nothing can be written there."""
        check_writable(self.path, self.what, self.error)

    def remove(self, names: Collection[str] | None = None) -> None:
        """Remove files of this folder, all by default; what is not of this kind of folder stays. Raises OSError."""
        for name in self._names():
            if is_unfinished(name) or name in (self.names if names is None else names):
                (self.path / name).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        absolute = self.path.absolute()
        missing = [p for p in (absolute, *absolute.parents) if not p.exists()]
        with disk_errors(self.what, "name another folder", self.error):
            self.path.mkdir(parents=True, exist_ok=True)
            self._made = missing
            try:
                self._lock = lock(self.path / LOCK)
            except BlockingIOError:
                self._remove_made()
                raise self.error(
                    f"{self.what} is in use by {owner(self.path / LOCK)}", cure="wait for it, or name another folder"
                ) from None
            try:
                self.guard()
                self.remove(names=())  # what a process that was killed left unfinished
            except BaseException:
                self.__exit__()
                raise
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._lock is not None
        unlock(self._lock, self.path / LOCK)
        self._remove_made()

    def _remove_made(self) -> None:
        """Remove the folders that were made and are still empty, innermost first."""
        for folder in self._made:
            try:
                folder.rmdir()
            except OSError:
                return


def lock(path: Path) -> BinaryIO:
    """Take the lock file `path`, which says who holds it; BlockingIOError while another process does."""
    while True:
        file = open(path, "a+b")  # noqa: SIM115 (it stays open as long as the lock is held)
        try:
            _lock_file(file)
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                break
            file.close()  # the holder before us removed it between our two calls
        except BaseException:
            file.close()
            raise
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
    file.flush()
    return file


def unlock(file: BinaryIO, path: Path) -> None:
    """Give the lock back and remove its file."""
    if os.name == "nt":  # Windows removes no open file
        file.close()
        _remove_if_unused(path)
    else:
        path.unlink(missing_ok=True)
        file.close()


def _remove_if_unused(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        return  # the next process has it already


def owner(path: Path) -> str:
    """What a lock file says about its holder."""
    try:
        return path.read_text(encoding="utf-8") or "another process"
    except OSError:
        return "another process"


def _lock_file(file: BinaryIO) -> None:
    if os.name == "nt":
        msvcrt: Any = __import__("msvcrt")
        file.seek(1 << 20)  # a byte beyond the text, which others may read meanwhile
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error
        finally:
            file.seek(0)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
