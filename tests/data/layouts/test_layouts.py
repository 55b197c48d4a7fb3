"""Both layouts, in a folder or a zip: which images of which class, and what is wrong in one line."""

import shutil

import numpy as np
import pytest

from minidelve.data import open_dataset
from tests.data.files import pixels_of


def test_tiny_imagenet_layout(store, tiny_files, form):
    path = store(tiny_files, form)
    train, val = open_dataset(path), open_dataset(str(path), "val")
    assert train.kind == val.kind == "tiny-imagenet"
    assert train.name == "set" and val.split == "val"
    assert train.classes == val.classes == ["n01", "n02", "n03"]  # sorted, as wnids.txt is not
    assert train.class_names == val.class_names == ["goldfish, carp", "n02", "fly"]
    assert train.labels.dtype == np.int64
    assert train.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert val.labels.tolist() == [2, 0, 2, 1, 1, 0]  # val_0, val_10, val_2, val_4, ...
    assert train.strays == val.strays == []
    for i in range(6):
        np.testing.assert_array_equal(train.image(i), pixels_of(100 * train.labels[i] + i % 2))
    for i, seed in enumerate([250, 51, 251, 150, 151, 50]):
        np.testing.assert_array_equal(val.image(i), pixels_of(seed))


def test_imagenet_layout(store, imagenet_files, form):
    path = store(imagenet_files, form)
    for split, add in (("train", 0), ("val", 50)):
        dataset = open_dataset(path, split)
        assert dataset.kind == "imagenet"
        assert dataset.classes == dataset.class_names == ["ant", "bee", "cat"]
        assert dataset.labels.tolist() == [0, 0, 1, 1, 2, 2]
        assert len(dataset) == 6
        for i in range(6):
            np.testing.assert_array_equal(dataset.image(i), pixels_of(100 * dataset.labels[i] + i % 2 + add))


def test_paths_name_the_file_or_the_member_and_images_are_counted(store, imagenet_files):
    path = store(imagenet_files)
    assert open_dataset(path).path(0) == str(path / "train/ant/0.JPEG")
    assert open_dataset(path).describe().splitlines() == [
        "set (imagenet layout), split train", "  images   6", "  classes  3, of 2 images: ant; bee; cat"
    ]  # fmt: skip
    path = store(imagenet_files, "nested zip")
    assert open_dataset(path).path(0) == f"{path}!set-20/train/ant/0.JPEG"


def test_words_name_the_classes_of_the_imagenet_layout_too(store, imagenet_files):
    words = "bee\thoney bee\n\nant\tФ\n".encode("utf-8-sig")  # with a mark in front, as some editors write it
    path = store(imagenet_files | {"words.txt": words})
    assert open_dataset(path).class_names == ["Ф", "honey bee", "cat"]


def test_labels_of_val_are_positions_among_the_classes_of_train(store, imagenet_files):
    files = {name: content for name, content in imagenet_files.items() if not name.startswith("val/a")}
    val = open_dataset(store(files), "val")
    assert val.classes == ["ant", "bee", "cat"]
    assert val.labels.tolist() == [1, 1, 2, 2]


def test_a_set_with_val_alone_opens_as_val_only(store, imagenet_files, error_of):
    path = store({name: content for name, content in imagenet_files.items() if name.startswith("val")})
    assert open_dataset(path, "val").classes == ["ant", "bee", "cat"]
    assert "train: is missing" in error_of(path) and "use the split 'val'" in error_of(path)


def test_what_is_no_image_is_listed_but_hidden_files_are_not(store, imagenet_files):
    strays = ["README", "extra/x.png", "train/list.csv", "train/ant/a.gif", "train/ant/deep/a.png"]
    hidden = [".DS_Store", "train/._ant", "train/ant/._0.JPEG", "train/bee/Thumbs.db"]
    dataset = open_dataset(store(imagenet_files | dict.fromkeys(strays + hidden, b"")))
    assert len(dataset) == 6
    assert dataset.strays == ["extra/", "README", "train/list.csv", "train/ant/deep/", "train/ant/a.gif"]
    assert "ignored  5" in dataset.describe() and "extra/" in dataset.describe()


