"""A subset or a split of a data set, in a folder or a zip: the same files, and nothing half done."""

import os
import zipfile

import numpy as np
import pytest

from minidelve.data import Part, hold_out, open_dataset, pack, split, subset, write_toy
from minidelve.errors import DataError


def contents(path, split):
    """Each image's class, file name and bytes, in order."""
    data = open_dataset(path, split)
    return [(data.classes[label], os.path.basename(data.path(i)), data.read(i)) for i, label in enumerate(data.labels)]


@pytest.mark.parametrize("layout", ["tiny", "imagenet"])
@pytest.mark.parametrize("target", ["copy", "copy.zip"])
def test_a_subset_has_the_files_of_its_classes(store, tiny_files, imagenet_files, form, layout, target, tmp_path):
    source = store({"tiny": tiny_files, "imagenet": imagenet_files}[layout], form)
    whole = open_dataset(source)
    chosen = [whole.classes[2], whole.classes[0]]
    assert subset(source, tmp_path / target, chosen) == {"train": 4, "val": 4}
    copy = open_dataset(tmp_path / target)
    assert copy.kind == "imagenet" and copy.classes == sorted(chosen) and copy.strays == []
    assert copy.class_names == [whole.class_names[0], whole.class_names[2]]
    for name in ("train", "val"):
        kept = [item for item in contents(source, name) if item[0] in chosen]
        assert contents(tmp_path / target, name) == sorted(kept, key=lambda item: item[0])
        assert (name == "val") or kept == contents(tmp_path / target, name)  # the order that training depends on
    assert (tmp_path / target).is_file() == target.endswith(".zip")


def test_the_seed_draws_classes_and_an_archive_has_no_dates(store, tiny_files, tmp_path):
    source = store(tiny_files)
    drawn = []
    for k, seed in enumerate((0, 0, 1, 2, 3, 4)):
        assert subset(source, tmp_path / f"{k}.zip", 2, seed) == {"train": 4, "val": 4}
        drawn.append(tuple(open_dataset(tmp_path / f"{k}.zip").classes))
    assert drawn[0] == drawn[1] == ("n02", "n03") and len(set(drawn)) == 3  # pinned: the seed means these classes
    assert (tmp_path / "0.zip").read_bytes() == (tmp_path / "1.zip").read_bytes()


def test_a_split_holds_out_what_training_would(store, imagenet_files, tmp_path):
    source = store({name: content for name, content in imagenet_files.items() if name.startswith("train/")})
    assert split(source, tmp_path / "split", 0.5, seed=3) == {"train": 3, "val": 3}
    train, val = hold_out(open_dataset(source), 0.5, seed=3)
    for part in (train, val):
        copy = open_dataset(tmp_path / "split", part.split)
        assert copy.labels.tolist() == part.labels.tolist()
        for i in range(len(part)):
            np.testing.assert_array_equal(copy.image(i), part.image(i))


def test_files_have_their_own_names_also_where_paths_have_backslashes(store, imagenet_files, tmp_path, monkeypatch):
    paths = Part.path
    monkeypatch.setattr(Part, "path", lambda self, i: "C:" + paths(self, i).replace("/", "\\"))
    subset(store(imagenet_files), tmp_path / "copy", ["ant", "cat"])
    copied = {str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert copied == {"words.txt", *(name for name in imagenet_files if name.split("/")[1] in ("ant", "cat"))}


def test_a_set_with_validation_images_is_not_split(store, imagenet_files, tmp_path):
    source = store(imagenet_files)
    with pytest.raises(DataError, match=f"{source}: has validation images already; expected"):
        split(source, tmp_path / "split", 0.5)
    assert sorted(os.listdir(tmp_path)) == ["set"]


WRONG = [
    (["zebra"], "has no class 'zebra'; expected one of its 3, such as 'ant'; minidelve data .* --all-classes"),
    (4, "--classes 4 is more than the data set has; expected at most 3"),
]


@pytest.mark.parametrize(("classes", "problem"), WRONG)
def test_classes_that_are_not_there_are_named(store, imagenet_files, tmp_path, classes, problem):
    with pytest.raises(DataError, match=problem):
        subset(store(imagenet_files), tmp_path / "copy", classes)
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("target", ["copy", "copy.zip"])
def test_nothing_is_overwritten_and_a_failure_leaves_nothing(store, imagenet_files, tmp_path, target):
    source = store(imagenet_files)
    place = tmp_path / target
    os.remove(source / "val/bee/1.PNG")
    (source / "val/bee/1.PNG").symlink_to("nowhere")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(DataError, match="val/bee/1.PNG: "):
        subset(source, place, ["bee"])
    assert sorted(os.listdir(tmp_path)) == before
    if target == "copy":
        place.mkdir()
        (place / "mine").write_text("mine")
    else:
        place.write_text("mine")
    with pytest.raises(DataError, match=f"{place}: already exists"):
        subset(source, place, ["ant"])
    assert (place / "mine" if place.is_dir() else place).read_text() == "mine"


def test_an_empty_folder_is_taken_and_parents_are_made(store, imagenet_files, tmp_path):
    source = store(imagenet_files, "zip")
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "a/b/c.zip"):
        subset(source, place, ["cat"])
        assert open_dataset(place).classes == ["cat"]
    with zipfile.ZipFile(tmp_path / "a/b/c.zip") as archive:
        assert archive.testzip() is None


def test_pixels_without_files_are_not_copied(store, imagenet_files, tmp_path):
    pack(store(imagenet_files), tmp_path / "packed", 8)
    for source, cure in ((tmp_path / "packed", "give what it was packed from"), ("toy", "--write-toy")):
        with pytest.raises(DataError, match=f"holds no image files to copy; .*{cure}"):
            subset(source, tmp_path / "copy", 1)
    write_toy(tmp_path / "toy-images", 20, 10)
    assert subset(tmp_path / "toy-images", tmp_path / "copy", 3) == {"train": 6, "val": 3}
