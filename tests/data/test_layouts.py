import io
import tarfile

import numpy as np
import pytest

from minidelve.data import open_dataset
from minidelve.errors import DataError

FORMS = ["folder", "zip", "nested folder", "nested zip"]


def error_of(path, split="train"):
    with pytest.raises(DataError) as error:
        open_dataset(path, split)
    message = str(error.value)
    assert "\n" not in message and message.startswith(str(path))
    return message


@pytest.mark.parametrize("form", FORMS)
def test_tiny_imagenet_layout(store, tiny_files, pixels_of, form):
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


@pytest.mark.parametrize("form", FORMS)
def test_imagenet_layout(store, imagenet_files, pixels_of, form):
    path = store(imagenet_files, form)
    for split, add in (("train", 0), ("val", 50)):
        dataset = open_dataset(path, split)
        assert dataset.kind == "imagenet"
        assert dataset.classes == dataset.class_names == ["ant", "bee", "cat"]
        assert dataset.labels.tolist() == [0, 0, 1, 1, 2, 2]
        assert len(dataset) == 6
        for i in range(6):
            np.testing.assert_array_equal(dataset.image(i), pixels_of(100 * dataset.labels[i] + i % 2 + add))


def test_paths_name_the_file_or_the_member(store, imagenet_files):
    path = store(imagenet_files)
    assert open_dataset(path).path(0) == str(path / "train/ant/0.JPEG")
    path = store(imagenet_files, "nested zip")
    assert open_dataset(path).path(0) == f"{path}!set-20/train/ant/0.JPEG"


def test_words_name_the_classes_of_the_imagenet_layout_too(store, imagenet_files):
    path = store(imagenet_files | {"words.txt": "bee\thoney bee\n\nant\tФ\n".encode()})
    assert open_dataset(path).class_names == ["Ф", "honey bee", "cat"]


def test_labels_of_val_are_positions_among_the_classes_of_train(store, imagenet_files):
    files = {name: content for name, content in imagenet_files.items() if not name.startswith("val/a")}
    val = open_dataset(store(files), "val")
    assert val.classes == ["ant", "bee", "cat"]
    assert val.labels.tolist() == [1, 1, 2, 2]


def test_a_set_with_val_alone_opens_as_val_only(store, imagenet_files):
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


def test_describe_counts_images_and_classes(store, imagenet_files):
    lines = open_dataset(store(imagenet_files)).describe().splitlines()
    assert lines == [
        "set (imagenet layout), split train",
        "  images   6",
        "  classes  3, of 2 to 2 images: ant; bee; cat",
    ]


# Bad input


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_an_empty_folder_or_zip_is_named(store, form):
    assert "is empty" in error_of(store({}, form))


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_a_folder_of_something_else_is_named_with_what_it_holds(store, form):
    message = error_of(store({"a.png": b"", "music/b.mp3": b""}, form))
    assert "a.png" in message and "music/" in message and "train/<class>" in message


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_class_folder_without_an_image_is_named(store, imagenet_files, split):
    files = imagenet_files | {"train/dog/a.png": b"", "val/dog/a.png": b"", f"{split}/dog/readme.md": b""}
    del files[f"{split}/dog/a.png"]
    message = error_of(store(files), split)
    assert f"{split}/dog: holds no image" in message and "readme.md" in message


def test_a_split_without_class_folders_is_named(store):
    assert "holds no class folder" in error_of(store({"train/a.JPEG": b"", "train/b.JPEG": b""}))


def test_a_class_of_val_that_train_does_not_have_is_named(store, imagenet_files):
    path = store(imagenet_files | {"val/zebra/0.png": b""})
    assert "val/zebra: is not a class of train/" in error_of(path, "val")
    assert len(open_dataset(path)) == 6


def test_a_training_folder_that_wnids_does_not_name_is_refused(store, tiny_files):
    path = store(tiny_files | {"train/n77/images/a.png": b""})
    assert "train/n77: is not a class of wnids.txt" in error_of(path)


def test_a_class_of_wnids_without_a_folder_is_named(store, tiny_files):
    tiny_files["wnids.txt"] += b"n77\n"
    assert "train/n77: is missing" in error_of(store(tiny_files))


def test_a_class_without_its_images_folder_is_named(store, tiny_files):
    tiny_files["train/n03/a.png"] = tiny_files.pop("train/n03/images/n03_0.JPEG")
    del tiny_files["train/n03/images/n03_1.JPEG"]
    assert "train/n03/images: is missing" in error_of(store(tiny_files))


