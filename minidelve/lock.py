"""A lock file: held by one process at a time, and by none that has ended.

The system's own lock on the open file decides, so a process that was killed holds nothing, whatever its file says. A
file system without such locks (some network drives) leaves only the file's text: then a process of this machine that
is gone is taken for dead, and one of another machine for alive.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import time
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
PATIENCE = 0.3  # seconds: whoever only looks holds it for a moment
PAUSE = 0.05
TEXT_BYTES = 300  # at most, of a lock file
OTHER = "another process"


class InUse(Exception):
    """Another process holds the lock; str() says which."""


class Lock:
    """The lock file `path`, taken. Raises InUse while another process holds it, OSError where it cannot be written."""

    def __init__(self, path: Path):
        self.path = path
        self.me = f"process {os.getpid()} on {socket.gethostname()}"
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self._file = self._take()
                return
            except BlockingIOError:
                if time.monotonic() > until:
                    raise InUse(_text(path) or OTHER) from None
                time.sleep(PAUSE)

    def _take(self) -> FileIO:
        while True:
            file = open(self.path, "a+b", buffering=0)  # noqa: SIM115 (it stays open as long as the lock is held)
            try:
                locked = _lock_file(file)
                if not locked and _alive(_text(self.path)):
                    raise InUse(f"{_text(self.path)} (if that has ended, remove {self.path})")
                if self.path.exists() and os.path.samestat(os.fstat(file.fileno()), self.path.stat()):
                    self._sign(file)
                    if locked or self._still_mine():
                        return file
                    raise BlockingIOError
                file.close()  # the holder before us removed it between our two calls
            except BaseException:
                file.close()
                raise

    def _sign(self, file: FileIO) -> None:
        """Say in the file who holds it. Nothing of a full disk: a lock without a name is a lock too."""
        try:
            file.truncate(0)
            file.write(self.me.encode())
        except OSError:
            pass

    def _still_mine(self) -> bool:
        """Without the system's locks: whether nobody else signed at the same moment."""
        time.sleep(2 * PAUSE)
        return _text(self.path) == self.me

    def release(self) -> None:
        """Give the lock back and remove its file."""
        if os.name == "nt":  # Windows removes no open file
            self._file.close()
            _remove_if_unused(self.path)
        else:
            self.path.unlink(missing_ok=True)
            self._file.close()


def owner(path: Path) -> str | None:
    """Who holds the lock file `path`; None if nobody does, or if it cannot be read. Nothing is written."""
    try:
        with open(path, "r+b" if os.name == "nt" else "rb") as file:
            held = not _lock_file(file, shared=True) and _alive(_text(path))
    except BlockingIOError:
        held = True
    except OSError:
        return None
    return (_text(path) or OTHER) if held else None


def _text(path: Path) -> str:
    """What a lock file says about its holder."""
    try:
        with open(path, "rb") as file:
            return file.read(TEXT_BYTES).decode(errors="replace")
    except OSError:
        return ""


def _alive(said: str) -> bool:
    """Whether the process that a lock file names may still run."""
    named = re.fullmatch(r"process (\d{1,9}) on (.+)", said)
    if not named:
        return False
    if named[2] != socket.gethostname():
        return True
    try:
        os.kill(int(named[1]), 0)  # signal 0 only asks
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