def test_strays_of_the_tiny_imagenet_layout_are_listed(store, tiny_files):
    strays = ["train/n01/notes.txt", "train/n01/images/a.txt", "val/more.txt", "val/images/a.gif"]
    path = store(tiny_files | dict.fromkeys(strays, b""))
    assert open_dataset(path).strays == strays[:2]
    assert open_dataset(path, "val").strays == strays[2:]


# What is wrong: (layout, split, changes, what the message says). In the changes None removes a file, and a pair
# replaces a part of one.
ANNOTATIONS, NOT_AN_IMAGE = "val/val_annotations.txt", "holds no image (only readme.md)"
# fmt: off
WRONG = [
    ("imagenet", "train", {"train/dog/readme.md": b""}, "train/dog: " + NOT_AN_IMAGE),
    ("imagenet", "val", {"train/dog/a.png": b"", "val/dog/readme.md": b""}, "val/dog: " + NOT_AN_IMAGE),
    ("imagenet", "val", {"val/zebra/0.png": b""}, "val/zebra: is not a class of train/"),
    ("imagenet", "train", {"words.txt": b"ant the ant\n"}, "'ant the ant'"),
    ("imagenet", "test", {}, "no split 'test'"),
    ("nothing", "train", {"train/a.JPEG": b"", "train/b.JPEG": b""}, "holds no class folder"),
    ("nothing", "train", {}, "is empty"),
    ("nothing", "train", {"a.png": b"", "music/b.mp3": b""}, "but music/, a.png; expected train/<class>"),
    ("tiny", "train", {"train/n77/images/a.png": b""}, "train/n77: is not a class of wnids.txt"),
    ("tiny", "train", {"wnids.txt": b"n02\nn03\nn01\nn77\n"}, "train/n77: is missing"),
    ("tiny", "train",
     {"train/n03/images/n03_0.JPEG": None, "train/n03/images/n03_1.JPEG": None},
     "train/n03: holds no image (only n03_boxes.txt); expected files ending in .jpeg, "),
    ("tiny", "val", {"val/n01/a.png": b""}, "val/images: holds images, and val/n01/ is a class folder"),
    ("tiny", "train", {"wnids.txt": b""}, "wnids.txt: is empty"),
    ("tiny", "train", {"wnids.txt": b"n01\nn02\nn01\nn03"}, "wnids.txt: names 'n01' twice"),
    ("tiny", "train", {"wnids.txt": b"\xff\xfe\x00"}, "wnids.txt: is not UTF-8 text"),
    ("tiny", "val", {ANNOTATIONS: None}, "val/val_annotations.txt: is missing; expected the classes of"),
    ("imagenet", "val", {"val/Cat/0.png": b""},
     "val/Cat: is not a class of train/; expected one of its 3 classes, such as 'cat'"),
    ("nothing", "train", {"Train/ant/0.png": b"", "Val/ant/0.png": b""}, "rename Train/ or arrange"),
    ("tiny", "val", {ANNOTATIONS: (b"val_0.JPEG\tn03", b"val_0.JPEG\tn55")}, "gives val_0.JPEG the class 'n55'"),
    ("tiny", "val", {ANNOTATIONS: (b"val_0.JPEG\tn03", b"val_0.JPEG")}, "val_0.JPEG the class '0'"),
    ("tiny", "val", {ANNOTATIONS: (b"val_0.JPEG\t", b"val_77.JPEG\t")}, "val_77.JPEG: is missing"),
    ("tiny", "val", {ANNOTATIONS: (b"val_0.JPEG\t", b"val_2.JPEG\t")}, "names an image twice"),
    ("tiny", "val", {ANNOTATIONS: (b"\t", b" ")}, "has no second column"),
    ("tiny", "val", {ANNOTATIONS: (b"val_0.JPEG\tn03\t0\t0\t7\t7\n", b"")}, "val_0.JPEG: has no label"),
]
# fmt: on


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize(("layout", "split", "changes", "problem"), WRONG)
def test_what_is_wrong_is_named(store, tiny_files, imagenet_files, error_of, form, layout, split, changes, problem):
    files = {"tiny": tiny_files, "imagenet": imagenet_files, "nothing": {}}[layout]
    for name, change in changes.items():
        if isinstance(change, tuple):
            assert change[0] in files[name]
            change = files[name].replace(*change)
        files[name] = change
    path = store({name: content for name, content in files.items() if content is not None}, form)
    assert problem in error_of(path, split)
    if split == "val":
        assert len(open_dataset(path)) >= 6  # training goes on without it


