"""A packed store, opened: its pixels, and damage that is seen."""

import json
import os
import shutil

import numpy as np
import pytest

from minidelve import data
from minidelve.data import Loader, Statistics, open_dataset
from minidelve.errors import DataError


@pytest.fixture(scope="module")
def packed(tiny_data, tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "store"
    data.pack(tiny_data, path, 28)
    return path


@pytest.fixture
def spoilt(packed, tmp_path):
    return shutil.copytree(packed, tmp_path / "store")


def test_an_image_is_read_from_the_file_and_nothing_is_cached(packed, tiny_data):
    dataset = open_dataset(packed, cache_bytes=10**9)
    image = dataset.image(3)
    assert image.shape == (28, 28, 3) and image.dtype == np.uint8 and not image.flags.writeable
    assert type(image) is np.ndarray
    content = np.fromfile(packed / "train.pixels", np.uint8)
    np.testing.assert_array_equal(image.ravel(), content[3 * 28 * 28 * 3 : 4 * 28 * 28 * 3])
    with pytest.raises(ValueError, match="read-only"):
        image[0] = 0
    assert dataset._cache == {}
    assert "store (packed layout), split train\n  images   48" in dataset.describe()
    assert f"shorter side at most 28, 0.1 MB of pixels, from {tiny_data}" in dataset.describe()


def test_a_loader_gives_the_same_batches_as_from_the_files(tiny_data, packed):
    statistics = Statistics(np.full((24, 24, 3), 100, np.float32), 50.0)
    crop, shrink = data.Compose([data.RandomCrop(24), data.RandomFlip()]), data.ShrinkShorterSide(28)

    def batches(dataset, transform):
        return list(Loader(dataset, 10, transform, statistics, shuffle=True, seed=3).epoch(2))

    direct = batches(open_dataset(tiny_data), data.Compose([shrink, crop]))
    for (images, labels), (expected, expected_labels) in zip(batches(open_dataset(packed), crop), direct, strict=True):
        np.testing.assert_array_equal(images, expected)
        np.testing.assert_array_equal(labels, expected_labels)


@pytest.mark.parametrize("change", [-1, 1])
def test_a_pixel_file_of_the_wrong_size_is_seen_when_opened(spoilt, change, error_of):
    size = (spoilt / "train.pixels").stat().st_size
    os.truncate(spoilt / "train.pixels", size + change)
    assert f"train.pixels: has {size + change} bytes; expected {size}" in error_of(spoilt)
    assert len(open_dataset(spoilt, "val")) == 16


def test_any_changed_byte_of_the_index_is_seen_when_opened(spoilt, error_of):
    content = (spoilt / "val.index.npy").read_bytes()
    for at in (0, 20, 130, len(content) - 1):
        (spoilt / "val.index.npy").write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        assert "val.index.npy: cannot be used (its checksum is wrong)" in error_of(spoilt, "val")


@pytest.mark.parametrize("file", ["train.pixels", "train.index.npy"])
def test_a_missing_file_is_named(spoilt, file, error_of):
    os.remove(spoilt / file)
    message = error_of(spoilt)
    assert file in message and "copy the store again" in message


def test_a_flipped_bit_of_an_image_is_found_by_the_check(spoilt):
    pixels = np.memmap(spoilt / "train.pixels", np.uint8, "r+")
    pixels[5 * 28 * 28 * 3 + 17] ^= 1
    pixels.flush()
    dataset = open_dataset(spoilt)
    for i in set(range(len(dataset))) - {5}:
        dataset.check_image(i)
    with pytest.raises(DataError, match=rf"^{spoilt}/train.pixels\[5\]: is damaged"):
        dataset.check_image(5)


NO_HEADER = "minidelve-store.json: is not the header of a packed store"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda header: "{", NO_HEADER),
        (lambda header: "[]", NO_HEADER),
        (lambda header: json.dumps(header | {"classes": 3}), NO_HEADER),
        (lambda header: json.dumps({key: header[key] for key in header if key != "short_side"}), NO_HEADER),
        (lambda header: json.dumps(header | {"splits": {"train": {"images": 1}}}), NO_HEADER),
        (lambda header: json.dumps(header | {"format": "other"}), NO_HEADER),
        (lambda header: json.dumps(header | {"version": 2}), "is of version 2; expected 1"),
    ],
)
def test_a_header_that_is_damaged_or_of_a_later_version_is_one_line(spoilt, change, problem, error_of):
    path = spoilt / "minidelve-store.json"
    path.write_text(change(json.loads(path.read_text())))
    assert problem in error_of(spoilt)
