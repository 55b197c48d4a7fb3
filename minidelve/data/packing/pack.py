"""Pack a data set into a store (store.py has the format), so that stopping at any moment loses next to nothing.

Images are decoded and scaled by threads and written in their order, a block at a time (journal.py). Then the index is
made from the journal, the header is replaced by one that says "finished", and the journals go.

An image whose shorter side is `short_side` or less keeps its size: enlarging invents no detail.
"""

import contextlib
import os
import threading
import zlib
from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minidelve.data.dataset import Dataset
from minidelve.data.feeding.ahead import ahead
from minidelve.data.feeding.bad_images import BadImages, Unreadable
from minidelve.data.images.transforms import ShrinkShorterSide
from minidelve.data.opening import open_splits
from minidelve.data.packing.journal import Packed, commit, read_journal
from minidelve.data.packing.place import JOURNALS, StoreFolder, check_room
from minidelve.data.store import FORMAT, INDEX, VERSION, pack_command, write_header
from minidelve.disk.files import disk_errors, writing_whole
from minidelve.errors import DataError
from minidelve.progress import Track, untracked

BLOCK = 256  # images; an interruption costs at most these, and a block of few waits for the disk too often
GO_ON = "(or leave such images out: the same command with --on-bad-image skip goes on from here)"


def pack(
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    short_side: int = 256,
    *,
    workers: int = 2,
    on_bad_image: str = "error",
    overwrite: bool = False,
    say: Callable[[str], None] = lambda line: None,
    track: Track = untracked,
) -> dict[str, Any]:
    """Pack every split of the data set at `source` into the folder `destination`; the store's header.

    If an unfinished store of the same source and options is there, packing goes on with it.
    `overwrite` replaces any store there, and nothing else. `on_bad_image` is "error" or "skip"
    (bad_images.py); what is skipped is named in the header. `say` is given lines for a person,
    `track` may show how far an iterable is.

    Raises DataError, with a line for the user, for everything that stands in the way.
    """
    store = Path(destination)
    source = source if source == "toy" else os.path.abspath(source)
    splits = open_splits(source, cache_bytes=0)
    plan = _plan(os.fspath(source), splits, short_side, on_bad_image)
    folder = StoreFolder(store, plan, overwrite)
    cure = f"make room or check the permissions, then this goes on where it was: {pack_command(store, plan)}"
    with disk_errors(f"{store}:", cure, DataError), folder:
        check_room(store, splits, short_side, overwrite, say)
        if overwrite:
            folder.clear()
        write_header(store, plan)
        for dataset in splits:
            if dataset.strays:
                say(f"{dataset.split}: ignored {dataset.ignored()}")
            bad = BadImages(dataset, on_bad_image, GO_ON)
            _pack_split(store, dataset, bad, short_side, workers, say, track)
        finished = {dataset.split: _finish_split(store, dataset, short_side) for dataset in splits}
        header = plan | {"finished": True, "splits": finished}
        write_header(store, header)
        folder.remove(JOURNALS)
    return header


def _plan(source: str, splits: Sequence[Dataset], short_side: int, on_bad_image: str) -> dict[str, Any]:
    """The header of a store that is being packed: packing goes on where all of it is the same."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "finished": False,
        "source": source,
        "short_side": short_side,
        "on_bad_image": on_bad_image,
        "classes": splits[0].classes,
        "class_names": splits[0].class_names,
        "splits": {
            dataset.split: {"source_images": len(dataset), "source_crc32": _fingerprint(dataset)} for dataset in splits
        },
    }


def _fingerprint(dataset: Dataset) -> int:
    """CRC-32 of the names and labels of all images: whether the source is still the same."""
    names = "\n".join(dataset.path(i) for i in range(len(dataset)))
    return zlib.crc32(dataset.labels.tobytes(), zlib.crc32(names.encode("utf-8", "surrogateescape")))


def _pack_split(
    store: Path,
    dataset: Dataset,
    bad: BadImages,
    short_side: int,
    workers: int,
    say: Callable[[str], None],
    track: Track,
) -> None:
    """Append what the pixel file and the journal of a split still lack."""
    name, total = store / f"{dataset.split}.pixels", len(dataset)
    written = read_journal(store / f"{dataset.split}.journal")
    with open(name, "ab") as pixels, open(store / f"{dataset.split}.journal", "ab") as journal:
        if pixels.tell() < written.pixel_bytes:
            raise DataError(
                f"{name}: has {pixels.tell()} bytes where its journal says {written.pixel_bytes}; it was changed since",
                cure="give --overwrite to begin anew",
            )
        pixels.truncate(written.pixel_bytes)
        journal.truncate(written.length)
        begin = written.begin
        if written.damaged:
            say(f"{dataset.split}: its journal is damaged after image {begin}; what follows is packed again")
        if 0 < begin < total:
            say(f"{dataset.split}: {begin} of {total} images are packed already")
        block: list[Packed] = []
        skipped: list[Unreadable] = []
        with contextlib.closing(_prepared(bad, range(begin, total), short_side, workers)) as images:
            for i, image in enumerate(track(images, total - begin, f"packing {dataset.split}"), begin):
                if isinstance(image, Unreadable):
                    skipped.append(image)
                else:
                    pixels.write(image.pixels)
                    block.append(image)
                if len(block) + len(skipped) == BLOCK or i == total - 1:
                    commit(block, skipped, i + 1, pixels, journal)
                    block, skipped = [], []


def _prepared(
    bad: BadImages, numbers: Iterable[int], short_side: int, workers: int
) -> Generator[Packed | Unreadable, None, None]:
    """The images in order, each decoded and scaled by one of the threads; a few are ahead at any time."""
    shrink, rng = ShrinkShorterSide(short_side), np.random.default_rng(0)  # it draws nothing

    def prepare(i: int, stop: threading.Event) -> Packed | Unreadable:
        image = bad.read(i)
        if isinstance(image, Unreadable):
            return image
        pixels = np.ascontiguousarray(shrink(image, rng))
        return Packed(i, pixels, zlib.crc32(pixels.data))

    return ahead(prepare, numbers, workers, most=4 * workers, name="pack")


def _finish_split(store: Path, dataset: Dataset, short_side: int) -> dict[str, Any]:
    """Write the index of a split that is packed; what the header says about it."""
    written = read_journal(store / f"{dataset.split}.journal")
    if written.begin != len(dataset):
        raise DataError(f"{store / dataset.split}.journal: was changed during packing", cure="give the command again")
    if not written.rows:
        bad = BadImages(dataset, "skip")
        bad.leave_out(*written.skipped)
        raise bad.nothing_left()
    number, height, width, crc32 = np.array(written.rows, np.int64).T
    size = 3 * height * width
    index = np.zeros(len(number), INDEX)
    index["offset"], index["height"], index["width"] = np.cumsum(size) - size, height, width
    index["label"], index["crc32"] = dataset.labels[number], crc32
    path = store / f"{dataset.split}.index.npy"
    with writing_whole(path) as file:
        np.save(file, index, allow_pickle=False)
    return {
        "images": len(index),
        "pixel_bytes": written.pixel_bytes,
        "index_crc32": zlib.crc32(path.read_bytes()),
        "smaller": int((np.minimum(height, width) < short_side).sum()),
        "skipped": written.skipped,
    }
