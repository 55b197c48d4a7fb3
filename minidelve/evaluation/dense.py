"""Dense testing: conv layers once over the whole image, then every window of the last map.

arXiv 1502.01852, section 3, "multi-view testing on feature maps" (arXiv 1406.4729) made dense. A crop of
the training size s leaves a k x k map (k = 14 for model_a at s = 224); the whole image leaves a larger
one, H x W. Each of its (H - k + 1)(W - k + 1) windows is what the fully connected layers know how to read:

    image h x w --conv--> map H x W --windows.py--> pyramids of k x k windows --fc--> logits --softmax--> p

    p(image) = mean over the windows of the image and, with flip, of the mirrored image

At total stride 16 (the product of all strides), an image of 256, 384 or 480 pixels a side has a map of 16, 24
or 30 and 9, 121 or 289 windows: as many crops of 224, 16 pixels apart, in one pass of the conv layers. The
numbers differ from those of crops: a crop has zeros around it where the window sees the image go on, and the
mean image is warped to the whole image (arXiv 1406.4729). An image of just s x s is its own crop, and there
both agree.

Memory. Images go through the conv layers, and windows through the fully connected ones, as many at a
time as the budget allows; a mirrored image counts as one of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from minidelve import data, nn
from minidelve.backend import array_module
from minidelve.backend.memory import readable
from minidelve.backend.streams import read_later, upload_ahead
from minidelve.errors import RunError
from minidelve.evaluation.crops import probabilities
from minidelve.evaluation.footprint import FLOAT, conv_need, fc_bytes, last_map, numbers
from minidelve.evaluation.ten_views import check_crop_fits
from minidelve.evaluation.windows import WindowPyramids, patch_sizes
from minidelve.models.network import split_at_first_fc
from minidelve.parallel.shares import run_in_shares
from minidelve.tensor import Tensor, no_grad


class DenseScorer:
    """The mean softmax output over all windows of an image's map: scorer(images) -> float64 (N, classes).

    network, statistics   of the run, in evaluation mode; the mean image's side is the training crop's s
    flip                  also the windows of the mirrored image
    batch                 images at a time, at most
    budget                bytes for activations

    RunError if the network has no pyramid as the last layer before its fully connected ones.
    """

    equal_sizes = True  # images that are handed over together are of one size: read by ensemble.py

    def __init__(
        self, network: nn.Sequential, statistics: data.Statistics, flip: bool, batch: int, budget: int, device="cpu"
    ):
        layers, self.head = split_at_first_fc(list(network))
        if not layers or not isinstance(layers[-1], nn.SpatialPyramidPool2d):
            raise RunError(
                "--protocol dense needs spatial pyramid pooling before the fully connected layers, and this network "
                "has none there; use --protocol ten-view"
            )
        self.conv, self.levels = layers[:-1], layers[-1].levels
        self.statistics, self.flip, self.budget, self.device = statistics, flip, budget, device
        self.crop = len(statistics.mean)
        _, self.k, _ = last_map(self.conv, self.crop, self.crop)
        self.batch = batch
        self.at_once = max(1, batch // (2 if flip else 1))
        self._warped = statistics

    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """uint8 (H, W, 3) each, of one size -> (N, classes).

        DataError if the image is smaller than a crop, or does not fit into the budget.
        """
        size = images[0].shape[:2]
        at_a_time = self.images_that_fit(*size)
        if self._warped.mean.shape[:2] != size:
            self._warped = self.statistics.warped(size)
        views = np.stack([view for image in images for view in ([image, image[:, ::-1]] if self.flip else [image])])

        def batches() -> Iterator[tuple[np.ndarray]]:
            for start in range(0, len(views), at_a_time):
                yield (self._warped.normalize(views[start : start + at_a_time]).transpose(0, 3, 1, 2),)

        with closing(upload_ahead(batches(), self.device)) as uploaded:
            parts = [self._mean_over_windows(x) for (x,) in uploaded]
        p = np.concatenate([part() for part in parts])
        return p.reshape(len(images), len(views) // len(images), -1).mean(axis=1)

    def images_that_fit(self, height: int, width: int) -> int:
        """How many images (mirrored ones counted) of this size go through the conv layers at a time."""
        check_crop_fits(height, width, self.crop)
        conv, last = conv_need(self.conv, height, width), self._maps_bytes(height, width) + self._window_bytes
        fitting = min(self.batch, conv.images_within(self.budget), self.budget // last)
        if fitting < 1:
            need = max(conv.least, last)
            raise data.DataError(
                f"the image of {width} x {height} pixels needs {readable(need, round_up=True)} for its maps; "
                f"--max-memory is {readable(self.budget, round_up=True)}; give more, or a smaller scale"
            )
        return fitting

    def _maps_bytes(self, height: int, width: int) -> int:
        """The image, its last map, and that map's sliding maxima (with the one being made)."""
        maxima = 2 * len(patch_sizes(self.k, self.levels))  # along both axes, and along rows alone
        return FLOAT * (3 * height * width + numbers(last_map(self.conv, height, width)) * (2 + maxima))

    @property
    def _window_bytes(self) -> int:
        """A window's pyramid on its way through the fully connected layers."""
        channels, *_ = last_map(self.conv, self.crop, self.crop)
        return fc_bytes(self.head, channels * sum(n * n for n in self.levels)) + FLOAT * channels

    def _mean_over_windows(self, x: Any) -> Callable[[], np.ndarray]:
        """Normalised images (n, 3, h, w) on the device -> (n, classes), to be read later."""
        with no_grad():
            maps = run_in_shares(self.conv, Tensor(x)).data
            windows = WindowPyramids(maps, self.k, self.levels)
            xp = array_module(maps)
            room = self.budget - len(x) * self._maps_bytes(*x.shape[2:])
            at_a_time = max(1, room // self._window_bytes)
            each = windows.count // len(x)
            sums: list[Any] = [0.0] * len(x)
            for start in range(0, windows.count, at_a_time):
                stop = min(start + at_a_time, windows.count)
                p = probabilities(self._fully_connected(windows.rows(start, stop)))
                for image in range(start // each, -(-stop // each)):  # a part may hold windows of several
                    sums[image] += p[max(image * each - start, 0) : (image + 1) * each - start].sum(axis=0)
        return read_later(xp.stack(sums) / each)

    def _fully_connected(self, rows):
        """(windows, width) -> logits (windows, classes)."""
        y = Tensor(rows)
        for layer in self.head:
            y = layer(y)
        return y.data
