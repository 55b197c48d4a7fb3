"""On real images, which are no part of the project: the folder is in MINIDELVE_TEST_DATA."""

import numpy as np
import pytest

from minidelve.data import CenterCrop, Compose, Loader, RandomCrop, ResizeShorterSide, compute_statistics, open_dataset
from minidelve.errors import DataError


def test_tiny_imagenet_opens_from_its_zip(test_data):
    train, val = (open_dataset(test_data / "tiny-imagenet-20.zip", split) for split in ("train", "val"))
    assert train.kind == "tiny-imagenet" and train.name == "tiny-imagenet-20"
    assert np.bincount(train.labels).tolist() == [500] * 20
    assert np.bincount(val.labels).tolist() == [50] * 20
    assert train.classes == val.classes == sorted(train.classes)
    assert train.class_names[train.classes.index("n01443537")] == "goldfish, Carassius auratus"
    assert train.strays == val.strays == []
    assert train.image(0).shape == (64, 64, 3)
    assert train.path(0).endswith("/tiny-imagenet-20.zip!tiny-imagenet-20/train/n01443537/images/n01443537_0.JPEG")
    at = next(i for i in range(len(val)) if val.path(i).endswith("/val_8.JPEG"))
    assert val.classes[val.labels[at]] == "n04146614"


def test_any_number_of_workers_reads_the_same_from_one_zip(test_data):
    def epoch(workers):  # a cold cache each time, so that the threads do read and decode
        val = open_dataset(test_data / "tiny-imagenet-20.zip", "val")
        statistics = compute_statistics(val, CenterCrop(56), max_images=20)
        return Loader(val, 64, RandomCrop(56), statistics, shuffle=True, seed=0, workers=workers).epoch(0)

    for batches in zip(epoch(0), epoch(1), epoch(4), strict=True):
        for images, labels in batches[1:]:
            np.testing.assert_array_equal(images, batches[0][0])
            np.testing.assert_array_equal(labels, batches[0][1])


def test_full_size_images_of_many_sizes_and_modes_become_rgb(test_data):
    large = test_data / "ilsvrc-100.zip"
    val = open_dataset(large, "val")
    assert val.kind == "imagenet" and len(val) == 100 and len(val.classes) == 100
    view = Compose([ResizeShorterSide(64), CenterCrop(64)])
    gray = 0
    for i in range(len(val)):
        image = val.image(i)
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
        gray += bool((image == image[:, :, :1]).all())
        assert view(image, None).shape == (64, 64, 3)
    assert gray == 7
    with pytest.raises(DataError, match="ilsvrc-100/train: is missing"):
        open_dataset(large, "train")
