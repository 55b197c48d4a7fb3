"""Scores from crops: each goes through the whole network, and the softmax outputs of an image's crops are averaged.

    p(image) = (1 / V) sum over its V crops of softmax(network((crop - mean image) / std))

with std = 1 after --normalize mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np

from minidelve import data, nn
from minidelve.backend import array_module
from minidelve.backend.memory import readable
from minidelve.backend.streams import read_later, upload_ahead
from minidelve.errors import RunError
from minidelve.evaluation.footprint import ConvNeed, conv_need, fc_bytes
from minidelve.evaluation.ten_views import CropViews
from minidelve.models.network import split_at_first_fc
from minidelve.tensor import Tensor, no_grad


class CropScorer:
    """The mean softmax output over an image's crops: scorer(images) -> float64 (N, classes).

    network      in evaluation mode
    statistics   of the run; its mean image has the size of a crop, so every crop loses the same one
    views        which crops
    batch        crops that go through the network at a time, at most
    budget       bytes for activations; fewer crops at a time if they need it

    RunError if the budget is too small for one crop.
    """

    equal_sizes = False  # crops are of one size, whatever the images are

    def __init__(
        self,
        network: nn.Sequential,
        statistics: data.Statistics,
        views: CropViews,
        batch: int,
        budget: int,
        device="cpu",
    ):
        self.network, self.statistics, self.views, self.device = network, statistics, views, device
        layers, head = split_at_first_fc(list(network))
        width = head[0].weight.shape[1] if head and isinstance(head[0], nn.Linear) else 0
        conv = conv_need(layers, views.size, views.size)
        need = ConvNeed(conv.each + fc_bytes(head, width), conv.room, conv.U)
        if need.images_within(budget) < 1:
            raise RunError(
                f"--max-memory {readable(budget, round_up=True)}: a crop of {views.size} x {views.size} needs "
                f"{readable(need.least, round_up=True)} for its activations; give at least that"
            )
        self.batch = min(batch, need.images_within(budget))
        self.at_once = max(1, batch // views.count)  # images to be handed over together

    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """uint8 (H, W, 3) each, of any sizes -> (N, classes)."""
        crops = np.concatenate([self.views(image) for image in images])

        def batches() -> Iterator[tuple[np.ndarray]]:
            for start in range(0, len(crops), self.batch):
                yield (self.statistics.normalize(crops[start : start + self.batch]).transpose(0, 3, 1, 2),)

        with no_grad(), closing(upload_ahead(batches(), self.device)) as uploaded:
            parts = [read_later(probabilities(self.network(Tensor(x)).data)) for (x,) in uploaded]
        p = np.concatenate([part() for part in parts])
        return p.reshape(len(images), self.views.count, -1).mean(axis=1)


def probabilities(logits):
    """Softmax of each row of (N, classes), in float64.

    In float32 a confident network's small probabilities become 0, and classes that it ranked become equal.
    """
    xp = array_module(logits)
    e = xp.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
