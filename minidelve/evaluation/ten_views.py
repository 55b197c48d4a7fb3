"""Crops by which an image is tested: the centre alone, or ten views.

Ten views (Krizhevsky et al. 2012; Table 2 and Table 5 of arXiv 1502.01852): the four corners and the
centre, each also mirrored; the ten softmax outputs are averaged. Krizhevsky's corners are those of the
central square; ours are those of the whole resized image, as in SPP-net (arXiv 1406.4729), so that
together they see its ends too:

    +----+------+----+
    | 1  |      | 2  |         image H x W, crop s x s, 5 starts at
    |   +--------+   |         (floor((H - s) / 2), floor((W - s) / 2)), like data.CenterCrop
    +---|   5    |---+
    |   +--------+   |
    | 3  |      | 4  |
    +----+------+----+
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minidelve.errors import DataError

Corner = tuple[int, int]


class CropViews:
    """The crops of an image: views(image) gives uint8 (V, size, size, 3), the mirrored ones last.

    ten    the four corners too, not the centre alone
    flip   each crop also mirrored
    """

    def __init__(self, size: int, ten: bool, flip: bool):
        self.size, self.ten, self.flip = size, ten, flip
        self.count = (5 if ten else 1) * (2 if flip else 1)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        s = self.size
        crops = np.stack([image[top : top + s, left : left + s] for top, left in self.corners(image)])
        return np.concatenate([crops, crops[:, :, ::-1]]) if self.flip else crops

    def corners(self, image: np.ndarray) -> Sequence[Corner]:
        """(top, left) of each crop; DataError if the image is smaller than a crop."""
        height, width = image.shape[:2]
        down, right = height - self.size, width - self.size
        check_crop_fits(height, width, self.size)
        centre = (down // 2, right // 2)
        return [(0, 0), (0, right), (down, 0), (down, right), centre] if self.ten else [centre]


def check_crop_fits(height: int, width: int, crop: int) -> None:
    """DataError for an image smaller than a crop."""
    if min(height, width) < crop:
        raise DataError(
            f"the image of {width} x {height} pixels is smaller than the crop of {crop} x {crop} that the run was "
            "trained with",
            cure=f"give --scales {crop} or more, which enlarges it",
        )
