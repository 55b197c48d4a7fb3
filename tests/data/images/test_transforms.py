import numpy as np
import pytest

from minidelve.data import CenterCrop, Compose, RandomCrop, RandomFlip, ResizeShorterSide, ScaleJitter
from minidelve.errors import DataError

RNG = np.random.default_rng(0)
IMAGE = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)


def test_random_crop_reaches_every_position_equally_often():
    image = np.zeros((5, 6, 3), np.uint8)
    image[:, :, 0], image[:, :, 1] = np.mgrid[:5, :6]
    crop, rng = RandomCrop(4), np.random.default_rng(0)
    corners = [tuple(crop(image, rng)[0, 0, :2].tolist()) for _ in range(6000)]
    counts = {corner: corners.count(corner) for corner in set(corners)}
    assert sorted(counts) == [(top, left) for top in range(2) for left in range(3)]
    assert all(850 < count < 1150 for count in counts.values())


def test_random_crop_is_a_window_of_the_image():
    for seed in range(20):
        crop = RandomCrop(4)(IMAGE, np.random.default_rng(seed))
        top, left = np.argwhere((crop[0, 0] == IMAGE).all(axis=2))[0]
        np.testing.assert_array_equal(crop, IMAGE[top : top + 4, left : left + 4])


def test_center_crop_takes_the_middle():
    np.testing.assert_array_equal(CenterCrop(4)(IMAGE, RNG), IMAGE[1:5, 2:6])
    np.testing.assert_array_equal(CenterCrop(5)(IMAGE, RNG), IMAGE[0:5, 1:6])


@pytest.mark.parametrize("crop", [RandomCrop, CenterCrop])
def test_a_crop_of_the_full_height_fits_and_a_larger_one_is_refused(crop):
    assert crop(6)(IMAGE, RNG).shape == (6, 6, 3)
    with pytest.raises(DataError, match="8 x 6 pixels.*7 x 7.*--size of at most 6"):
        crop(7)(IMAGE, RNG)


def test_flip_mirrors_left_and_right_and_half_of_the_images():
    np.testing.assert_array_equal(RandomFlip(p=1)(IMAGE, RNG), IMAGE[:, ::-1])
    np.testing.assert_array_equal(RandomFlip(p=0)(IMAGE, RNG), IMAGE)
    flip, rng = RandomFlip(), np.random.default_rng(0)
    assert 900 < sum(not np.array_equal(flip(IMAGE, rng), IMAGE) for _ in range(2000)) < 1100


def test_crops_and_flips_are_views_and_compose_applies_them_in_order():
    for transform in (RandomCrop(4), CenterCrop(4), RandomFlip(p=1)):
        assert np.shares_memory(transform(IMAGE, RNG), IMAGE)
    twice = Compose([CenterCrop(4), RandomFlip(p=1)])
    np.testing.assert_array_equal(twice(IMAGE, RNG), IMAGE[1:5, 2:6][:, ::-1])


@pytest.mark.parametrize(
    ("side", "shape", "scaled"),
    [
        (10, (30, 60), (10, 20)), (10, (60, 30), (20, 10)), (10, (5, 7), (10, 14)), (10, (30, 31), (10, 10)),
        # The longer side is rounded and not cut: 64 * 151 / 100 = 96.64.
        (64, (100, 151), (64, 97)), (64, (151, 100), (97, 64)), (64, (100, 149), (64, 95)),
    ],
)  # fmt: skip
def test_resize_sets_the_shorter_side_and_keeps_proportions(side, shape, scaled):
    resized = ResizeShorterSide(side)(np.full((*shape, 3), 77, np.uint8), RNG)
    assert resized.shape == (*scaled, 3) and resized.dtype == np.uint8 and (resized == 77).all()


def test_resize_leaves_an_image_of_the_size_untouched_and_takes_a_view():
    assert ResizeShorterSide(6)(IMAGE, RNG) is IMAGE
    assert ResizeShorterSide(12)(IMAGE[:, ::-1], RNG).shape == (12, 16, 3)


def test_resize_averages_fine_detail_away():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    resized = ResizeShorterSide(16)(stripes, RNG)
    assert abs(resized[:, 2:-2].astype(int) - 100).max() < 10


@pytest.mark.parametrize(
    ("resize", "height", "problem"),
    [
        (ResizeShorterSide(256), 1, "9000 x 1 pixels would become 2304000 x 256"),
        (ScaleJitter(300, 300, 16), 2, "of 9000 x 2 pixels would become"),
    ],
)
def test_a_thread_of_an_image_is_not_blown_up(resize, height, problem):
    with pytest.raises(DataError, match=problem):
        resize(np.zeros((height, 9000, 3), np.uint8), RNG)


class Scripted:
    """Stands in for a generator: random() gives these numbers one after the other."""

    def __init__(self, *numbers):
        self.random = iter(numbers).__next__


@pytest.mark.parametrize("shape", [(40, 60, 3), (75, 31, 3), (16, 16, 3)])
@pytest.mark.parametrize("numbers", [(0.0, 0.0, 0.0), (0.5, 0.3, 0.9), (0.999, 0.999, 0.999)])
def test_scale_jitter_is_resizing_and_then_cropping(shape, numbers):
    """s is the first number's share of 20, 21, ..., 48; the crop's corner follows from the others."""
    image = np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)
    s = 20 + int(numbers[0] * 29)
    whole = ResizeShorterSide(s)(image, RNG)
    expected = RandomCrop(16)(whole, Scripted(*numbers[1:]))
    crop = ScaleJitter(20, 48, 16)(image, Scripted(*numbers))
    assert min(whole.shape[:2]) == s and crop.shape == (16, 16, 3) and crop.dtype == np.uint8
    assert np.abs(crop.astype(int) - expected).max() <= 2  # on noise, where a shift by 0.1 pixel makes 10 levels


def test_scale_jitter_draws_every_scale_equally_often():
    """Told from the picture: over a ramp from left to right, a crop's slope says how much it was scaled."""
    ramp = np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], 64, 0).repeat(3, 2)
    jitter, rng = ScaleJitter(64, 67, 64), np.random.default_rng(0)
    slopes = [np.polyfit(np.arange(60), jitter(ramp, rng)[8, 2:62, 0], 1)[0] for _ in range(2000)]
    scales, counts = np.unique(np.round(64 * (255 / 63) / np.array(slopes)), return_counts=True)
    assert scales.tolist() == [64, 65, 66, 67]
    assert (abs(counts - 500) < 80).all()


def test_scale_jitter_of_one_scale_keeps_it():
    np.testing.assert_array_equal(ScaleJitter(6, 6, 6)(IMAGE[:, :6], RNG), IMAGE[:, :6])


@pytest.mark.parametrize("low, high, size", [(6, 5, 4), (3, 9, 4)])
def test_scales_that_cannot_be_drawn_are_refused(low, high, size):
    with pytest.raises(ValueError, match=f"{low} to {high} for crops of {size}; expected crop <= low <= high"):
        ScaleJitter(low, high, size)