@pytest.mark.parametrize(
    "wnids, problem",
    [(b"", "is empty"), (b"n01\nn02\nn01\nn03", "'n01' twice"), (b"\xff\xfe\x00", "is not UTF-8 text")],
)
def test_a_bad_list_of_classes_is_named(store, tiny_files, wnids, problem):
    message = error_of(store(tiny_files | {"wnids.txt": wnids}))
    assert "wnids.txt" in message and problem in message


@pytest.mark.parametrize(
    "old, new, problem",
    [
        (b"val_0.JPEG\tn03", b"val_0.JPEG\tn55", "gives val_0.JPEG the class 'n55'"),
        (b"val_0.JPEG\tn03", b"val_0.JPEG", "val_0.JPEG the class '0'"),
        (b"val_0.JPEG\t", b"val_77.JPEG\t", "val_77.JPEG: is missing"),
        (b"val_0.JPEG\t", b"val_2.JPEG\t", "names an image twice"),
        (b"\t", b" ", "has no second column"),
        (b"val_0.JPEG\tn03\t0\t0\t7\t7\n", b"", "val_0.JPEG: has no label"),
    ],
)
def test_bad_validation_labels_are_named(store, tiny_files, old, new, problem):
    annotations = tiny_files["val/val_annotations.txt"]
    assert old in annotations
    path = store(tiny_files | {"val/val_annotations.txt": annotations.replace(old, new)})
    assert problem in error_of(path, "val")
    assert len(open_dataset(path)) == 6


def test_missing_validation_labels_are_named(store, tiny_files):
    del tiny_files["val/val_annotations.txt"]
    path = store(tiny_files, "zip")
    assert "val/val_annotations.txt: is not in the archive" in error_of(path, "val")


def test_a_bad_line_of_words_is_named(store, imagenet_files):
    assert "'ant the ant'" in error_of(store(imagenet_files | {"words.txt": b"ant the ant\n"}))


def test_an_unknown_split_is_named(store, imagenet_files):
    assert "no split 'test'" in error_of(store(imagenet_files), "test")


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_a_broken_image_is_named_when_it_is_asked_for(store, imagenet_files, form):
    path = store(imagenet_files | {"train/bee/0.JPEG": b"I am text"}, form)
    dataset = open_dataset(path)
    with pytest.raises(DataError) as error:
        dataset.image(2)
    assert str(error.value).startswith(f"{path}{'!' if form == 'zip' else '/'}train/bee/0.JPEG: ")


# The cache


def test_images_are_kept_up_to_the_limit_and_decoded_again_beyond_it(store, imagenet_files, monkeypatch):
    dataset = open_dataset(store(imagenet_files), cache_bytes=2 * 8 * 8 * 3)
    loaded = []
    load = dataset._load
    monkeypatch.setattr(dataset, "_load", lambda i: (loaded.append(i), load(i))[1])
    for _ in range(2):
        for i in (4, 1, 3):
            dataset.image(i)
    assert loaded == [4, 1, 3, 3]


def test_an_image_of_the_cache_cannot_be_written_to(store, imagenet_files):
    image = open_dataset(store(imagenet_files)).image(0)
    with pytest.raises(ValueError, match="read-only"):
        image[0] = 0


# ImageNet as it is handed out

WNIDS = ["n01", "n02", "n03"]
VAL = {1: "n02", 2: "n03", 3: "n01", 4: "n02"}  # number of the validation image -> its class


def val_name(number):
    return f"ILSVRC2012_val_{number:08}"


@pytest.fixture
def flat_files(encode, pixels_of):
    """train/<wnid>/*, and val/ as one flat folder without a list; image k of val has the pixels of seed k."""
    files = {f"train/{wnid}/{wnid}_0.JPEG": encode(pixels_of(100 + k)) for k, wnid in enumerate(WNIDS)}
    return files | {f"val/{val_name(k)}.JPEG": encode(pixels_of(k)) for k in VAL}


def lines(form, values=VAL):
    return "".join(form.format(name=val_name(k), value=value) + "\n" for k, value in values.items()).encode()


POSITIONS = {1: 1, 2: 2, 3: 0, 4: 1}  # the classes of VAL by hand, in sorted order from 0
LISTS = [
    ("val/val.txt", lines("{name}.JPEG {value}")),
    ("val_labels.txt", lines("{name}.JPEG\t{value}")),
    ("val_labels.csv", lines("{name}.JPEG,{value}")),
    ("LOC_val_solution.csv", b"ImageId,PredictionString\n" + lines("{name},{value} 111 108 420 510 {value} 1 2 3 4")),
    ("val.txt", lines("val/{name}.JPEG {value}", POSITIONS)),
]


