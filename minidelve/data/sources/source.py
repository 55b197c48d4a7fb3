"""A folder, a zip and a tar archive behind one face: list a folder, read a member.

Members are named by relative paths with "/", such as "train/n01443537/images/a.JPEG". Names come
sorted: the order in which a disk or an archive happens to hold them must not reach the labels.

A .tar that lies in a folder is itself entered like a folder: "train/n01443537.tar/a.JPEG".
"""

import os
from pathlib import Path

from minidelve.data.sources.folder import Folder
from minidelve.data.sources.tar import Tar, is_tar
from minidelve.data.sources.zip import Zip
from minidelve.errors import DataError

Source = Folder | Zip | Tar


def open_source(path: str | os.PathLike[str]) -> Source:
    """A folder, a zip or a tar archive. Raises DataError if there is none at the path."""
    if not os.path.exists(path):
        raise DataError(
            f"{os.fspath(path)}: does not exist; expected a folder (images or a packed store), a .zip, "
            "a .tar or the word 'toy'; check the path"
        )
    if os.path.isdir(path):
        return Folder(Path(path))
    return Tar(Path(path)) if is_tar(path) else Zip(Path(path))
