"""How many images a second reach the net: from JPEGs, from a packed store, and in a plain Pillow loop.

    python examples/loader_speed.py ilsvrc-100.zip          5 rounds, medians
    python examples/loader_speed.py PATH 9 512              9 rounds, a store of shorter side 512

Each way yields random crops of 224 pixels, the shorter side drawn from 256..512, as in the paper
(section 3). The loader uses 2 threads and also subtracts the mean and makes batches; the Pillow loop
has one thread, its files in memory, and does neither: open, convert to RGB, resize, crop.

The ways take turns in each round, so that another program that slows the machine slows all of them.
A store of shorter side 256 is enlarged for most scales: the same work, but blurrier pictures than
from the JPEGs. One of 512 is larger and as sharp.
"""

import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from minidelve import data

CROP, LOW, HIGH, BATCH, WORKERS = 224, 256, 512, 10, 2


def loader_of(dataset: data.Dataset) -> Callable[[int], int]:
    """A function that runs one epoch of a data set through the loader; it returns the number of images."""
    # Any mean image costs the same to subtract.
    mean = data.Statistics(np.full((CROP, CROP, 3), 117, np.float32), 60.0)
    batches = data.Loader(dataset, min(BATCH, len(dataset)), data.ScaleJitter(LOW, HIGH, CROP), mean,
                          shuffle=True, seed=0, workers=WORKERS)  # fmt: skip
    return lambda epoch: sum(len(labels) for _, labels in batches.epoch(epoch))


def pillow_loop(files: list[bytes]) -> Callable[[int], int]:
    """What one would write without a framework; `files` are the JPEGs as they lie on the disk."""

    def epoch(number: int) -> int:
        rng = np.random.default_rng(number)
        for i in rng.permutation(len(files)).tolist():
            image = Image.open(io.BytesIO(files[i])).convert("RGB")
            scale = rng.integers(LOW, HIGH + 1) / min(image.size)
            width, height = (round(side * scale) for side in image.size)
            image = image.resize((width, height), Image.Resampling.BILINEAR)
            left, top = rng.integers(width - CROP + 1), rng.integers(height - CROP + 1)
            np.asarray(image.crop((left, top, left + CROP, top + CROP)))
        return len(files)

    return epoch


def main(path: str, rounds: int = 5, short_side: int = 256) -> None:
    images = data.open_splits(path, cache_bytes=0)[0]  # no cache: an epoch of ImageNet fits in no memory
    if not isinstance(images, data.FolderDataset):
        sys.exit(f"{path} is not a folder, .zip or .tar of images; give one of some hundred JPEGs")
    files = [images.read(i) for i in range(len(images))]
    with tempfile.TemporaryDirectory() as place:
        store = Path(place) / "store"
        start = time.perf_counter()
        header = data.pack(path, store, short_side, workers=WORKERS)
        seconds = time.perf_counter() - start
        packed = data.open_dataset(store, images.split)
        total = sum(facts["images"] for facts in header["splits"].values())
        print(f"{len(images)} images of {images.name}; packing took {seconds:.1f} s, {total / seconds:.0f} images/s")
        ways = {"plain Pillow loop, 1 thread": pillow_loop(files),
                f"Loader from JPEGs, {WORKERS} threads": loader_of(images),
                f"Loader from a store of {short_side}, {WORKERS} threads": loader_of(packed)}  # fmt: skip
        speeds: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(rounds + 1):
            for name, epoch in ways.items():
                start = time.perf_counter()
                count = epoch(number)
                if number:  # round 0 warms the disk cache
                    speeds[name].append(count / (time.perf_counter() - start))
        for name, values in speeds.items():
            print(f"{name:<40} {statistics.median(values):>7.0f} images/s  ({min(values):.0f} to {max(values):.0f})")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], *map(int, sys.argv[2:4]))
