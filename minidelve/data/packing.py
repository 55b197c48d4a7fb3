"""Pack a data set into a store (see store.py), so that stopping at any moment loses next to nothing.

Images are decoded and scaled by threads and written in their order, a block at a time:

    1. append the pixels of the block to train.pixels and wait until the disk has them
    2. append one line to train.journal: number, height, width, CRC-32 of each of its images

A block counts once its line is there, ended by a newline. Whatever lies in the pixel file beyond the
last such line is cut off when packing goes on, so that the finished files are the same, byte for
byte, however often it was interrupted. Then the index is made from the journal, the header is
replaced by one that says "finished", and the journals go.

An image whose shorter side is `short_side` or less keeps its size: enlarging invents no detail.
"""

import errno
import fcntl
import json
import os
import threading
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from minidelve.data.ahead import ahead
from minidelve.data.dataset import Dataset
from minidelve.data.folder import open_splits
from minidelve.data.packing_place import JOURNALS, OWN_FILES, check_place, check_room, remove
from minidelve.data.store import FORMAT, HEADER, INDEX, VERSION, pack_command
from minidelve.data.transforms import ShrinkShorterSide
from minidelve.errors import DataError

BLOCK = 256  # images; what an interruption costs at most. With 64 small ones, waiting for the disk is most of it
Track = Callable[[Iterable[Any], int, str], Iterable[Any]]  # (items, how many, what) -> the items, shown


class Packed(NamedTuple):
    """Image i, decoded and scaled, or why it could not be."""

    i: int
    pixels: np.ndarray | None
    crc32: int
    problem: str


def pack(
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    short_side: int = 256,
    *,
    workers: int = 2,
    on_bad_image: str = "error",
    overwrite: bool = False,
    say: Callable[[str], None] = lambda line: None,
    track: Track = lambda items, total, what: items,
) -> dict[str, Any]:
    """Pack every split of the data set at `source` into the folder `destination`; the store's header.

    If an unfinished store of the same source and options is there, packing goes on with it.
    `overwrite` replaces any store there, and nothing else. `on_bad_image`: "error" stops at one,
    "skip" leaves it out and keeps its path and the reason in the header. `say` is given lines for
    a person, `track` may show how far an iterable is.

    Raises DataError, with a line for the user, for everything that stands in the way.
    """
    store = Path(destination)
    source = source if source == "toy" else os.path.abspath(source)
    splits = open_splits(source, cache_bytes=0)
    plan = {
        "format": FORMAT,
        "version": VERSION,
        "finished": False,
        "source": os.fspath(source),
        "short_side": short_side,
        "on_bad_image": on_bad_image,
        "classes": splits[0].classes,
        "class_names": splits[0].class_names,
        "splits": {
            dataset.split: {"source_images": len(dataset), "source_crc32": _fingerprint(dataset)} for dataset in splits
        },
    }
    with _os_errors(store, plan):
        check_place(store, source, plan, overwrite)
        check_room(store, splits, short_side, overwrite, say)
        store.mkdir(parents=True, exist_ok=True)
        with _alone(store):
            check_place(store, source, plan, overwrite)  # again: another packer may have come between
            if overwrite:
                remove(store, OWN_FILES)
            _write_header(store, plan)
            for dataset in splits:
                _pack_split(store, dataset, short_side, workers, on_bad_image, say, track)
            header = plan | {
                "finished": True,
                "splits": {dataset.split: _finish_split(store, dataset, short_side) for dataset in splits},
            }
            _write_header(store, header)
            remove(store, JOURNALS)
    return header


def _fingerprint(dataset: Dataset) -> int:
    """CRC-32 of the names and labels of all images: whether the source is still the same."""
    names = "\n".join(dataset.path(i) for i in range(len(dataset)))
    return zlib.crc32(dataset.labels.tobytes(), zlib.crc32(names.encode("utf-8", "surrogateescape")))


# Packing


def _pack_split(
    store: Path,
    dataset: Dataset,
    short_side: int,
    workers: int,
    on_bad_image: str,
    say: Callable[[str], None],
    track: Track,
) -> None:
    """Append what the pixel file and the journal of a split still lack."""
    name, total = store / f"{dataset.split}.pixels", len(dataset)
    rows, _, begin, length = _read_journal(store / f"{dataset.split}.journal")
    size = sum(3 * height * width for _, height, width, _ in rows)
    with open(name, "ab") as pixels, open(store / f"{dataset.split}.journal", "ab") as journal:
        if pixels.tell() < size:
            raise DataError(
                f"{name}: has {pixels.tell()} bytes where its journal says {size}; it was changed since; "
                "give --overwrite to begin anew"
            )
        pixels.truncate(size)
        journal.truncate(length)
        if 0 < begin < total:
            say(f"{dataset.split}: {begin} of {total} images are packed already")
        block: list[Packed] = []
        images = _decoded(dataset, range(begin, total), short_side, workers)
        try:
            for image in track(images, total - begin, f"packing {dataset.split}"):
                if image.problem and on_bad_image == "error":
                    raise DataError(
                        f"{image.problem} (or leave such images out: the same command with "
                        "--on-bad-image skip goes on from here)"
                    )
                if image.pixels is not None:
                    pixels.write(image.pixels)
                block.append(image)
                if len(block) == BLOCK or image.i == total - 1:
                    _commit(block, pixels, journal, dataset)
                    block = []
        finally:
            images.close()


