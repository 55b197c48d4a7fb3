"""Images that are smaller than the crop of a run, found before its first epoch: only the files' headers are read.

Training would meet such an image in the middle of an epoch, validation after a whole one.
"""

from collections.abc import Iterable, Iterator

from minidelve.data.dataset import Dataset
from minidelve.data.images.transforms import too_small
from minidelve.errors import DataError


def smaller_than(dataset: Dataset, size: int, numbers: Iterable[int] | None = None) -> Iterator[tuple[int, DataError]]:
    """The images of these numbers (default all) on which a crop of size x size does not fit, and the error for each.

    An image that cannot be read is passed over: reading it tells more.
    """
    for i in range(len(dataset)) if numbers is None else numbers:
        try:
            height, width = dataset.measure(i)
        except DataError:
            continue
        if min(height, width) < size:
            yield i, too_small(width, height, size, dataset.path(i))
