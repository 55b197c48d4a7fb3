"""ImageNet as it is handed out: a flat val/ and a list of labels, Kaggle's folders, archives in place of folders."""

import numpy as np
import pytest

from minidelve.data import open_dataset
from tests.data.files import encode, pixels_of, tar_bytes

WNIDS = ["n01", "n02", "n03"]
VAL = {1: "n02", 2: "n03", 3: "n01", 4: "n02"}  # number of the validation image -> its class


def val_name(number):
    return f"ILSVRC2012_val_{number:08}"


@pytest.fixture
def flat_files():
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
NAMED = {"val.txt": LISTS[0][1]}
# By map_clsloc.txt 1 is n03, 2 is n01, 3 is n02. As positions the numbers would pass for labels, and be wrong.
NUMBERS, MAP = "ILSVRC2012_validation_ground_truth.txt", b"n03 1 kit_fox\nn01 2 tench\nn02 3 English_setter\n"
IDS = b"3\n1\n2\n3\n"


def check_flat(path):
    val = open_dataset(path, "val")
    assert val.classes == WNIDS and val.kind == "imagenet" and val.strays == []
    assert [val.classes[label] for label in val.labels] == list(VAL.values())
    return val


def without_train(files):
    return {name: content for name, content in files.items() if not name.startswith("train/")}


@pytest.mark.parametrize(("name", "content"), LISTS)
def test_a_flat_val_is_labelled_by_the_lists_people_have(store, flat_files, form, name, content):
    # Backwards: the order of the list must not matter.
    header, body = content.splitlines()[:1], content.splitlines()[1:]
    content = b"\n".join(header + body[::-1])
    val = check_flat(store(flat_files | {name: content}, form))
    for i, number in enumerate(VAL):
        np.testing.assert_array_equal(val.image(i), pixels_of(number))


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize(
    "added",
    [
        NAMED,
        {NUMBERS: IDS, "map_clsloc.txt": MAP},
        {f"val/{NUMBERS}": IDS, "val/map_clsloc.txt": MAP},
        NAMED | {NUMBERS: IDS},  # a list with names is preferred to bare numbers
        {"val.txt": LISTS[4][1], "LOC_synset_mapping.txt": b"n01 tench\nn03 fly\nn02 goldfish\n"},
    ],
)
def test_a_flat_val_is_labelled_with_and_without_its_training_images(store, flat_files, added, alone):
    check_flat(store((without_train(flat_files) if alone else flat_files) | added))


def a_list(form, values=VAL):
    return {"val.txt": lines(form, values)}


TWICE = {f"val/{val_name(1)}.png": b"the first name again"}
WRONG = [
    ({NUMBERS: IDS}, [NUMBERS, "ILSVRC2012_IDs", "map_clsloc.txt"]),
    ({NUMBERS: b"3\n1\n2\n", "map_clsloc.txt": MAP}, [NUMBERS, "has 3 lines for 4 images"]),
    ({NUMBERS: IDS + b"1\n", "map_clsloc.txt": MAP}, [NUMBERS, "has 5 lines for 4 images"]),
    ({NUMBERS: b"3\n1\n2\n9\n", "map_clsloc.txt": MAP}, [NUMBERS, "holds the number 9, by map_clsloc.txt no class"]),
    (NAMED | TWICE, ["stands for 2 images"]),
    ({"eval.txt": b"x"}, ["val: holds images but no class folders", "LOC_val_solution.csv"]),
    (a_list("{name} {value}", {k: v + 1 for k, v in POSITIONS.items()}), ["val.txt", "expected positions from 0 to 2"]),
    (a_list("{name} {value}", VAL | {2: "n77"}), ["val.txt", f"gives {val_name(2)} the class 'n77'"]),
    (a_list("{name} {value}", VAL | {5: "n01"}), ["val.txt", f"names '{val_name(5)}', which is not there"]),
    (a_list("{name} {value}", {1: "n01"}), ["val.txt", f"has no line for '{val_name(2)}'"]),
    ({"val.txt": 2 * lines("{name} {value}")}, ["val.txt", "names an image twice"]),
    (a_list("{name}"), ["val.txt", "has no second column"]),
]


BLACKLIST = "ILSVRC2015_clsloc_validation_blacklist.txt"


@pytest.mark.parametrize("place", ["", "val/"])
def test_the_blacklist_of_the_kit_is_not_the_list_of_labels(store, flat_files, place, error_of):
    """It has numbers too, here as many as there are images, and its name comes first in the alphabet."""
    others = {f"{place}{BLACKLIST}": b"1\n2\n3\n1\n", "map_clsloc.txt": MAP}
    val = open_dataset(store(flat_files | others | {f"{place}{NUMBERS}": IDS}), "val")
    assert [val.classes[label] for label in val.labels] == list(VAL.values())
    assert val.strays == [place + BLACKLIST]


@pytest.mark.parametrize("other", ["val_difficult.txt", "my_val.csv"])
def test_lists_that_differ_are_refused_and_one_that_does_not_fit_is_left(store, flat_files, other, error_of):
    path = store(flat_files | NAMED | {other: lines("{name} {value}", VAL | {2: "n01"})})
    message = error_of(path, "val")
    assert "val.txt" in message and other in message and "other classes than" in message
    (path / other).write_bytes(lines("{name} {value}", {1: "n01"}))
    assert [WNIDS[label] for label in open_dataset(path, "val").labels] == list(VAL.values())


