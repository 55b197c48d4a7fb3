"""Where a store is to be packed: what may lie there already, and is there room?

Packing begins in a new or empty folder, goes on with an unfinished store of the same source and
options, and replaces another store only when told to. It touches nothing else.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from minidelve.data.dataset import Dataset
from minidelve.data.layouts import SPLITS
from minidelve.data.store import HEADER, is_store, read_header
from minidelve.errors import DataError

SAMPLE = 20  # images of a split by which its size is estimated
JOURNALS = [f"{split}.journal" for split in SPLITS]
OWN_FILES = {
    HEADER,
    f"{HEADER}.new",
    *(f"{split}.{end}" for split in SPLITS for end in ("pixels", "journal", "index.npy")),
}


def check_place(store: Path, source: str | os.PathLike[str], plan: dict[str, Any], overwrite: bool) -> None:
    """Refuse a place that holds anything but an unfinished store of this plan (or one to be replaced)."""
    if store.exists() and not store.is_dir():
        raise DataError(f"{store}: is a file; expected a new or empty folder; name another place")
    if source != "toy" and os.path.realpath(store) == os.path.realpath(source):
        raise DataError(f"{store}: is the source itself; name another folder for the store")
    present = sorted(os.listdir(store)) if store.exists() else []
    strangers = [name for name in present if name not in OWN_FILES]
    if strangers or present and not is_store(store) and present != [f"{HEADER}.new"]:
        raise DataError(
            f"{store}: is not empty ({(strangers or present)[0]}) and no packed store; expected a new or "
            "empty folder; name another place"
        )
    if present and is_store(store) and not overwrite:
        _check_same_plan(store, read_header(store), plan)


def _check_same_plan(store: Path, there: dict[str, Any], plan: dict[str, Any]) -> None:
    if there["finished"]:
        remove(store, JOURNALS)  # if it was stopped at the very end
        raise DataError(f"{store}: is a finished packed store; add --overwrite to replace it, or name another folder")
    cure = "give the same again to go on with it, or --overwrite to begin anew"
    for key, option in (("source", "its source"), ("short_side", "--short-side")):
        if there[key] != plan[key]:
            raise DataError(f"{store}: was begun with {option} {there[key]}, now it is {plan[key]}; {cure}")
    if (there["on_bad_image"], plan["on_bad_image"]) == ("skip", "error"):  # the other way round changes nothing done
        raise DataError(f"{store}: was begun with --on-bad-image skip, now it is error; {cure}")
    if any(there[key] != plan[key] for key in ("splits", "classes", "class_names")):
        raise DataError(
            f"{store}: {plan['source']} has other images or classes than when packing began; restore "
            "them, or give --overwrite to begin anew"
        )


def check_room(
    store: Path, splits: list[Dataset], short_side: int, overwrite: bool, say: Callable[[str], None]
) -> None:
    """Say how large the store will be; raise DataError if the disk has clearly less."""
    size = sum(_estimate(dataset, short_side) for dataset in splits)
    place = next(path for path in (store.absolute(), *store.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    written = sum(path.stat().st_size for path in store.glob("*.pixels"))
    say(f"about {megabytes(size)} of pixels for {sum(map(len, splits))} images; {megabytes(free)} are free")
    if written and not overwrite:
        say(f"going on with an unfinished store: {megabytes(written)} are there")
    if 0.9 * size > free + written:
        raise DataError(
            f"{store}: needs about {megabytes(size)} and {megabytes(free + written)} are free; free some, "
            "name another disk, or choose a smaller --short-side"
        )


def _estimate(dataset: Dataset, short_side: int) -> float:
    """Bytes of pixels, from a sample spread over the split."""
    sizes = []
    for i in np.unique(np.linspace(0, len(dataset) - 1, SAMPLE).astype(int)).tolist():
        try:
            height, width = dataset.image(i).shape[:2]
        except DataError:
            continue  # packing meets it again, and says so
        sizes.append(3 * height * width * min(1.0, short_side / min(height, width)) ** 2)
    return len(dataset) * float(np.mean(sizes)) if sizes else 0.0


def megabytes(size: float) -> str:
    """Bytes as a person says them."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def remove(store: Path, names: Iterable[str]) -> None:
    """Remove files of a store, whether they are there or not."""
    # The header last: without it the rest would be strange files that nothing may touch.
    for name in sorted(names, key=lambda name: name == HEADER):
        (store / name).unlink(missing_ok=True)
