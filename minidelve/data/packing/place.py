"""Where a store is to be packed: what may lie there already, and is there room?

Packing begins in a new or empty folder, goes on with an unfinished store of the same source and
options, and replaces another store only when told to. It touches nothing else.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from minidelve.data.dataset import SPLITS, Dataset
from minidelve.data.feeding.bad_images import BadImages
from minidelve.data.store import HEADER, is_store, read_header
from minidelve.disk.owning import OwnFolder
from minidelve.errors import DataError

SAMPLE = 20  # images of a split by which its size is estimated
JOURNALS = [f"{split}.journal" for split in SPLITS]
BODY = [f"{split}.{end}" for split in SPLITS for end in ("pixels", "journal", "index.npy")]


class StoreFolder(OwnFolder):
    """The folder of a store while it is being packed by `plan`, its first header."""

    def __init__(self, path: Path, plan: dict[str, Any], overwrite: bool):
        super().__init__(path, {HEADER, *BODY}, f"{path}:", DataError)
        self.plan, self.overwrite = plan, overwrite

    def guard(self) -> None:
        """Refuse a place that holds anything but an unfinished store of this plan (or one to be replaced)."""
        source, present, strangers = self.plan["source"], self.present(), self.strangers()
        if source != "toy" and os.path.realpath(self.path) == os.path.realpath(source):
            raise DataError(f"{self.path}: is the source itself", cure="name another folder for the store")
        if strangers or present and not is_store(self.path):
            raise DataError(
                f"{self.path}: is not empty ({(strangers or present)[0]}) and not a packed store",
                expected="a new or empty folder",
                cure="name another place",
            )
        if present and not self.overwrite:
            self._check_same_plan(read_header(self.path))

    def _check_same_plan(self, there: dict[str, Any]) -> None:
        if there["finished"]:
            self.remove(JOURNALS)  # if it was stopped at the very end
            raise DataError(
                f"{self.path}: is a finished packed store; add --overwrite to replace it, or name another folder"
            )
        begun, plan = f"{self.path}: was begun with", self.plan
        cure = "give the same again to go on with it, or --overwrite to begin anew"
        for key, option in (("source", "its source"), ("short_side", "--short-side")):
            if there[key] != plan[key]:
                raise DataError(f"{begun} {option} {there[key]}, now it is {plan[key]}", cure=cure)
        # The other way round, nothing that was done would have been done otherwise.
        if (there["on_bad_image"], plan["on_bad_image"]) == ("skip", "error"):
            raise DataError(f"{begun} --on-bad-image skip, now it is error", cure=cure)
        if any(there[key] != plan[key] for key in ("splits", "classes", "class_names")):
            raise DataError(
                f"{self.path}: {plan['source']} has other images or classes than when packing began",
                cure="restore them, or give --overwrite to begin anew",
            )

    def clear(self) -> None:
        """Remove the store that is there, its header last: without it the rest would be strangers."""
        self.remove(BODY)
        self.remove([HEADER])


def check_room(
    store: Path, splits: list[Dataset], short_side: int, overwrite: bool, say: Callable[[str], None]
) -> None:
    """Say how large the store, whose folder is there, will be; raise DataError if the disk has clearly less."""
    size = sum(_estimate(dataset, short_side) for dataset in splits)
    free = shutil.disk_usage(store).free
    written = sum(path.stat().st_size for path in store.glob("*.pixels"))
    say(f"about {megabytes(size)} of pixels for {sum(map(len, splits))} images; {megabytes(free)} are free")
    if written and not overwrite:
        say(f"going on with an unfinished store: {megabytes(written)} are there")
    if 0.9 * size > free + written:
        raise DataError(
            f"{store}: needs about {megabytes(size)} and {megabytes(free + written)} are free",
            cure="free some, name another disk, or choose a smaller --short-side",
        )


def _estimate(dataset: Dataset, short_side: int) -> float:
    """Bytes of pixels, from a sample spread over the split."""
    bad = BadImages(dataset, "skip")  # packing meets them again, and says so
    shapes = [image.shape[:2] for _, image in bad.images(dataset.sample(SAMPLE))]
    sizes = [3 * height * width * min(1.0, short_side / min(height, width)) ** 2 for height, width in shapes]
    return len(dataset) * float(np.mean(sizes)) if sizes else 0.0


def megabytes(size: float) -> str:
    """Bytes as a person says them."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
