"""Data sets by name: downloaded, their checksum compared, ready to be read.

A download goes to a file of another name and is moved into place once its checksum is right. A .zip
is then ready: it is read in place. A .tgz is unpacked into a folder of another name, which is moved
into place once all of it is there. So a file or folder of the right name is always complete.

Unpacking trusts nobody: a member that leads outside the folder, or is a link or a device, stops it.
pooch can unpack too, but its Untar passes no filter to tarfile, and on Python 3.11 that means that
"../" in a member's name is followed. Hence only its download is used here.
"""

import gzip
import hashlib
import logging
import os
import tarfile
import zlib
from pathlib import Path
from typing import NamedTuple

from minidelve.data.door import door, reason
from minidelve.data.sources.members import check_name
from minidelve.data.sources.source import open_source
from minidelve.disk.files import disk_errors, replace, scratch_folder
from minidelve.disk.owning import check_links, own_name, tidy
from minidelve.errors import DataError
from minidelve.progress import bar

RETRIES = 2
DAMAGED = tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError  # what a damaged .tgz raises
_FASTAI = "https://s3.amazonaws.com/fast-ai-imageclas"


class Remote(NamedTuple):
    """A file on the web: its address and "md5:..." or "sha256:..."."""

    url: str
    checksum: str


# The MD5 sums are those in common use (imagenette's stand in torchvision's source). They were not
# compared with a download of our own, so a mismatch may also mean that the publisher has a new file.
DOWNLOADS = {
    "tiny-imagenet": Remote("http://cs231n.stanford.edu/tiny-imagenet-200.zip", "md5:90528d7ca1a48142e341f4ef8d21d0de"),
    "imagenette": Remote(f"{_FASTAI}/imagenette2-320.tgz", "md5:3df6f0d01a2c9592104656642f5e78a3"),
    "imagenette-160": Remote(f"{_FASTAI}/imagenette2-160.tgz", "md5:e793b78cc4c9e9a4ccc0c1155377a412"),
    "imagenette-full": Remote(f"{_FASTAI}/imagenette2.tgz", "md5:fe2fc210e6bb7c5664d602c3cd71e612"),
}


class Fetched(NamedTuple):
    """Where the data set is: a .zip or a folder, and whether it was there already."""

    path: Path
    was_there: bool


def fetch(
    name: str,
    directory: str | os.PathLike[str] = ".",
    *,
    url: str | None = None,
    sha256: str | None = None,
    registry: dict[str, Remote] = DOWNLOADS,
    retries: int = RETRIES,
    progressbar: bool = False,
) -> Fetched:
    """Download data set `name` of the registry into `directory`, unless it is there.

    `url` and `sha256` replace those of the registry, for a mirror or a newer file. A download that
    fails is repeated up to `retries` times. Raises DataError, with a line for the user, if it fails at
    last, its checksum is wrong, it would unpack to the outside, or the directory cannot be written.
    `progressbar` shows how far it is, on a terminal.
    """
    if name not in registry:
        raise DataError(f"no data set is called {name!r}", expected=f"one of {', '.join(registry)}")
    remote = registry[name]
    remote = Remote(url or remote.url, f"sha256:{sha256}" if sha256 else remote.checksum)
    folder = Path(directory)
    archive = folder / os.path.basename(remote.url.partition("?")[0])
    if archive.suffix not in (".zip", ".tgz"):
        raise DataError(
            f"--url {remote.url}: does not name an archive", expected="an address that ends in a .zip or a .tgz"
        )
    unpacked = archive.with_suffix("")
    if archive.suffix == ".tgz" and unpacked.is_dir():
        tidy(archive)
        tidy(unpacked)
        return Fetched(unpacked, True)
    check_links(folder, f"{folder}", DataError)
    with disk_errors(f"{folder}:", "free some space or name another folder with --dir", DataError):
        folder.mkdir(parents=True, exist_ok=True)
        was_there = _is_whole(archive, remote)
        if not was_there or archive.suffix == ".tgz":
            with own_name(archive, f"{archive}", DataError), own_name(unpacked, f"{unpacked}", DataError):
                if not _is_whole(archive, remote):
                    _download(remote, archive, retries, progressbar)
                if archive.suffix == ".tgz" and not unpacked.is_dir():
                    _unpack(archive, unpacked)
        else:
            tidy(archive)
            tidy(unpacked)
        if archive.suffix == ".tgz":
            return Fetched(unpacked, False)
        open_source(archive)  # refuses names that lead outside, though nothing is unpacked
        return Fetched(archive, was_there)


def _is_whole(archive: Path, remote: Remote) -> bool:
    return archive.is_file() and _checksum(archive, _algorithm(remote)) == _digest(remote)


def _algorithm(remote: Remote) -> str:
    return remote.checksum.partition(":")[0]


def _digest(remote: Remote) -> str:
    return remote.checksum.partition(":")[2].lower()


def _checksum(path: Path, algorithm: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _download(remote: Remote, archive: Path, retries: int, progressbar: bool) -> None:
    import pooch  # late: slow to import, and only a download needs it
    import requests

    pooch.get_logger().setLevel(logging.ERROR)  # what it tells is told by the command
    again = "; nothing was kept, give the command again"
    moving = bar(total=1, unit="B", unit_scale=True) if progressbar else None  # pooch corrects the total
    downloader = pooch.HTTPDownloader(progressbar=False if moving is None else moving)
    # In a folder of its own a half-downloaded file never lies beside finished ones.
    with scratch_folder(archive) as place:
        fetcher = pooch.create(
            path=place,
            base_url="",
            retry_if_failed=retries,
            registry={archive.name: f"{_algorithm(remote)}:{_digest(remote)}"},
            urls={archive.name: remote.url},
        )
        try:
            fetcher.fetch(archive.name, downloader=downloader)
        except requests.HTTPError as error:
            raise DataError(
                f"{remote.url}: the server refuses ({_kind(error)})",
                cure="check the address, or give another with --url",
            ) from error
        except requests.RequestException as error:
            raise DataError(
                f"{remote.url}: the download failed ({_kind(error)})", cure=f"check the connection{again}"
            ) from error
        except ValueError as error:  # pooch's word for a wrong checksum
            raise DataError(
                f"{remote.url}: the file does not have the checksum {remote.checksum}, so it is damaged or "
                f"another one{again}, or if the publisher has changed it, name its --sha256"
            ) from error
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(place / archive.name, 0o666 & ~umask)  # pooch's files are for their owner alone
        replace(place / archive.name, archive)


def _kind(error: Exception) -> str:
    """The shortest true words: requests wraps an error in an error in an error."""
    return f"{type(error).__name__}: {reason(error)[:120]}"


def _unpack(archive: Path, target: Path) -> None:
    """Unpack the only folder of a .tgz as `target`."""

    def guard(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        check_name(archive, member.name)
        if not (member.isfile() or member.isdir()):
            raise DataError(
                f"{archive}: has a link or special file named {member.name!r}",
                expected="files and folders only",
                cure="do not unpack it, get the archive from its source again",
            )
        return tarfile.data_filter(member, path)

    with scratch_folder(target) as place:
        with (
            door(str(archive), "cannot be unpacked", *DAMAGED, cure="remove it and fetch it again"),
            tarfile.open(archive, "r:gz") as tar,
        ):
            tar.extractall(place, filter=guard)
        found = list(place.iterdir())
        if len(found) != 1 or not found[0].is_dir():
            raise DataError(
                f"{archive}: holds {len(found)} files or folders at its top",
                expected="one folder",
                cure="unpack it by hand",
            )
        replace(found[0], target)
