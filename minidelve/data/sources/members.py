"""What every archive needs: safe member names, and a folder tree made from a flat list of them."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from minidelve.errors import DataError

# Left behind by desktops and file managers, never meant as data.
_SYSTEM_NAMES = {"Thumbs.db", "desktop.ini", "__MACOSX"}


class Entries(NamedTuple):
    """The names in one folder, sorted, without hidden ones."""

    folders: list[str]
    files: list[str]


def visible(names: Iterable[str]) -> list[str]:
    """The names, sorted, without those of hidden files."""
    return sorted(name for name in names if not name.startswith(".") and name not in _SYSTEM_NAMES)


def check_name(archive: str | os.PathLike[str], name: str) -> None:
    """Raise DataError for a member name that leads outside the archive's own folder.

    Reading in place would not follow it. But such an archive is broken or hostile, and the user
    should know before another program unpacks it.
    """
    if name.startswith("/") or re.match("[A-Za-z]:", name) or "\\" in name or ".." in name.split("/"):
        raise DataError(
            f"{os.fspath(archive)}: has a member named {name!r}",
            expected="relative names with '/' and without '..'",
            cure="do not unpack it, get the archive from its source again",
        )


def twice(name: str) -> DataError:
    """The error for a member name that an archive holds twice."""
    return DataError(f"{name}: is there twice", expected="every name once", cure="pack the archive anew")


def parts_of(name: str) -> list[str]:
    """The folders and the file in a member's name."""
    return [part for part in name.split("/") if part not in ("", ".")]


def tree(members: Iterable[tuple[list[str], bool]]) -> dict[str, Entries]:
    """What each folder holds; a member is (parts of its name, whether it is a folder)."""
    folders: dict[str, set[str]] = defaultdict(set)
    files: dict[str, set[str]] = defaultdict(set)
    for parts, is_folder in members:
        for depth in range(len(parts) - 1):  # most archives name no folders, only files
            folders["/".join(parts[:depth])].add(parts[depth])
        if parts:
            (folders if is_folder else files)["/".join(parts[:-1])].add(parts[-1])
    return {folder: Entries(visible(folders[folder]), visible(files[folder])) for folder in {*folders, *files}}


def split_at_tar(member: str, is_file: Callable[[str], bool]) -> tuple[str, str] | None:
    """("train/n01.tar", "a.JPEG") of "train/n01.tar/a.JPEG", if the first part is a file; else None."""
    if ".tar" in member:
        parts = member.split("/")
        for k, part in enumerate(parts, 1):
            if part.endswith(".tar") and is_file("/".join(parts[:k])):
                return "/".join(parts[:k]), "/".join(parts[k:])
    return None