def check_flat(path):
    val = open_dataset(path, "val")
    assert val.classes == WNIDS and val.kind == "imagenet" and val.strays == []
    assert [val.classes[label] for label in val.labels] == list(VAL.values())
    return val


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("name", "content"), LISTS)
def test_a_flat_val_is_labelled_by_the_lists_people_have(store, flat_files, pixels_of, form, name, content):
    # Backwards: the order of the list must not matter.
    header, body = content.splitlines()[:1], content.splitlines()[1:]
    content = b"\n".join(header + body[::-1])
    val = check_flat(store(flat_files | {name: content}, form))
    for i, number in enumerate(VAL):
        np.testing.assert_array_equal(val.image(i), pixels_of(number))


def test_bare_numbers_are_ilsvrc_ids_and_refused_without_their_map(store, flat_files):
    # By map_clsloc.txt: 1 is n03, 2 is n01, 3 is n02. As positions they would pass for labels, and be wrong.
    name = "ILSVRC2012_validation_ground_truth.txt"
    files = flat_files | {name: b"3\n1\n2\n3\n"}
    message = error_of(store(files), "val")
    assert name in message and "ILSVRC2012_IDs" in message and "map_clsloc.txt" in message


@pytest.mark.parametrize("place", ["", "val/"])
def test_bare_numbers_are_read_with_their_map(store, flat_files, place):
    files = flat_files | {
        f"{place}ILSVRC2012_validation_ground_truth.txt": b"3\n1\n2\n3\n",
        f"{place}map_clsloc.txt": b"n03 1 kit_fox\nn01 2 tench\nn02 3 English_setter\n",
    }
    check_flat(store(files))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"3\n1\n2\n", "has 3 lines for 4 images"),
        (b"3\n1\n2\n9\n", "holds the number 9, by map_clsloc.txt no class"),
    ],
)
def test_wrong_bare_numbers_are_named(store, flat_files, content, problem):
    files = flat_files | {
        "map_clsloc.txt": b"n03 1 a\nn01 2 b\nn02 3 c\n",
        "ILSVRC2012_validation_ground_truth.txt": content,
    }
    assert problem in error_of(store(files), "val")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (lines("{name} {value}", {k: v + 1 for k, v in POSITIONS.items()}), "expected positions from 0 to 2"),
        (lines("{name} {value}", VAL | {2: "n77"}), f"gives {val_name(2)} the class 'n77'"),
        (lines("{name} {value}", VAL | {5: "n01"}), f"names '{val_name(5)}', which is not there"),
        (lines("{name} {value}", {1: "n01"}), f"has no line for '{val_name(2)}'"),
        (lines("{name} {value}") * 2, "names an image twice"),
        (lines("{name}"), "has no second column"),
    ],
)
def test_a_wrong_list_of_a_flat_val_is_named(store, flat_files, content, problem):
    path = store(flat_files | {"val.txt": content})
    message = error_of(path, "val")
    assert str(path / "val.txt") in message and problem in message
    assert len(open_dataset(path)) == 3  # training goes on without it


def test_only_the_first_line_of_a_list_may_be_a_header(store, flat_files, encode, pixels_of):
    """An image may be called like a word that heads a list."""
    files = flat_files | {
        "val/image.JPEG": encode(pixels_of(9)),
        "val.csv": b"image,class\n" + lines("{name},{value}") + b"image,n03\n",
    }
    val = open_dataset(store(files), "val")
    assert [val.classes[label] for label in val.labels] == [*VAL.values(), "n03"]
    np.testing.assert_array_equal(val.image(4), pixels_of(9))


def test_two_images_of_one_name_are_refused(store, flat_files):
    files = flat_files | {f"val/{val_name(1)}.png": flat_files[f"val/{val_name(1)}.JPEG"], "val.txt": LISTS[0][1]}
    assert "stands for two images" in error_of(store(files), "val")


def test_a_flat_val_without_a_list_says_which_is_needed(store, flat_files):
    message = error_of(store(flat_files | {"eval.txt": b"x"}), "val")
    assert "val: holds images but no class folders" in message and "LOC_val_solution.csv" in message


def test_a_flat_val_alone_has_the_classes_of_its_list(store, flat_files):
    files = {name: content for name, content in flat_files.items() if name.startswith("val")}
    check_flat(store(files | {"val.txt": LISTS[0][1]}))


