import numpy as np
import pytest

from minidelve.data import CenterCrop, Statistics, ToyDataset, compute_statistics, open_dataset
from minidelve.errors import DataError
from tests.data.files import encode, pixels_of


def stack(dataset, indices):
    return np.stack([dataset.image(i)[4:60, 4:60] for i in indices]).astype(np.float64)


def test_mean_and_std_are_those_of_the_crops_and_normalise_them():
    toy = ToyDataset(train_size=50)
    statistics = compute_statistics(toy, CenterCrop(56))
    x = stack(toy, range(50))
    assert statistics.mean.dtype == np.float32
    np.testing.assert_allclose(statistics.mean, x.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(statistics.std, (x - x.mean(axis=0)).std(), rtol=1e-12)
    x = statistics.normalize(x.astype(np.uint8), np.float64)
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(), 1, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shifts", [None, np.array([[1, 2, 3], [-4, 0, 8]], np.float32)])
def test_normalize_keeps_to_the_formula_the_dtype_and_the_shifts(dtype, shifts):
    statistics = Statistics(np.full((2, 3, 3), 100.5, np.float32), 20.0)
    images = np.random.default_rng(0).integers(0, 256, (2, 2, 3, 3), dtype=np.uint8)
    x = statistics.normalize(images, dtype, shifts=shifts)
    assert x.dtype == dtype and x.flags.c_contiguous
    moved = images if shifts is None else images + shifts.reshape(2, 1, 1, 3)
    np.testing.assert_allclose(x, (moved - 100.5) / 20, rtol=1e-6)
    with pytest.raises(DataError, match="5 x 4 pixels.*mean image of 3 x 2"):
        statistics.normalize(np.zeros((1, 4, 5, 3), np.uint8))


def test_max_images_spreads_over_the_whole_set():
    toy = ToyDataset(train_size=50)
    some = compute_statistics(toy, CenterCrop(56), max_images=4)
    np.testing.assert_allclose(some.mean, stack(toy, [0, 12, 25, 37]).mean(axis=0), rtol=1e-6)
    every = compute_statistics(toy, CenterCrop(56), max_images=1000)
    assert every.std == compute_statistics(toy, CenterCrop(56)).std


def test_images_of_unequal_size_are_named(store, imagenet_files):
    path = store(imagenet_files | {"train/bee/0.JPEG": encode(pixels_of(0, size=9))})
    with pytest.raises(DataError, match="train/bee/0.JPEG: is 9 x 9 pixels where others are 8 x 8"):
        compute_statistics(open_dataset(path), lambda image, rng: image)


@pytest.mark.parametrize("content", ["text", "one image"])
def test_nothing_to_divide_by_is_an_error(store, imagenet_files, content):
    image = b"text" if content == "text" else encode(pixels_of(0))
    dataset = open_dataset(store(dict.fromkeys(imagenet_files, image)))
    said = "not one image" if content == "text" else "standard deviation of 6 readable images is 0"
    with pytest.raises(DataError, match=said):
        compute_statistics(dataset, CenterCrop(8), on_bad_image="skip")


def test_a_warped_mean_keeps_its_values_where_they_were():
    """A ramp stays a ramp from edge to edge: bilinear, with the centres of the pixels in mind."""
    rows, columns = np.mgrid[:8, :8].astype(np.float32)
    statistics = Statistics(np.stack([rows, columns, np.full((8, 8), 7.25)], axis=2).astype(np.float32), 3.0, np.eye(3))
    warped = statistics.warped((16, 24))
    assert warped.mean.shape == (16, 24, 3) and warped.mean.dtype == np.float32
    assert (warped.std, warped.covariance is statistics.covariance) == (3.0, True)
    np.testing.assert_allclose(warped.mean[1:-1, 5, 0], (np.arange(1, 15) + 0.5) / 2 - 0.5, atol=1e-5)
    np.testing.assert_allclose(warped.mean[5, 3:-3, 1], (np.arange(3, 21) + 0.5) / 3 - 0.5, atol=1e-5)
    np.testing.assert_array_equal(warped.mean[:, :, 2], np.full((16, 24), np.float32(7.25)))
    assert statistics.warped((8, 8)) is statistics
