"""Images on which a crop does not fit, told from their headers."""

import numpy as np
import pytest

from minidelve.data import smaller_than
from minidelve.data.dataset import Dataset
from minidelve.errors import DataError


class Headers(Dataset):
    """Images of which only the (height, width) can be read; None: not even that."""

    def __init__(self, sizes):
        self.sizes = sizes
        labels = np.zeros(len(sizes), int)
        super().__init__(name="headers", kind="x", split="val", classes=["a"], class_names=["a"], labels=labels)

    def path(self, i):
        return f"{i}.png"

    def measure(self, i):
        if self.sizes[i] is None:
            raise DataError("is broken")
        return self.sizes[i]


HEADERS = Headers([(8, 8), (7, 90), (90, 7), None, (7, 7), (80, 8)])


@pytest.mark.parametrize(("size", "numbers", "small"), [
    (7, None, []), (8, None, [1, 2, 4]), (9, None, [0, 1, 2, 4, 5]), (9, [5, 3, 0], [5, 0]), (8, [0], []),
])  # fmt: skip
def test_an_image_is_too_small_where_either_side_is(size, numbers, small):
    assert [i for i, _ in smaller_than(HEADERS, size, numbers)] == small


def test_the_error_has_the_path_the_size_and_the_cures():
    ((_, error),) = smaller_than(HEADERS, 8, [1])
    assert str(error) == (
        "1.png: the image of 90 x 7 pixels is smaller than the crop of 8 x 8; train with a --size of at most 7, or "
        "with --short-side 8, which enlarges it"
    )
