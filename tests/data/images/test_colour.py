"""Random colour alteration against its definition: x + P (alpha o lambda), alpha ~ N(0, 0.1^2)."""

import numpy as np
import pytest

from minidelve.data import CenterCrop, ColourAlteration, Loader, RandomFlip, Statistics, ToyDataset, compute_statistics
from minidelve.data.opening import open_dataset

# Axes that are easy to check: gray (1, 1, 1), blue against yellow, green against magenta.
AXES = np.array([[1, 1, 1], [1, 1, -2], [1, -1, 0]]).T / np.sqrt([3, 6, 2])
VARIANCES = np.array([0.2, 0.02, 0.005])  # of colours in [0, 1]
COVARIANCE = AXES @ np.diag(VARIANCES) @ AXES.T * 255**2


def test_shifts_have_the_covariance_of_the_definition():
    """Cov[P (alpha o lambda)] = std^2 P diag(lambda^2) P^T, here for colours in [0, 1]."""
    alteration, rng = ColourAlteration(COVARIANCE, std=0.1), np.random.default_rng(0)
    shifts = np.stack([alteration.draw(rng) for _ in range(20_000)]).astype(np.float64) / 255
    expected = 0.01 * AXES @ np.diag(VARIANCES**2) @ AXES.T
    # Seen along the axes, so that the small variances are held as tightly as the large one.
    np.testing.assert_allclose(np.diag(AXES.T @ np.cov(shifts.T) @ AXES), 0.01 * VARIANCES**2, rtol=0.05)
    np.testing.assert_allclose(np.cov(shifts.T), expected, atol=0.05 * expected.max())
    np.testing.assert_allclose(shifts.mean(axis=0), 0, atol=0.04 * np.sqrt(expected.max()))


def test_a_shift_of_natural_colours_is_a_few_levels():
    """The trap of the unit: with variances of 0 to 255 the same formula gives hundreds."""
    alteration, rng = ColourAlteration(COVARIANCE), np.random.default_rng(0)
    assert 1 < np.abs([alteration.draw(rng) for _ in range(1000)]).mean() < 10


def test_std_scales_the_shift():
    draws = [ColourAlteration(COVARIANCE, std).draw(np.random.default_rng(3)) for std in (0.0, 0.1, 0.3)]
    assert not draws[0].any()
    np.testing.assert_allclose(draws[2], 3 * draws[1], rtol=1e-5)


@pytest.mark.parametrize("covariance", [np.eye(2), np.full((3, 3), np.nan)])
def test_what_is_no_covariance_is_refused(covariance):
    with pytest.raises(ValueError, match="expected a finite 3 x 3 matrix"):
        ColourAlteration(covariance)


def test_the_covariance_is_that_of_all_pixels_of_the_views():
    toy = ToyDataset(train_size=30)
    pixels = np.concatenate([toy.image(i)[4:60, 4:60].reshape(-1, 3) for i in range(30)]).astype(np.float64)
    covariance = compute_statistics(toy, CenterCrop(56)).covariance
    np.testing.assert_allclose(covariance, np.cov(pixels.T, bias=True), rtol=1e-9)


def loaded(epoch, colour, **options):
    toy = ToyDataset(train_size=40)
    statistics = Statistics(np.full((64, 64, 3), 100, np.float32), 50.0)
    loader = Loader(toy, 8, RandomFlip(0), statistics, shuffle=True, seed=1, colour=colour, **options)
    batches = list(loader.epoch(epoch))
    return np.concatenate([x for x, _ in batches]), np.concatenate([labels for _, labels in batches])


def test_a_loader_moves_all_pixels_of_an_image_by_one_shift():
    plain, labels = loaded(1, None)
    moved, labels_moved = loaded(1, ColourAlteration(COVARIANCE))
    np.testing.assert_array_equal(labels, labels_moved)
    shift = 50 * (moved - plain).astype(np.float64)  # (N, 3, H, W), in levels
    np.testing.assert_allclose(shift - shift[:, :, :1, :1], 0, atol=1e-4)
    assert len(np.unique(shift[:, 0, 0, 0].round(3))) == len(shift)  # each image its own
    coordinates = shift[:, :, 0, 0] @ AXES / (255 * VARIANCES)  # alpha
    np.testing.assert_allclose(coordinates.std(axis=0), 0.1, rtol=0.35)


def test_shifts_depend_on_seed_epoch_and_index_alone():
    colour = ColourAlteration(COVARIANCE)
    first, _ = loaded(1, colour, workers=0)
    for workers in (1, 4):
        np.testing.assert_array_equal(first, loaded(1, colour, workers=workers)[0])
    assert not np.array_equal(np.sort(first.ravel()), np.sort(loaded(2, colour)[0].ravel()))


def test_colours_of_photographs_vary_mostly_in_brightness(test_data):
    """Krizhevsky's premise, seen on real images: the first axis is nearly gray and far above the others."""
    photographs = open_dataset(test_data / "tiny-imagenet-20.zip")
    covariance = compute_statistics(photographs, CenterCrop(56), 200).covariance
    alteration = ColourAlteration(covariance)
    assert 0.1 < alteration.variances[2] < 0.4 and alteration.variances[2] > 5 * alteration.variances[1]
    assert abs(alteration.axes[:, 2]).min() > 0.5


def test_a_shift_is_drawn_from_the_images_own_stream_after_its_views():
    """Not from a fresh generator of the same seed: an image's colour would follow from where it was cropped."""
    colour, statistics = ColourAlteration(COVARIANCE), Statistics(np.zeros((64, 64, 3), np.float32), 1.0)
    toy = ToyDataset(train_size=10)
    x, _ = next(Loader(toy, 10, RandomFlip(0), statistics, shuffle=False, seed=7, colour=colour).epoch(3))
    for i in range(10):
        rng = np.random.default_rng([7, 3, i + 1])
        rng.random()  # RandomFlip's draw
        np.testing.assert_allclose(x[i, :, 0, 0] - toy.image(i)[0, 0], colour.draw(rng), atol=1e-4)
