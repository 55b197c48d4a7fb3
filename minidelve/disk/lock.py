"""A lock file: held by one process at a time, and by none that has ended.

The system's own lock on the open file decides, so a process that was killed holds nothing, whatever its file says. A
file system without such locks (some network drives) leaves only the file's text: everybody who wants the lock adds a
line, and the first line of a process that runs has it. Then a process of this machine that is gone is taken for dead,
and one of another machine for alive.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import socket
import time
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from minidelve.disk.files import open_file, status

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
PATIENCE = 0.3  # seconds: whoever only looks holds it for a moment
PAUSE = 0.05
TEXT_BYTES = 2**16  # at most, of a lock file
OTHER = "another process"
LINE = re.compile(r"(process (\d{1,9}) on (\S+)), ([0-9a-f]{8})")

_lines_of_mine: set[str] = set()  # by which this process holds a lock or asks for one


class InUse(Exception):
    """Another process holds the lock; str() says which."""


class Lock:
    """The lock file `path`, taken. Raises InUse while another process holds it, OSError where it cannot be written."""

    def __init__(self, path: Path):
        self.path = path
        self._line = f"process {os.getpid()} on {socket.gethostname()}, {secrets.token_hex(4)}"
        until = time.monotonic() + PATIENCE
        _lines_of_mine.add(self._line)
        try:
            while True:
                try:
                    self._file = self._take()
                    return
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise InUse(_who(_text(path)) or OTHER) from None
                    time.sleep(PAUSE)
        except BaseException:
            _lines_of_mine.discard(self._line)
            raise

    def _take(self) -> FileIO:
        while True:
            file = open(self.path, "a+b", buffering=0)  # noqa: SIM115 (it stays open as long as the lock is held)
            try:
                if _lock_file(file):
                    if self._is_there(file):
                        self._sign(file)
                        return file
                else:
                    self._queue(file)
                    if self._is_there(file):
                        return file
                file.close()  # the holder before us removed it between two of our calls
            except BaseException:
                file.close()
                raise

    def _is_there(self, file: FileIO) -> bool:
        return self.path.exists() and os.path.samestat(os.fstat(file.fileno()), self.path.stat())

    def _sign(self, file: FileIO) -> None:
        """Say in the file who holds it. Nothing of a full disk: a lock without a name is a lock too."""
        try:
            file.truncate(0)
            file.write(self._line.encode())
        except OSError:
            pass

    def _queue(self, file: FileIO) -> None:
        """Without the system's locks: add our line; InUse if the line of another comes first."""
        self._refuse_if_not_first()
        file.write(f"\n{self._line}".encode())  # the file is open to append: nobody's line is written over
        time.sleep(2 * PAUSE)  # other machines see a network drive a little later
        self._refuse_if_not_first()

    def _refuse_if_not_first(self) -> None:
        first = _first_alive(_text(self.path))
        if first is not None and first != self._line:
            raise InUse(f"{_who(first)} (if that has ended, remove {self.path})")

    def release(self) -> None:
        """Give the lock back and remove its file."""
        _lines_of_mine.discard(self._line)
        if os.name == "nt":  # Windows removes no open file
            self._file.close()
            _remove_if_unused(self.path)
        else:
            self.path.unlink(missing_ok=True)
            self._file.close()


def owner(path: Path) -> str | None:
    """Who holds the lock file `path`; None if nobody does, or if it cannot be read. Nothing is written."""
    try:
        status(path)  # to open a pipe would be to wait for a writer
        with open(path, "r+b" if os.name == "nt" else "rb") as file:
            if _lock_file(file, shared=True):
                return None
            return _who(_first_alive(_text(path)))
    except BlockingIOError:
        return _who(_text(path)) or OTHER
    except OSError:
        return None


def _text(path: Path) -> str:
    """What a lock file says about its holder."""
    try:
        with open_file(path) as file:
            return file.read(TEXT_BYTES).decode(errors="replace")
    except OSError:
        return ""


def _who(text: str | None) -> str | None:
    """The process that the first line of a lock file names: "process 4711 on tahiti"."""
    named = LINE.match(text.lstrip("\n")) if text else None
    return named and named[1]


def _first_alive(text: str) -> str | None:
    """The first line of a lock file whose process may still run."""
    return next((line for line in text.split("\n") if _alive(line)), None)


def _alive(line: str) -> bool:
    """Whether the process that a line of a lock file names may still run and want it."""
    named = LINE.fullmatch(line)
    if not named:
        return False
    if named[3] != socket.gethostname():
        return True
    pid = int(named[2])
    if pid == os.getpid():
        return line in _lines_of_mine
    try:
        os.kill(pid, 0)  # signal 0 only asks
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _remove_if_unused(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        return  # the next process has it already


def _lock_file(file: FileIO | BinaryIO, shared: bool = False) -> bool:
    """Lock an open file; False where the file system has no locks. BlockingIOError while another process has it."""
    if os.name == "nt":
        msvcrt: Any = __import__("msvcrt")
        file.seek(1 << 20)  # a byte beyond the text, which others may read meanwhile
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error
        finally:
            file.seek(0)
        return True
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return False
    return True