def _decoded(dataset: Dataset, numbers: Iterable[int], short_side: int, workers: int) -> Generator[Packed, None, None]:
    """The images in order, each decoded by one of the threads; a few are ahead at any time."""
    shrink, rng = ShrinkShorterSide(short_side), np.random.default_rng(0)  # it draws nothing

    def prepare(i: int, stop: threading.Event) -> Packed:
        try:
            pixels = np.ascontiguousarray(shrink(dataset.image(i), rng))
        except DataError as error:
            return Packed(i, None, 0, str(error))
        return Packed(i, pixels, zlib.crc32(pixels.data), "")

    return ahead(prepare, numbers, workers, most=4 * workers, name="pack")


def _commit(block: list[Packed], pixels: BinaryIO, journal: BinaryIO, dataset: Dataset) -> None:
    """The pixels first, the line that vouches for them second, each on the disk before the next."""
    line = {
        "images": [[image.i, *image.pixels.shape[:2], image.crc32] for image in block if image.pixels is not None],
        "skipped": [[dataset.path(image.i), image.problem] for image in block if image.problem],
        "next": block[-1].i + 1,
    }
    _to_disk(pixels)
    journal.write(json.dumps(line).encode() + b"\n")
    _to_disk(journal)


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _read_journal(path: Path) -> tuple[list[list[int]], list[list[str]], int, int]:
    """(number, height, width, CRC-32 of each image packed), those left out, where to go on, bytes that count."""
    rows: list[list[int]] = []
    skipped: list[list[str]] = []
    begin = length = 0
    content = path.read_bytes() if path.exists() else b""
    for text in content.splitlines(keepends=True):
        if not text.endswith(b"\n"):
            break  # stopped while this line was being written
        try:
            line = json.loads(text)
            rows.extend(line["images"])
            skipped.extend(line["skipped"])
            begin = line["next"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: is damaged ({error}); give --overwrite to begin anew") from error
        length += len(text)
    return rows, skipped, begin, length


def _finish_split(store: Path, dataset: Dataset, short_side: int) -> dict[str, Any]:
    """Write the index of a split that is packed; what the header says about it."""
    rows, skipped, _, _ = _read_journal(store / f"{dataset.split}.journal")
    if not rows:
        raise DataError(
            f"{dataset.name}: not one image of the split {dataset.split!r} can be read; the first: {skipped[0][1]}"
        )
    number, height, width, crc32 = np.array(rows, np.int64).T
    size = 3 * height * width
    index = np.zeros(len(rows), INDEX)
    index["offset"], index["height"], index["width"] = np.cumsum(size) - size, height, width
    index["label"], index["crc32"] = dataset.labels[number], crc32
    path = store / f"{dataset.split}.index.npy"
    with open(path, "wb") as file:
        np.save(file, index, allow_pickle=False)
        _to_disk(file)
    return {
        "images": len(rows),
        "pixel_bytes": int(size.sum()),
        "index_crc32": zlib.crc32(path.read_bytes()),
        "smaller": int((np.minimum(height, width) < short_side).sum()),
        "skipped": skipped,
    }


# The disk


def _write_header(store: Path, header: dict[str, Any]) -> None:
    """Replace the header: at any moment there is the old one or the new one, never a part."""
    new = store / f"{HEADER}.new"
    with open(new, "wb") as file:
        file.write(json.dumps(header, indent=1).encode() + b"\n")
        _to_disk(file)
    os.replace(new, store / HEADER)


@contextmanager
def _alone(store: Path) -> Iterator[None]:
    """Hold the folder for this process; DataError if another one is packing into it."""
    folder = os.open(store, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise DataError(f"{store}: another process is packing into it; wait for it or name another folder") from None
    finally:
        os.close(folder)  # which frees it


@contextmanager
def _os_errors(store: Path, plan: dict[str, Any]) -> Iterator[None]:
    """An OSError as a line for the user."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataError(
                f"{store}: the disk is full; free some space, then this goes on where it was: "
                f"{pack_command(store, plan)}"
            ) from error
        raise DataError(
            f"{store}: cannot be written ({error.strerror or error}); check the place and its "
            f"permissions, then: {pack_command(store, plan)}"
        ) from error
