"""Held-out validation images: the same for everyone, of every class, and never trained on."""

import numpy as np
import pytest

from minidelve.data import Part, ToyDataset, hold_out, open_dataset, open_for_training, open_tested
from minidelve.errors import DataError, MissingSplit
from tests.data.files import encode, pixels_of


@pytest.fixture
def train_only(store):
    """Classes of 10, 5, 2 and 1 training images and no val/; image k of class c has the pixels of seed 100 c + k."""
    return store(
        {
            f"train/{name}/{k}.png": encode(pixels_of(100 * label + k))
            for label, (name, count) in enumerate([("ant", 10), ("bee", 5), ("cat", 2), ("dog", 1)])
            for k in range(count)
        }
    )


def numbers(part):
    return set(part.numbers)


@pytest.mark.parametrize(
    ("fraction", "held"), [(0.1, [1, 1, 1, 0]), (0.3, [3, 2, 1, 0]), (0.5, [5, 2, 1, 0]), (0.99, [9, 4, 1, 0])]
)
def test_a_share_of_each_class_is_held_out_and_the_rest_is_trained_on(train_only, fraction, held):
    dataset = open_dataset(train_only)
    train, val = hold_out(dataset, fraction)
    assert np.bincount(val.labels, minlength=4).tolist() == held
    assert (train.split, val.split, val.classes) == ("train", "val", dataset.classes)
    assert not numbers(train) & numbers(val) and numbers(train) | numbers(val) == set(range(18))
    for part in (train, val):
        assert part.numbers == sorted(part.numbers)
        for i, number in enumerate(part.numbers):
            assert part.labels[i] == dataset.labels[number] and part.path(i) == dataset.path(number)
            assert part.read(i) == dataset.read(number) and part.measure(i) == (8, 8)
            np.testing.assert_array_equal(part.image(i), dataset.image(number))


def test_the_seed_decides_which(train_only):
    dataset = open_dataset(train_only)
    drawn = [numbers(hold_out(dataset, 0.3, seed)[1]) for seed in (0, 0, 1, 2)]
    assert drawn[0] == drawn[1] and len({frozenset(d) for d in drawn}) == 3
    # Pinned: another draw would make earlier runs be tested on images that they were trained on.
    assert sorted(drawn[0]) == [2, 4, 5, 11, 14, 15]


def test_training_and_testing_mean_the_same_images(train_only):
    train, val = open_for_training(train_only, 0.3, seed=1)
    for split, part in (("train", train), ("val", val)):
        tested = open_tested(train_only, split, 0.3, 1)
        assert isinstance(tested, Part) and tested.numbers == part.numbers
    # Moved elsewhere: the same. A set with a val/ of its own is tested on that.
    assert open_tested(train_only, "val", 0.3, 1, elsewhere=True).numbers == val.numbers
    assert isinstance(open_tested("toy", "val", 0.3, 1, elsewhere=True), ToyDataset)
    with pytest.raises(MissingSplit):
        open_tested(train_only, "val", None, 1)
    with pytest.raises(MissingSplit):
        open_for_training(train_only)


def test_without_two_images_of_a_class_nothing_can_be_held_out(store):
    path = store({f"train/{name}/0.png": encode(pixels_of(0)) for name in ("ant", "bee")})
    with pytest.raises(DataError, match="set: has a single image of each class; expected two or more"):
        open_for_training(path, 0.5)


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 2])
def test_a_share_is_between_0_and_1(fraction):
    with pytest.raises(ValueError, match=f"fraction is {fraction}; expected"):
        hold_out(ToyDataset("train", 20), fraction)
