"""Streams give every image in order through each transform; bad ones stop it or are left out."""

import time

import numpy as np
import pytest
from PIL import Image

from minidelve import data
from minidelve.data.feeding.stream import AHEAD, ImageStream


@pytest.fixture
def folder(tmp_path):
    """40 gray pictures of different widths, their brightness their number."""
    (tmp_path / "set/val/a").mkdir(parents=True)
    for i in range(40):
        Image.new("RGB", (10 + i, 8), (i, i, i)).save(tmp_path / f"set/val/a/{i:02}.png")
    return tmp_path / "set"


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_images_come_whole_and_in_order_through_each_transform(folder, workers):
    stream = ImageStream(data.open_dataset(folder, "val"), [data.ResizeShorterSide(8), data.CenterCrop(4)], workers)
    pictures = list(stream)
    assert [p.number for p in pictures] == list(range(40)) == [int(p.images[0][0, 0, 0]) for p in pictures]
    assert [p.images[0].shape for p in pictures] == [(8, 10 + i, 3) for i in range(40)]
    assert {p.images[1].shape for p in pictures} == {(4, 4, 3)} and pictures[7].path.endswith("val/a/07.png")


def test_it_reads_only_so_far_ahead(folder):
    dataset, read = data.open_dataset(folder, "val"), []

    def note(image, rng):
        read.append(int(np.asarray(image)[0, 0, 0]))
        return image

    pictures = iter(ImageStream(dataset, [note], workers=1))
    next(pictures)
    time.sleep(0.3)  # the thread goes on reading as long as it may
    pictures.close()
    assert len(read) == AHEAD


def test_each_transform_gets_the_image_as_it_was_decoded(tmp_path, rng):
    """Scaled down from the picture itself, and not from what the transform before has left of it."""
    picture = Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
    (tmp_path / "set/val/a").mkdir(parents=True)
    picture.save(tmp_path / "set/val/a/0.png")
    sides = (16, 8, 24)
    transforms = [data.ResizeShorterSide(side) for side in sides]
    [seen] = ImageStream(data.open_dataset(tmp_path / "set", "val"), transforms, workers=0)
    for image, side in zip(seen.images, sides, strict=True):
        np.testing.assert_array_equal(image, np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR)))
