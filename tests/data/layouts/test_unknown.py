"""A path that is no data set: what it is, and what to give in its place."""

import pytest

from tests.data.files import tar_bytes, zip_bytes

PICTURES = ["0.png", "1.jpg"]
IN_CLASSES = ["ant/0.png", "bee/1.png"]
RUN = ["best.npz", "last.npz", "config.json", "curves.png"]
ARCHIVE = zip_bytes([("train/ant/0.png", b"")])
WHAT = [  # the files, what it is said to be in a folder, and what in a zip if that is something else
    (RUN, "is the folder of a training run; expected a data set; give the images", ""),
    ([f"{run}/{name}" for run in "ab" for name in RUN], "is a folder of training runs; expected a data set", ""),
    (["model/0.weight.npy", "mean.npy", "meta.npy"], "is a checkpoint of a training run", ""),
    (["train.pixels", "train.index.npy"], "is a packed store without its minidelve-store.json; expected a data", ""),
    (PICTURES, "is a folder of pictures, as of one class; expected a data set; give a folder that has a folder for "
     "each class, perhaps {parent}", "as of one class; expected a data set; give an archive with a folder for each"),
    (["images/0.png", "boxes.txt"], "is a folder of pictures, as of one class", ""),
    (["ant/0.png"], "is a set of one class alone, ant/; expected a data set; add a second class", ""),
    (["in.zip"], "holds another archive, in.zip, which is not looked into; expected train/<class>/* and val/<class>/*, "
     "or Tiny-ImageNet's wnids.txt, train/ and val/; give {path}/in.zip", "; unpack it there"),
    (["in.tar.gz", "notes.txt", "out.7z"], "holds another archive, in.tar.gz, which is not looked into", ""),
    ([*(f"a/set/train/{name}" for name in IN_CLASSES), "b/c"], "holds a data set in a/set/; expected one at the top; "
     "give {path}/a/set", "holds a data set in a/set/; expected one at the top; unpack it, and give its a/set/"),
    ([*(f"a/b/{name}" for name in IN_CLASSES), "b/c"], "holds a data set in a/b/; expected", ""),
    ([*(f"a/b/c/d/train/{name}" for name in IN_CLASSES), "b/c"], "holds neither train/ nor val/ but a/, b/", ""),
]  # fmt: skip


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize("row", WHAT, ids=lambda row: row[0][0])
def test_what_is_no_data_set_is_called_what_it_is(store, error_of, form, row):
    files, in_a_folder, in_a_zip = row
    path = store(dict.fromkeys(files, ARCHIVE), form)
    expected = in_a_zip if form == "zip" and in_a_zip else in_a_folder
    assert expected.format(path=path, parent=path.parent) in error_of(path)


def test_the_folder_of_a_class_is_sent_to_the_whole_set(store, imagenet_files, error_of):
    path = store(imagenet_files)
    for split in ("train", "val"):
        said = error_of(path / split / "ant")
        assert said.endswith(f"; give a folder that has a folder for each class, perhaps {path}")


def test_a_folder_that_cannot_be_listed_is_passed_over_in_the_search(store, error_of):
    path = store({"a/b/x": b"", "c/d": b""})
    (path / "a/b/loop").symlink_to(path / "a")
    assert "holds neither train/ nor val/ but a/, c/" in error_of(path)


@pytest.mark.parametrize("name", ["tiny-imagenet", "tiny-imagenet-200.zip", "imagenette2-320"])
def test_a_set_that_can_be_fetched_says_how(tmp_path, error_of, name):
    fetched = "imagenette" if name.startswith("imagenette") else "tiny-imagenet"
    assert error_of(tmp_path / name).endswith(f"does not exist; to download it: minidelve data fetch {fetched}")
    (tmp_path / name).mkdir()
    assert "is empty" in error_of(tmp_path / name)


PICTURE = b"\0\0\0\x18ftypheic", b"II*\0", b"MM\0*", b"GIF89a"


@pytest.mark.parametrize("beginning", PICTURE)
def test_a_picture_of_another_format_is_no_broken_archive(tmp_path, error_of, beginning):
    (tmp_path / "a").write_bytes(beginning + bytes(1000))
    assert ": is a picture" in error_of(tmp_path / "a") and "JPEG, PNG or WebP" in error_of(tmp_path / "a")


def test_a_tar_in_a_zip_is_an_archive_within(store, error_of):
    path = store({"train.tar": tar_bytes([("ant/0.png", b"")])}, "zip")
    assert "holds another archive, train.tar, which is not looked into" in error_of(path)
