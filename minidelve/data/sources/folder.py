"""A folder on the disk as a source; a .tar in it is entered like a folder."""

import errno
import os
import stat
from pathlib import Path

from minidelve.data.door import door
from minidelve.data.sources.archive import MAX_MEMBER_BYTES
from minidelve.data.sources.members import Entries, join, split_at_tar, visible
from minidelve.data.sources.tar import Tar
from minidelve.disk.files import read_file
from minidelve.errors import DataError

CURE = "check the path and its permissions"


class Folder:
    """A folder on the disk."""

    opens_tars = True

    def __init__(self, path: Path):
        self.path = path
        self._tars: dict[str, Tar] = {}

    def _enter(self, member: str) -> tuple[Tar, str] | None:
        """The tar that the member lies in, and its name there."""
        split = split_at_tar(member, lambda name: name in self._tars or os.path.isfile(self.path / name))
        if split is None:
            return None
        if split[0] not in self._tars:
            self._tars[split[0]] = Tar(self.path / split[0])
        return self._tars[split[0]], split[1]

    def entries(self, folder: str = "") -> Entries:
        """What `folder` holds. Raises DataError if it cannot be listed, or for a link that leads back to itself."""
        tar = self._enter(folder)
        if tar:
            return tar[0].entries(tar[1])
        folders: list[str] = []
        files: list[str] = []
        with (
            door(self.describe(folder), "cannot be listed", OSError, cure=CURE),
            os.scandir(self.path / folder) as found,
        ):
            for entry in found:
                if entry.is_symlink() and _is_loop(entry.path):
                    raise DataError(
                        f"{self.describe(join(folder, entry.name))}: is a link that leads back to itself",
                        cure="remove it",
                    )
                (folders if entry.is_dir() else files).append(entry.name)
        return Entries(visible(folders), visible(files))

    def read(self, member: str, most: int = MAX_MEMBER_BYTES) -> bytes:
        """The bytes of a member. Raises DataError if it is no file, cannot be read or has more than `most` bytes."""
        tar = self._enter(member)
        if tar and tar[1]:
            return tar[0].read(tar[1], most)
        with door(self.describe(member), "cannot be read", OSError, ValueError, cure=CURE):
            return read_file(self.path / member, most)

    def describe(self, member: str = "") -> str:
        """The member's path, or `archive.tar!member`, for messages."""
        split = split_at_tar(member, lambda name: os.path.isfile(self.path / name))
        return str(self.path / split[0]) + "!" + split[1] if split and split[1] else str(self.path / member)


def _is_loop(link: str) -> bool:
    """Whether a link leads to itself, or to the folder that it lies in or one above."""
    try:
        target = os.stat(link)
    except FileNotFoundError:
        return False  # it leads nowhere; that is told when it is read
    except OSError as error:
        return error.errno == errno.ELOOP
    above = Path(os.path.abspath(link)).parents
    return stat.S_ISDIR(target.st_mode) and any(os.path.samestat(target, folder.stat()) for folder in above)
