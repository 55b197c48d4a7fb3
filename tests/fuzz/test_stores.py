"""A packed store, damaged anywhere: read as it was written, or refused by one line."""

import shutil
import zlib

import numpy as np
import pytest

from minidelve import data
from minidelve.disk import records
from tests.data.files import encode, pixels_of
from tests.fuzz.frame import Reader
from tests.fuzz.mutations import bytes_of, json_of


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A store of 3 + 2 pictures of two classes, one of which could not be read."""
    root = tmp_path_factory.mktemp("packed")
    for name in ("train/ant/1.png", "train/ant/2.png", "train/bee/1.png", "val/ant/1.png", "val/bee/1.png"):
        path = root / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(pixels_of(len(name))))
    (root / "set" / "train" / "bee" / "2.png").write_bytes(b"damaged")
    data.pack(root / "set", root / "store", 6, on_bad_image="skip")
    return root / "store"


@pytest.fixture
def store(packed, tmp_path):
    return shutil.copytree(packed, tmp_path / "store")


def opened(store):
    """All that a store gives."""
    found = []
    for dataset in data.open_splits(store):
        images = [dataset.image(i) for i in range(len(dataset))]
        for i in range(len(dataset)):
            dataset.check_image(i)
        found += [dataset.classes, dataset.class_names, dataset.labels.tolist(), dataset.describe()]
        found += [np.concatenate([image.ravel() for image in images]).tobytes()]
    return found


def test_a_header(fuzz, store):
    header = store / "minidelve-store.json"
    fuzz(Reader("store header", [header], lambda: opened(store), [bytes_of, json_of], checked=True))


def test_indexes_and_pixels(fuzz, store):
    files = [store / name for name in ("train.index.npy", "val.index.npy", "val.pixels")]
    fuzz(Reader("store index", files, lambda: opened(store), checked=True))


def resealed(rng, content):
    """A strange header whose checksum fits."""
    text = json_of(rng, content)
    try:
        value = records.parse(text)
        return records.sealed({**value, "crc32": None}).encode()
    except (ValueError, TypeError):  # a number of 5,000 digits; no table
        return text


def test_a_strange_header_whose_checksum_fits(fuzz, store):
    """What it says need not be what was packed, but it can be."""
    header = store / "minidelve-store.json"
    fuzz(Reader("strange store header", [header], lambda: opened(store), [resealed]))


def test_a_strange_index_whose_checksum_fits(fuzz, store):
    header, index = store / "minidelve-store.json", store / "train.index.npy"

    def read():
        plan = records.unsealed(header.read_bytes())
        plan["splits"]["train"]["index_crc32"] = zlib.crc32(index.read_bytes())
        header.write_text(records.sealed(plan))
        return opened(store)

    fuzz(Reader("strange store index", [index], read))
