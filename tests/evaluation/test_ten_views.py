"""Ten views are corners and centre of the whole image, and their mirror images, none twice."""

import numpy as np
import pytest

from minidelve import data
from minidelve.evaluation.ten_views import CropViews


def numbered(height: int, width: int) -> np.ndarray:
    """Every pixel tells its row, its column and a third number."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, rows * 0 + 7], axis=2).astype(np.uint8)


def test_corners_are_those_of_the_whole_image_not_of_its_central_square():
    views = CropViews(4, ten=True, flip=False)(numbered(7, 19))
    places = [(view[0, 0, 0], view[0, 0, 1], view[-1, -1, 0], view[-1, -1, 1]) for view in views]
    assert places == [(0, 0, 3, 3), (0, 15, 3, 18), (3, 0, 6, 3), (3, 15, 6, 18), (1, 7, 4, 10)]


def test_mirrored_views_follow_in_the_same_order():
    views = CropViews(4, ten=True, flip=True)(numbered(9, 6))
    assert len(views) == CropViews(4, ten=True, flip=True).count == 10
    for view, mirrored in zip(views[:5], views[5:], strict=True):
        assert mirrored[:, :, 1].tolist() == [row[::-1] for row in view[:, :, 1].tolist()]
        assert mirrored[:, :, 0].tolist() == view[:, :, 0].tolist()
    assert len({view.tobytes() for view in views}) == 10


@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 40), (41, 32), (35, 90)])
def test_the_centre_is_the_one_of_training(height, width):
    image = numbered(height, width)
    (view,) = CropViews(32, ten=False, flip=False)(image)
    np.testing.assert_array_equal(view, data.CenterCrop(32)(image, np.random.default_rng(0)))


def test_an_image_smaller_than_the_crop_is_refused():
    with pytest.raises(data.DataError, match="9 x 3 pixels is smaller than the crop of 4 x 4 .*--scales 4"):
        CropViews(4, ten=True, flip=True)(numbered(3, 9))
