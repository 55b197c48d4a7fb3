import hashlib

import numpy as np
import pytest

from minidelve.data import ToyDataset, open_dataset, write_toy
from minidelve.data.toy.drawing import SHAPES, shape_distance
from minidelve.errors import DataError


def digest(dataset, indices):
    return hashlib.sha256(b"".join(dataset.image(i).tobytes() for i in indices)).hexdigest()[:16]


def test_ten_classes_in_equal_parts_of_small_rgb_pictures():
    for split, size in (("train", 5000), ("val", 1000)):
        toy = open_dataset("toy", split)
        assert (toy.kind, toy.name, toy.split, len(toy)) == ("toy", "toy", split, size)
        assert np.bincount(toy.labels).tolist() == [size // 10] * 10
    assert toy.classes == sorted(toy.classes)  # so that a folder of them gives the same labels
    assert toy.class_names[0] == "checkered circle" and toy.class_names[-1] == "striped triangle"
    image = toy.image(17)
    assert image.dtype == np.uint8 and image.shape == (64, 64, 3) and image.flags.c_contiguous


def test_the_pictures_are_the_same_for_ever_and_depend_on_split_and_index():
    # Figures in docs and pinned losses rest on these pictures.
    large, small = ToyDataset("train"), ToyDataset("train", train_size=30, val_size=7, cache_bytes=0)
    assert digest(large, range(20)) == "c11be76ba458235a"
    assert digest(ToyDataset("val"), range(20)) == "98c680c61b13c13d"
    assert digest(small, [29, 3, 29]) == digest(large, [29, 3, 29])
    assert len({digest(large, [3]), digest(large, [13]), digest(ToyDataset("val"), [3])}) == 3


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_its_own_mirror_image_and_all_are_of_similar_area(shape):
    u, v = np.random.default_rng(0).uniform(-2, 2, (2, 500)).astype(np.float32)
    np.testing.assert_allclose(shape_distance(shape, -u, v), shape_distance(shape, u, v), atol=1e-5)
    v, u = np.mgrid[-2:2:200j, -2:2:200j].astype(np.float32)
    assert 2.0 < (shape_distance(shape, u, v) < 0).mean() * 16 < 3.6


def test_a_linear_classifier_on_the_pixels_fails():
    def pixels(dataset):  # every second one: 3,072 values, and as many as a closed form solves quickly
        return np.stack([dataset.image(i)[::2, ::2].ravel() for i in range(len(dataset))]) / 255.0

    train, val = ToyDataset("train", train_size=2000), ToyDataset("val", val_size=500)
    x, x_val = pixels(train), pixels(val)
    x, x_val = x - x.mean(axis=0), x_val - x.mean(axis=0)
    targets = np.eye(10)[train.labels] - 0.1
    for ridge in (30, 1000, 30000):
        weights = x.T @ np.linalg.solve(x @ x.T + ridge * np.eye(len(x)), targets)
        error = (np.argmax(x_val @ weights, axis=1) != val.labels).mean()
        assert error > 0.7


def test_written_to_disk_and_read_back_it_is_the_same_set(tmp_path):
    write_toy(tmp_path / "toy", train_size=30, val_size=20)
    for split, size in (("train", 30), ("val", 20)):
        drawn, read = ToyDataset(split, 30, 20), open_dataset(tmp_path / "toy", split)
        assert read.kind == "imagenet" and read.strays == []
        assert read.classes == drawn.classes and read.class_names == drawn.class_names
        numbers = [int(read.path(k)[-9:-4]) for k in range(size)]
        assert sorted(numbers) == list(range(size))
        for k, i in enumerate(numbers):
            np.testing.assert_array_equal(read.image(k), drawn.image(i))
            assert read.labels[k] == drawn.labels[i]


def test_it_is_never_written_over_something_or_below_a_file(tmp_path):
    (tmp_path / "mine.txt").write_text("keep me")
    for path, problem in ((".", "already exists"), ("mine.txt", "already exists"), ("mine.txt/toy", "mine.txt/toy")):
        with pytest.raises(DataError, match=problem):
            write_toy(tmp_path / path, 10, 10)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    assert (tmp_path / "mine.txt").read_text() == "keep me"


@pytest.mark.parametrize("options", [{"split": "test"}, {"train_size": 0}])
def test_a_wrong_split_or_size_is_refused(options):
    with pytest.raises(DataError, match="^toy: "):
        ToyDataset(**options)