def test_a_flat_val_alone_has_the_sorted_classes_of_the_ids(store, flat_files):
    """map_clsloc.txt is in the order of the ILSVRC2012_IDs; labels are places among the sorted class ids."""
    files = {name: content for name, content in flat_files.items() if name.startswith("val")}
    check_flat(
        store(
            files
            | {
                "ILSVRC2012_validation_ground_truth.txt": b"3\n1\n2\n3\n",
                "map_clsloc.txt": b"n03 1 kit_fox\nn01 2 tench\nn02 3 English_setter\n",
            }
        )
    )


def test_positions_alone_need_the_list_of_classes(store, flat_files, tmp_path):
    files = {name: content for name, content in flat_files.items() if name.startswith("val")}
    files["val.txt"] = LISTS[4][1]
    assert "LOC_synset_mapping.txt" in error_of(store(files, "zip"), "val")
    check_flat(store(files | {"LOC_synset_mapping.txt": b"n01 tench\nn03 fly\nn02 goldfish\n"}))


def test_a_list_with_names_is_preferred_to_bare_numbers(store, flat_files):
    check_flat(store(flat_files | {"val.txt": LISTS[0][1], "ILSVRC2012_validation_ground_truth.txt": b"3\n1\n2\n3\n"}))


@pytest.mark.parametrize("place", ["", "ILSVRC/", "ILSVRC/Data/CLS-LOC/"])
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_kaggles_copy_is_found_below_its_folders_with_its_lists_above(store, flat_files, form, place):
    files = {f"ILSVRC/Data/CLS-LOC/{name}": content for name, content in flat_files.items()}
    files |= {
        "ILSVRC/Annotations/CLS-LOC/x.xml": b"",
        "LOC_sample_submission.csv": b"",
        f"{place}{LISTS[3][0]}": LISTS[3][1],
        f"{place}LOC_synset_mapping.txt": b"n01 tench, Tinca tinca\nn03 fly\nn02 goldfish\n",
        "ILSVRC/ImageSets/CLS-LOC/val.txt": lines("{name} {value}", {1: 1, 2: 2, 3: 3, 4: 4}),
    }
    val = check_flat(store(files, form))
    assert val.class_names == ["tench, Tinca tinca", "goldfish", "fly"]


# Archives that stand for folders


def tar_of(files):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def class_tars(files):
    return {
        f"{wnid}.tar": tar_of(
            {name.rpartition("/")[2]: content for name, content in files.items() if name.startswith(f"train/{wnid}/")}
        )
        for wnid in WNIDS
    }


def as_class_tars(files):
    rest = {name: content for name, content in files.items() if not name.startswith("train/")}
    return rest | {f"train/{name}": content for name, content in class_tars(files).items()}


def as_downloaded(files):
    val = {name.removeprefix("val/"): content for name, content in files.items() if name.startswith("val/I")}
    return {
        "ILSVRC2012_img_train.tar": tar_of(class_tars(files)),
        "ILSVRC2012_img_val.tar": tar_of(val),
        "val.txt": files["val.txt"],
    }


@pytest.mark.parametrize("arrange", [as_class_tars, as_downloaded, lambda files: {"set.tar": tar_of(files)}])
def test_archives_are_read_in_place(store, flat_files, pixels_of, arrange):
    path = store(arrange(flat_files | {"val.txt": LISTS[0][1]}))
    path = path / "set.tar" if (path / "set.tar").exists() else path
    val, train = check_flat(path), open_dataset(path)
    assert train.classes == WNIDS and train.labels.tolist() == [0, 1, 2] and train.strays == []
    for i in range(3):
        np.testing.assert_array_equal(train.image(i), pixels_of(100 + i))
    for i, number in enumerate(VAL):
        np.testing.assert_array_equal(val.image(i), pixels_of(number))


def test_an_image_in_a_tar_in_a_tar_is_named_in_full(store, flat_files):
    path = store(as_downloaded(flat_files | {"val.txt": LISTS[0][1]}))
    assert open_dataset(path).path(1) == f"{path}/ILSVRC2012_img_train.tar!n02.tar/n02_0.JPEG"


def test_a_tar_beside_the_folder_it_was_unpacked_to_is_left_aside(store, flat_files):
    files = flat_files | {"train/n02.tar": b"no tar", "ILSVRC2012_img_train.tar": b"no tar", "val.txt": LISTS[0][1]}
    train = open_dataset(store(files))
    assert len(train) == 3 and train.strays == ["ILSVRC2012_img_train.tar", "train/n02.tar"]
