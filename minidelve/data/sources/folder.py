"""A folder on the disk as a source; a .tar in it is entered like a folder."""

import os
from pathlib import Path

from minidelve.data.door import door
from minidelve.data.sources.members import Entries, split_at_tar, visible
from minidelve.data.sources.tar import Tar

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
        """What `folder` holds. Raises DataError if it cannot be listed."""
        tar = self._enter(folder)
        if tar:
            return tar[0].entries(tar[1])
        names: tuple[list[str], list[str]] = ([], [])
        with (
            door(self.describe(folder), "cannot be listed", OSError, cure=CURE),
            os.scandir(self.path / folder) as found,
        ):
            for entry in found:
                names[0 if entry.is_dir() else 1].append(entry.name)
        return Entries(visible(names[0]), visible(names[1]))

    def read(self, member: str) -> bytes:
        """The bytes of a member. Raises DataError if it cannot be read."""
        tar = self._enter(member)
        if tar and tar[1]:
            return tar[0].read(tar[1])
        with door(self.describe(member), "cannot be read", OSError, cure=CURE):
            return (self.path / member).read_bytes()

    def describe(self, member: str = "") -> str:
        """The member's path, or `archive.tar!member`, for messages."""
        split = split_at_tar(member, lambda name: os.path.isfile(self.path / name))
        return str(self.path / split[0]) + "!" + split[1] if split and split[1] else str(self.path / member)
