"""Folders and files that belong to one process at a time.

    with OwnFolder(path, {"last.npz"}, "--out runs/a"):  a folder of known files
    with own_file(path, "--json speed.json"):             a file that is written when the work is done
    with own_name(path):                                  a name beside which work is prepared
    tidy(path)                                            what is finished, but killed before it was cleared up
    with new_folder(path, "toy-images") as folder:        a folder that appears when all of it is there
    holder(path)                                          who works in a folder

The owner holds a lock file, .lock in the folder or .NAME.lock beside the file, which says who it is. The system drops
the lock of a process that was killed, and the next one takes it and removes what was left unfinished. (Locks: lock.py.)
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self

from minidelve.disk.files import (
    BEGINNING,
    ROOM,
    cannot_be_replaced,
    disk_errors,
    followed,
    is_unfinished,
    remove_unfinished,
    replace,
    scratch_folder,
    try_room,
)
from minidelve.disk.lock import InUse, Lock, owner
from minidelve.errors import RunError, UserError

LOCK = ".lock"


class OwnFolder:
    """A folder in which one process at a time writes files of known names.

    path      need not be there yet
    names     of the files that belong in such a folder; unfinished ones of any name count with them
    what      how the user knows it, such as "--out runs/a"
    folders   names of the folders in it that belong to it

    As a context manager it makes the folder, takes its lock, removes what a killed process left unfinished, and tries
    whether there is room for small files. When the block ends, the lock goes, and so do the folders that it made
    itself, if they are empty. Subclasses say in `guard` what may lie there already.
    """

    def __init__(
        self,
        path: Path,
        names: Collection[str],
        what: str,
        error: type[UserError] = RunError,
        folders: Collection[str] = (),
    ):
        self.path, self.names, self.what, self.error = path, frozenset(names), what, error
        self.folders = frozenset(folders)
        self._lock: Lock | None = None
        self._made: list[Path] = []

    def guard(self) -> None:
        """UserError when the folder cannot be used as asked, for what lies there."""
        raise NotImplementedError

    def look(self) -> None:
        """UserError when another process works there or the folder cannot be used as asked. Nothing is written."""
        if working := holder(self.path):
            raise in_use(self.what, working, self.error)
        self.guard()

    def try_out(self) -> None:
        """UserError when the folder cannot be entered and written now. It is left as it was."""
        with self:
            pass

    def try_room(self, size: int) -> None:
        """UserError when there is no room for `size` bytes."""
        with disk_errors(self.what, error=self.error):
            try_room(self.path, size)

    def present(self) -> list[str]:
        """What lies there finished, sorted; UserError where something other than a folder lies there."""
        return [name for name in self._names() if name != LOCK and not is_unfinished(name)]

    def strangers(self) -> list[str]:
        """What lies there and is not of this kind of folder."""
        return [name for name in self.present() if not self._belongs(name)]

    def _belongs(self, name: str) -> bool:
        path = self.path / name
        return name in self.names and os.path.isfile(path) or name in self.folders and os.path.isdir(path)

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

    def remove(self, names: Collection[str] | None = None) -> None:
        """Remove files of this folder, all by default; what is not of this kind of folder stays. Raises OSError."""
        for name in self.names if names is None else self.names.intersection(names):
            (self.path / name).unlink(missing_ok=True)

    def clean(self) -> None:
        """Remove what a process that was killed left unfinished. Raises OSError."""
        remove_unfinished(self.path)

    def __enter__(self) -> Self:
        self._names()  # says what is wrong with the path, if anything is
        check_links(self.path, self.what, self.error)
        with disk_errors(self.what, "name another folder", self.error):
            missing = missing_folders(self.path)
            self._made = missing
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                self._lock = Lock(self.path / LOCK)
            except BaseException as refused:
                self._remove_made()
                if isinstance(refused, InUse):
                    raise in_use(self.what, str(refused), self.error) from None
                raise
            try:
                self.guard()
                self.clean()
                with disk_errors(self.what, error=self.error):
                    try_room(self.path)
            except BaseException:
                self.__exit__()
                raise
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._lock is not None
        with suppress(OSError, UserError):  # a disk that has gone must not hide why the block ended
            self.clean()
        self._lock.release()
        self._remove_made()

    def _remove_made(self) -> None:
        """Remove the folders that were made and are still empty, innermost first."""
        for folder in self._made:
            try:
                folder.rmdir()
            except OSError:
                return


@contextmanager
def own_name(path: Path, what: str, error: type[UserError] = RunError) -> Iterator[None]:
    """Inside this block `path`, whose folder is there, is prepared by this process alone; UserError if by another.

    What killed processes left unfinished beside it is removed. Raises OSError.
    """
    try:
        lock = Lock(path.with_name(f".{path.name[:BEGINNING]}.lock"))
    except InUse as refused:
        raise in_use(what, str(refused), error) from None
    try:
        remove_unfinished(path.parent, of=path.name)
        yield
    finally:
        lock.release()


def tidy(path: Path) -> None:
    """Remove what killed processes left beside a finished `path`; nothing where another works or none can write."""
    with suppress(OSError, UserError), own_name(path, f"{path}"):
        pass


@contextmanager
def own_file(path: Path, what: str, error: type[UserError] = RunError) -> Iterator[None]:
    """Inside this block a file that is written as the work goes on (write_whole) belongs to this process.

    UserError, before the work, if it could not be written: a folder, a link that leads nowhere, a full disk.
    """
    with ExitStack() as stack:
        with disk_errors(what, "name another file", error):
            if path.is_dir():
                raise error(f"{what} is a folder", cure="name a file in it")
            if not cannot_be_replaced(path):
                place = followed(path)
                check_links(place.parent, what, error)
                folder = place.absolute().parent
                if not folder.is_dir():
                    raise error(
                        f"{what.removesuffix(':')}: there is no folder {folder}",
                        cure="make it, or name a file in one that exists",
                    )
                stack.enter_context(own_name(place, what, error))
                try_room(folder, of=place.name)
        yield


@contextmanager
def new_folder(path: Path, what: str, error: type[UserError] = RunError, size: int = ROOM) -> Iterator[Path]:
    """A folder to be filled inside the block: at `path` when the block ends, gone when it fails.

    size    bytes that there should be room for

    UserError if there is something already that is not an empty folder, or if it cannot be written.
    """
    check_links(path, what, error)
    place = Path(os.path.realpath(path))
    with disk_errors(what, error=error):
        place.parent.mkdir(parents=True, exist_ok=True)
        with own_name(place, what, error), scratch_folder(place) as scratch:
            if place.exists() and (not place.is_dir() or any(place.iterdir())):
                raise error(f"{what} already exists and is not an empty folder", cure="name a new one")
            if place == Path.cwd() or os.path.ismount(place):  # nothing can be moved there
                raise error(f"{what} is the current folder or a disk", cure="name a new folder in it")
            try_room(scratch, size)
            yield scratch
            if place.exists():
                place.rmdir()  # Windows replaces no folder
            replace(scratch, place)


def holder(folder: Path) -> str | None:
    """Who works in the folder, such as "process 4711 on tahiti"; None if nobody does."""
    return owner(folder / LOCK)


def in_use(what: str, working: str, error: type[UserError] = RunError) -> UserError:
    """The error for a place in which another process works."""
    return error(f"{what} is in use by {working}", cure="wait for it, or name another place")


def missing_folders(path: Path) -> list[Path]:
    """The path and its parents as far as they are not there, innermost first."""
    absolute = path.absolute()
    return [folder for folder in (absolute, *absolute.parents) if not os.path.exists(folder)]


def check_links(path: Path, what: str, error: type[UserError] = RunError) -> None:
    """UserError where the path, or one of its parents, is a link that leads to nothing."""
    for link in (path, *path.parents):
        if os.path.islink(link) and not os.path.exists(link):
            raise error(
                f"{what.removesuffix(':')}: the link {link} leads to {os.path.realpath(link)}, which is not there",
                cure="bring back what it leads to, or name another place",
            )
