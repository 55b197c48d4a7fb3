"""What every data set offers: labelled images by number, decoded at most once if they fit in memory."""

import threading

import numpy as np

SPLITS = ("train", "val")
DEFAULT_CACHE_BYTES = 512 * 2**20


class Dataset:
    """N labelled images of one split; the base of every data set.

    A subclass sets the attributes below (through `__init__`) and writes `path` and `_load`.

    Attributes
        name         what to call it in a message, such as "tiny-imagenet-20"
        kind         a short word for where it comes from: "tiny-imagenet", "imagenet", "packed", "toy"
        split        "train" or "val"
        classes      class ids; a label is an index into this list
        class_names  the same classes in words a person reads
        labels       int64 (N,), each in [0, len(classes))
        strays       paths of files and folders that were found but are not part of the data set

    Decoded images stay in memory while their sum is below `cache_bytes`. A small set is then
    decoded once instead of once an epoch, and decoding costs far more than cropping.
    Images beyond the limit are decoded at each use.
    """

    def __init__(
        self,
        *,
        name: str,
        kind: str,
        split: str,
        classes: list[str],
        class_names: list[str],
        labels: np.ndarray,
        strays: list[str] | None = None,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
    ):
        self.name, self.kind, self.split = name, kind, split
        self.classes, self.class_names = classes, class_names
        self.labels = np.asarray(labels, dtype=np.int64)
        self.strays = strays or []
        self.cache_bytes = cache_bytes
        self._cache: dict[int, np.ndarray] = {}
        self._cached_bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.labels)

    def path(self, i: int) -> str:
        """Where image i lives, for messages: a file, or `archive.zip!member`."""
        raise NotImplementedError

    def _load(self, i: int) -> np.ndarray:
        """Read or draw image i: uint8 (H, W, 3)."""
        raise NotImplementedError

    def image(self, i: int) -> np.ndarray:
        """Image i as uint8 (H, W, 3), read-only because the cache hands out the same array again.

        Safe to call from several threads. Raises DataError, naming the path, if it cannot be read.
        """
        image = self._cache.get(i)
        if image is not None:
            return image
        # Outside the lock, so that threads decode side by side. Two of them may decode the same
        # image at once; that wastes one decoding and does no harm.
        image = self._load(i)
        image.flags.writeable = False
        with self._lock:
            if i not in self._cache and self._cached_bytes + image.nbytes <= self.cache_bytes:
                self._cache[i] = image
                self._cached_bytes += image.nbytes
        return image

    def measure(self, i: int) -> tuple[int, int]:
        """(height, width) of image i, where possible without decoding it. Raises DataError if it cannot be read."""
        height, width = self.image(i).shape[:2]
        return height, width

    def check_image(self, i: int) -> None:
        """Raise DataError if image i cannot be read."""
        self.image(i)

    def sample(self, most: int) -> list[int]:
        """The numbers of at most `most` images, the first and the last among them, evenly spread."""
        return np.unique(np.linspace(0, len(self) - 1, most).astype(int)).tolist()

    def describe(self) -> str:
        """A few lines for a person: how many images and classes, and what was left aside."""
        counts = np.bincount(self.labels, minlength=len(self.classes))
        per_class = f"{counts.min()} to {counts.max()}" if counts.min() < counts.max() else f"{counts.max()}"
        shown = "; ".join(self.class_names[:5]) + ("; ..." if len(self.classes) > 5 else "")
        lines = [
            f"{self.name} ({self.kind} layout), split {self.split}",
            f"  images   {len(self)}",
            f"  classes  {len(self.classes)}, of {per_class} images: {shown}",
        ]
        if self.strays:
            lines.append(f"  ignored  {self.ignored()}")
        return "\n".join(lines)

    def ignored(self) -> str:
        """How many files and folders were left aside, and the first of them."""
        more = ", ..." if len(self.strays) > 3 else ""
        what = "that is no image of a class" if len(self.strays) == 1 else "that are not images of a class"
        return f"{len(self.strays)} {what}: {', '.join(self.strays[:3])}{more}"
