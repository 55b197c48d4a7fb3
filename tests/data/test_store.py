"""A packed store, opened: its pixels, and damage that is seen."""

import io
import json
import os
import shutil
import zlib

import numpy as np
import pytest

from minidelve import data
from minidelve.data import Loader, Statistics, open_dataset
from minidelve.data.store import HEADER
from minidelve.disk import records
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
    for _ in range(2):
        with pytest.raises(DataError, match=rf"^{spoilt}/train.pixels\[5\]: is damaged"):
            dataset.image(5)  # nobody trains on it
    with pytest.raises(DataError, match=rf"^{spoilt}/train.pixels\[5\]: is damaged"):
        dataset.check_image(5)


NO_HEADER = "minidelve-store.json: is not the header of a packed store"


def changed(header, **changes):
    return {**header, **changes}


def of_train(header, **changes):
    return {**header, "splits": header["splits"] | {"train": header["splits"]["train"] | changes}}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", NO_HEADER),
        ("[]", NO_HEADER),
        ("{}", "(format is missing)"),
        ("[" * 5000, "nested too deeply"),
        ('{"a": 1, "a": 2}', "'a' is in it twice"),
        ("9" * 5000, "digits"),
        (b"\xff", "invalid start byte"),
        ("{}" + " " * 2**25, "at most 32 are read"),
    ],
)
def test_what_is_no_header_is_one_line(spoilt, content, problem, error_of):
    (spoilt / "minidelve-store.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert problem in error_of(spoilt) and len(error_of(spoilt)) < 700


WRONG = [
    (lambda h: changed(h, classes=3), "classes is 3; expected a list of at least 1"),
    (lambda h: changed(h, classes=[]), "classes is []"),
    (lambda h: changed(h, class_names=[1, 2, 3, 4]), "class_names[0] is 1; expected a text"),
    (lambda h: changed(h, class_names=["a"]), "4 classes have 1 names"),
    (lambda h: changed(h, classes=["a", "a", "b", "c"]), "a class is in it twice"),
    (lambda h: {key: h[key] for key in h if key != "short_side"}, "short_side is missing"),
    (lambda h: changed(h, short_side=True), "short_side is True; expected an integer"),
    (lambda h: changed(h, short_side=2**70), "expected an integer"),
    (lambda h: changed(h, finished=1), "finished is 1"),
    (lambda h: changed(h, source=["x"]), "source is ['x']; expected a text"),
    (lambda h: changed(h, on_bad_image="s"), "expected one of: error, skip"),
    (lambda h: changed(h, splits={"train": {"images": 1}}), "splits.train.pixel_bytes is missing"),
    (lambda h: changed(h, splits=[]), "splits is []; expected a table"),
    (lambda h: changed(h, format="other"), "format is 'other'"),
    (lambda h: changed(h, format=["a" * 5000] * 99), "format is ["),
    (lambda h: changed(h, version=3), "is of version 3; expected at most 2; use the version of minidelve that packed"),
    (lambda h: changed(h, version="\x1b[2J\n\u202e"), r"version is '\x1b[2J\n\u202e'"),
    (lambda h: of_train(h, images="48"), "splits.train.images is '48'"),
    (lambda h: of_train(h, images=47), "train.index.npy: cannot be used (it is not the index of this store)"),
    (lambda h: of_train(h, pixel_bytes=-1), "splits.train.pixel_bytes is -1"),
    (lambda h: of_train(h, pixel_bytes=7), "train.index.npy: cannot be used (what it says of image 0"),
    (lambda h: of_train(h, skipped=[["path"]]), "splits.train.skipped[0] is ['path']"),
    (lambda h: of_train(h, skipped=[[1, 2]]), "splits.train.skipped[0][0] is 1; expected a text"),
    (lambda h: changed(h, classes=["red"], class_names=["red"]), "with 1 classes"),
]


@pytest.mark.parametrize(("change", "problem"), WRONG, ids=lambda x: x if isinstance(x, str) else "")
def test_a_header_that_cannot_be_is_one_line_though_its_checksum_fits(spoilt, change, problem, error_of):
    path = spoilt / "minidelve-store.json"
    path.write_text(records.sealed(change(records.unsealed(path.read_bytes()))))
    message = error_of(spoilt)
    assert problem in message and message.isprintable() and len(message) < 700


def test_any_change_of_what_the_header_says_is_seen(spoilt, error_of):
    path = spoilt / "minidelve-store.json"
    text = path.read_text()
    for one, other in (
        ('"red"', '"rad"'),
        ('"short_side": 28', '"short_side": 29'),
        ('"skipped": []', '"skipped": [["",""]]'),
    ):
        path.write_text(text.replace(one, other, 1))
        assert "(its checksum is wrong)" in error_of(spoilt)
    path.write_text(json.dumps({key: item for key, item in json.loads(text).items() if key != "crc32"}))
    assert "(it has no checksum)" in error_of(spoilt)
    path.write_text(json.dumps(json.loads(text), sort_keys=True))  # the same, written otherwise
    assert len(open_dataset(spoilt)) == 48


def test_a_store_of_version_1_is_read_and_said_to_have_no_checksum(spoilt, error_of):
    path = spoilt / "minidelve-store.json"
    header = records.unsealed(path.read_bytes()) | {"version": 1}
    assert "no checksum" not in open_dataset(spoilt).describe()
    path.write_text(json.dumps(header))
    assert "its header has no checksum (version 1)" in open_dataset(spoilt).describe()
    path.write_text(json.dumps(header | {"class_names": 3}))
    assert "class_names is 3" in error_of(spoilt)


def with_index(store, change):
    """The training split's index after change(index), and a header whose checksums fit."""
    index = np.load(store / "train.index.npy")
    change(index)
    np.save(store / "train.index.npy", index)
    header = records.unsealed((store / "minidelve-store.json").read_bytes())
    header["splits"]["train"]["index_crc32"] = zlib.crc32((store / "train.index.npy").read_bytes())
    (store / "minidelve-store.json").write_text(records.sealed(header))


@pytest.mark.parametrize("value", [-1, 4, 9, 2**31 - 1])
def test_a_label_beyond_the_classes_is_seen_though_checksums_fit(spoilt, value, error_of):
    with_index(spoilt, lambda index: index["label"].__setitem__(5, value))
    assert "what it says of image 5 cannot be" in error_of(spoilt)


@pytest.mark.parametrize(
    ("field", "value"),
    [("offset", -1), ("offset", 2**62), ("offset", 0), ("height", 0), ("height", -28), ("width", 2**31 - 1)],
)
def test_an_image_beyond_the_pixels_is_seen_though_checksums_fit(spoilt, field, value, error_of):
    with_index(spoilt, lambda index: index[field].__setitem__(5, value))
    assert "what it says of image" in error_of(spoilt)
    with_index(spoilt, lambda index: index[["height", "width"]].__setitem__(slice(None), (2**31 - 1, 2**31 - 1)))
    assert "what it says of image 0 cannot be" in error_of(spoilt)


def test_an_index_of_another_kind_is_seen_though_checksums_fit(spoilt, error_of):
    def write(content):
        (spoilt / "train.index.npy").write_bytes(content)
        header = records.unsealed((spoilt / "minidelve-store.json").read_bytes())
        header["splits"]["train"]["index_crc32"] = zlib.crc32(content)
        (spoilt / "minidelve-store.json").write_text(records.sealed(header))
        return error_of(spoilt)

    index = np.load(spoilt / "train.index.npy")
    for array in (index[:, None], index["label"], np.array(["a" * 40] * 10), index.astype(object), index[:0]):
        file = io.BytesIO()
        np.save(file, array, allow_pickle=True)
        assert "train.index.npy: cannot be used" in write(file.getvalue())
    assert "too long for 48 images" in write(bytes(2**17))
    assert "no header of a .npy file" in write(b"")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
@pytest.mark.parametrize("name", [HEADER, "train.index.npy", "train.pixels"])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(spoilt, error_of, name):
    os.remove(spoilt / name)
    os.mkfifo(spoilt / name)
    assert "it is a pipe, not a file" in error_of(spoilt)
