"""Tiny data sets of both layouts, in a folder or a zip, built for each test."""

import pytest

from minidelve.data import open_dataset
from minidelve.errors import DataError
from tests.data.files import encode, pixels_of, zip_bytes

CLASSES = ["n01", "n02", "n03"]


@pytest.fixture
def tiny_files():
    """Tiny-ImageNet's layout as {path: bytes}: 3 classes, 2 training and 2 validation images each.

    Image k of a class has the pixels of seed 100 * class + k, +50 for validation.
    """
    lines, files = [], {"wnids.txt": b"n02\nn03\nn01\n", "words.txt": b"n01\tgoldfish, carp\nn03\tfly\nn99\tother\n"}
    for label, wnid in enumerate(CLASSES):
        files[f"train/{wnid}/{wnid}_boxes.txt"] = b"a\t0\t0\t7\t7\n"
        for k in range(2):
            files[f"train/{wnid}/images/{wnid}_{k}.JPEG"] = encode(pixels_of(100 * label + k))
            # Numbered against the order of the classes, so that order and label differ.
            name = f"val_{2 * k + 4 * (2 - label)}.JPEG"
            files[f"val/images/{name}"] = encode(pixels_of(100 * label + k + 50))
            lines.append(f"{name}\t{wnid}\t0\t0\t7\t7\n")
    files["val/val_annotations.txt"] = "".join(lines).encode()
    return files


@pytest.fixture
def imagenet_files():
    """ImageNet's folder layout as {path: bytes}, the same images."""
    files = {}
    for label, name in enumerate(["ant", "bee", "cat"]):
        for k, suffix in enumerate([".JPEG", ".png"]):
            files[f"train/{name}/{k}{suffix}"] = encode(pixels_of(100 * label + k))
            files[f"val/{name}/{k}{suffix.upper()}"] = encode(pixels_of(100 * label + k + 50))
    return files


@pytest.fixture
def store(tmp_path):
    """store(files, form="folder") -> path; forms: folder, zip, and either with one folder around all."""

    def store_files(files, form="folder"):
        around = "set-20/" if form.startswith("nested") else ""
        if form.endswith("zip"):
            path = tmp_path / "set.zip"
            # Backwards: the order in a zip must not matter.
            path.write_bytes(zip_bytes((around + name, content) for name, content in reversed(files.items())))
            return path
        path = tmp_path / "set"
        path.mkdir()
        for name, content in files.items():
            target = path / (around + name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return path

    return store_files


@pytest.fixture
def error_of():
    """error_of(path, split="train") -> the line with which opening the data set is refused."""

    def refusal(path, split="train"):
        with pytest.raises(DataError) as error:
            open_dataset(path, split)
        message = str(error.value)
        assert "\n" not in message and message.startswith(str(path))
        return message

    return refusal


@pytest.fixture(params=["folder", "zip", "nested folder", "nested zip"])
def form(request):
    """Each form of `store` in turn; a test may name those that it wants."""
    return request.param
