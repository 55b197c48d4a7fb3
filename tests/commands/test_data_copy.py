"""`minidelve data subset` and `data split`, and training without a val/."""

import json
import re
import shutil

import pytest

from minidelve.data import open_dataset


@pytest.fixture
def train_only(tiny_data, tmp_path):
    """The training images of tiny_data alone."""
    shutil.copytree(tiny_data / "train", tmp_path / "data/train")
    return tmp_path / "data"


def test_a_subset_is_drawn_or_listed(ok, tiny_data, tmp_path):
    out = ok("data", "subset", tiny_data, tmp_path / "two.zip", "--classes", 2, "--seed", 1)
    assert f"24 images of train and 8 images of val are in {tmp_path}/two.zip; train on them with --data" in out
    classes = open_dataset(tmp_path / "two.zip").classes
    (tmp_path / "ids.txt").write_text(f"# ours\n{classes[1]}\tsome words\n\n{classes[0]}\n{classes[0]}\n")
    ok("data", "subset", tiny_data, tmp_path / "same.zip", "--classes", tmp_path / "ids.txt")
    assert (tmp_path / "same.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


@pytest.mark.parametrize(
    ("classes", "parts"),
    [
        ("9", ["--classes 9 is more than the data set has; expected at most 4"]),
        ("0", ["--classes 0 cannot be read", "expected a number of classes or a text file"]),
        ("{tmp}/nothing.txt", ["nothing.txt cannot be read (No such file or directory)", "check the path"]),
        ("{tmp}/empty.txt", ["empty.txt names no class"]),
        ("{tmp}/zebra.txt", ["has no class 'zebra'; expected one of its 4, such as"]),
        ("{tmp}/latin.txt", ["latin.txt cannot be read (it is not UTF-8 text)"]),
        ("{tmp}/endless.txt", ["endless.txt cannot be read (it is longer than 8,388,608 bytes)"]),
    ],
)
def test_classes_that_cannot_be_had(refused, tiny_data, tmp_path, classes, parts):
    for name, content in {
        "empty": b"# none\n",
        "zebra": b"zebra\n",
        "latin": b"\xff\xfe",
        "endless": bytes(2**23 + 1),
    }.items():
        (tmp_path / f"{name}.txt").write_bytes(content)
    refused(["data", "subset", tiny_data, tmp_path / "copy", "--classes", classes.format(tmp=tmp_path)], *parts)


def test_a_set_without_val_is_refused_with_both_cures_and_each_works(ok, refused, train_only, tmp_path, quick):
    refused(
        ["train", *quick, "--data", train_only, "--out", tmp_path / "run"],
        f"{train_only}/val: is missing",
        "train with --val-fraction 0.1",
        "minidelve data split",
    )
    held = ["--val-fraction", 0.25]
    out = ok("train", *quick, "--data", train_only, *held, "--out", tmp_path / "run")
    assert "val_fraction 0.25" in out and "36 training and 12 validation images" in out
    assert json.loads((tmp_path / "run/config.json").read_text())["val_fraction"] == 0.25
    ok("data", "split", train_only, tmp_path / "split", *held)
    ok("train", *quick, "--data", tmp_path / "split", "--out", tmp_path / "run-2")
    results = [ok("evaluate", tmp_path / run) for run in ("run", "run-2")]
    numbers = [re.search("top-1 error.*", result)[0] for result in results]
    assert numbers[0] == numbers[1] and "(12 images)" in numbers[0]


@pytest.mark.parametrize("given", ["0", "1", "1.5", "nan", "x"])
def test_a_share_that_is_none_is_refused(refused, tmp_path, given):
    refused(["train", "--val-fraction", given, "--out", tmp_path / "run"], given, "a number above 0 and below 1")


def test_an_image_smaller_than_the_crop_is_found_before_training(ok, cli, refused, tiny_data, tmp_path, quick):
    folder = shutil.copytree(tiny_data, tmp_path / "data")
    from tests.data.files import encode, pixels_of

    small = folder / "val/red/0.png"
    small.write_bytes(encode(pixels_of(0, size=20)))
    said = f"{small}: the image of 20 x 20 pixels is smaller than the crop of 28 x 28"
    command = ["train", *quick, "--data", folder, "--out", tmp_path / "run"]
    refused(command, said, "--short-side 28, which enlarges it", "--on-bad-image skip")
    code, out, _ = cli("data", folder, "--check", "--size", 28)
    assert code == 1 and f"bad: {said}" in out and "1 bad" in out
    assert f"the smallest of val: 20 x 20 pixels ({small})" in ok("data", folder, "--check")
    out = ok(*command, "--on-bad-image", "skip")
    assert f"note: images of val that are left out: 1; the first: {said}" in out
    assert "left out" in ok("evaluate", tmp_path / "run", "--on-bad-image", "skip")
    assert "left out" not in ok(*command, "--short-side", 28, "--overwrite")


def test_what_training_leaves_aside_is_told(ok, tiny_data, tmp_path, quick):
    folder = shutil.copytree(tiny_data, tmp_path / "data")
    (folder / "train/red/more").mkdir()
    (folder / "train/red/x.bmp").write_bytes(b"")
    shutil.rmtree(folder / "val/red")
    out = ok("train", *quick, "--data", folder, "--out", tmp_path / "run")
    assert "note: train: ignored 2 that are not images of a class: train/red/more/, train/red/x.bmp" in out
    assert "note: 1 of 4 classes has no validation image" in out
    assert "train: ignored 2 that" in ok("data", "pack", folder, tmp_path / "packed", "--short-side", 28)