def test_numbers_are_never_positions_among_classes_called_by_numbers(store, error_of):
    names = ["1", "10", "2"]
    files = {f"train/{name}/{name}_0.JPEG": encode(pixels_of(k)) for k, name in enumerate(names)}
    files |= {f"val/{val_name(k)}.JPEG": encode(pixels_of(k)) for k in VAL}
    path = store(files | a_list("{name} {value}", {1: 1, 2: 10, 3: 2, 4: 1}))
    val = open_dataset(path, "val")
    assert [val.classes[label] for label in val.labels] == ["1", "10", "2", "1"]
    (path / "val.txt").write_bytes(lines("{name} {value}", {1: 1, 2: 0, 3: 2, 4: 1}))
    assert "the class '0'" in error_of(path, "val")


@pytest.mark.parametrize("numbers", [
    {1: 1, 2: 2, 3: 1, 4: 2}, {1: "9" * 5000, 2: 0, 3: 1, 4: 2}, {1: 0, 2: 3, 3: 1, 4: 2},
])  # fmt: skip
def test_positions_that_may_be_counted_from_one_are_refused(store, flat_files, numbers, error_of):
    """Without the highest class among them nothing else would tell that every label is off by one."""
    message = error_of(store(flat_files | a_list("{name} {value}", numbers)), "val")
    assert "val.txt" in message and "expected" in message


@pytest.mark.parametrize(("added", "parts"), WRONG)
def test_a_flat_val_without_a_list_that_fits_is_named(store, flat_files, added, parts, error_of):
    path = store(flat_files | added)
    message = error_of(path, "val")
    assert all(part in message for part in parts)
    assert len(open_dataset(path)) == 3  # training goes on without it


def test_only_the_first_line_of_a_list_may_be_a_header(store, flat_files):
    """An image may be called like a word that heads a list."""
    files = flat_files | {
        "val/image.JPEG": encode(pixels_of(9)),
        "val.csv": b"image,class\n" + lines("{name},{value}") + b"image,n03\n",
    }
    val = open_dataset(store(files), "val")
    assert [val.classes[label] for label in val.labels] == [*VAL.values(), "n03"]
    np.testing.assert_array_equal(val.image(4), pixels_of(9))


def test_positions_alone_need_the_list_of_classes(store, flat_files, error_of):
    assert "LOC_synset_mapping.txt" in error_of(store(without_train(flat_files) | {"val.txt": LISTS[4][1]}), "val")


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


def class_tars(files, tar_of):
    def of_class(wnid):
        return {name.rpartition("/")[2]: image for name, image in files.items() if name.startswith(f"train/{wnid}/")}

    return {f"{wnid}.tar": tar_of(of_class(wnid).items()) for wnid in WNIDS}


def as_class_tars(files, tar_of):
    return without_train(files) | {f"train/{name}": tar for name, tar in class_tars(files, tar_of).items()}


def with_the_first_class_as_a_tar(files, tar_of):
    rest = {name: content for name, content in files.items() if not name.startswith(f"train/{WNIDS[0]}/")}
    return rest | {f"train/{WNIDS[0]}.tar": class_tars(files, tar_of)[f"{WNIDS[0]}.tar"]}


def as_downloaded(files, tar_of):
    val = {name.removeprefix("val/"): content for name, content in files.items() if name.startswith("val/I")}
    return {
        "ILSVRC2012_img_train.tar": tar_of(class_tars(files, tar_of).items()),
        "ILSVRC2012_img_val.tar": tar_of(val.items()),
        "val.txt": files["val.txt"],
    }


@pytest.mark.parametrize(
    "arrange",
    [
        as_class_tars,
        with_the_first_class_as_a_tar,
        as_downloaded,
        lambda files, tar_of: {"set.tar": tar_of(files.items())},
    ],
)
def test_archives_are_read_in_place(store, flat_files, arrange):
    path = store(arrange(flat_files | {"val.txt": LISTS[0][1]}, tar_bytes))
    path = path / "set.tar" if (path / "set.tar").exists() else path
    val, train = check_flat(path), open_dataset(path)
    assert train.classes == WNIDS and train.labels.tolist() == [0, 1, 2] and train.strays == []
    for i in range(3):
        np.testing.assert_array_equal(train.image(i), pixels_of(100 + i))
    for i, number in enumerate(VAL):
        np.testing.assert_array_equal(val.image(i), pixels_of(number))


def test_an_image_in_a_tar_in_a_tar_is_named_in_full(store, flat_files):
    path = store(as_downloaded(flat_files | {"val.txt": LISTS[0][1]}, tar_bytes))
    assert open_dataset(path).path(1) == f"{path}/ILSVRC2012_img_train.tar!n02.tar/n02_0.JPEG"


def test_a_tar_beside_the_folder_it_was_unpacked_to_is_left_aside(store, flat_files):
    files = flat_files | {"train/n02.tar": b"no tar", "ILSVRC2012_img_train.tar": b"no tar", "val.txt": LISTS[0][1]}
    train = open_dataset(store(files))
    assert len(train) == 3 and train.strays == ["ILSVRC2012_img_train.tar", "train/n02.tar"]