@pytest.mark.parametrize("within", ["", "images/"])
@pytest.mark.parametrize("form", ["folder", "nested zip"])
def test_tiny_imagenet_sorted_into_class_folders_is_the_same_set(store, tiny_files, form, within):
    """As scripts sort it: val/<id>/*, the list left there, and images/ left empty or gone."""
    label_of = dict(line.split("\t")[:2] for line in tiny_files[ANNOTATIONS].decode().splitlines())
    files = {}
    for name, content in tiny_files.items():
        folder, _, file = name.rpartition("/")
        moved = (
            folder
            if folder == "val"
            else folder.replace("val/images", f"val/{label_of.get(file)}/{within}".rstrip("/"))
        )
        files[f"{moved}/{file}".lstrip("/")] = content
    for left in ({}, {ANNOTATIONS: None}):
        path = store({name: content for name, content in (files | left).items() if content is not None}, form)
        val = open_dataset(path, "val")
        assert val.kind == "tiny-imagenet" and val.strays == [] and val.labels.tolist() == [0, 0, 1, 1, 2, 2]
        for i, seed in enumerate([51, 50, 150, 151, 250, 251]):  # val_10 before val_8, val_4 before val_6, ...
            np.testing.assert_array_equal(val.image(i), pixels_of(seed))
        shutil.rmtree(path, ignore_errors=True)


def test_tiny_imagenet_is_known_without_its_list_of_classes(store, tiny_files):
    path = store({name: content for name, content in tiny_files.items() if name != "wnids.txt"})
    assert open_dataset(path).kind == "tiny-imagenet"
    assert open_dataset(path, "val").labels.tolist() == [2, 0, 2, 1, 1, 0]


def test_images_of_tiny_imagenet_may_lie_in_the_class_folders_themselves(store, tiny_files):
    flat = {name.replace("/images/", "/"): content for name, content in tiny_files.items()}
    path = store(flat)
    assert open_dataset(path).labels.tolist() == [0, 0, 1, 1, 2, 2] and open_dataset(path).strays == []
    assert open_dataset(path, "val").labels.tolist() == [2, 0, 2, 1, 1, 0] and open_dataset(path, "val").strays == []


@pytest.mark.parametrize("name", ["valid", "validation"])
def test_other_names_of_the_validation_folder(store, imagenet_files, name):
    path = store({path.replace("val/", f"{name}/"): content for path, content in imagenet_files.items()})
    assert open_dataset(path, "val").labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert open_dataset(path).strays == []


@pytest.mark.parametrize("within", ["", "images/"])
def test_class_folders_with_nothing_around_them_are_training_images(store, imagenet_files, form, within, error_of):
    files = {
        f"{name.split('/')[1]}/{within}{name.split('/')[2]}": content
        for name, content in imagenet_files.items()
        if name.startswith("train/")
    }
    path = store(files | {"README": b"", "words.txt": b"bee\thoney bee\n", "ant/notes.txt": b""}, form)
    train = open_dataset(path)
    assert train.labels.tolist() == [0, 0, 1, 1, 2, 2] and train.class_names == ["ant", "honey bee", "cat"]
    assert len(train.strays) == 2
    message = error_of(path, "val")
    assert "val: is missing" in message and "--val-fraction 0.1" in message and "minidelve data split" in message
