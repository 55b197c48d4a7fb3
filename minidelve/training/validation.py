"""How often a network is wrong: top-1 and top-5 error on a validation set, centre crops.

Top-k error is the share of images whose right class is not among the k classes with the highest scores, in
percent. The paper reports both: with 1,000 classes that overlap in meaning, top-5 forgives naming the other
object in the picture. This is the test after each epoch of training; the paper's other ways of testing are in
evaluation/.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidelve import nn, ops
from minidelve.backend import array_module, device_of, to_device
from minidelve.backend.streams import read_later, upload_ahead
from minidelve.tensor import Tensor, no_grad


@dataclass(frozen=True)
class Errors:
    """Errors in percent over `images` images, and the mean cross entropy."""

    top1: float
    top5: float
    loss: float
    images: int


def rank_of_target(scores: Any, targets: np.ndarray) -> Any:
    """(N,) how many classes score at least as high as the right one, itself left out: 0 is a hit.

    Computed where the scores (N, classes) are. A tie counts against the network (else one that gives every class
    the same score would be perfect), and a score of NaN is a miss.

    >>> rank_of_target(np.array([[0.1, 0.7, 0.2]]), np.array([2])).tolist()
    [1]
    """
    rows = array_module(scores).arange(len(targets))
    own = scores[rows, to_device(targets, device_of(scores))][:, None]
    return (~(scores < own)).sum(axis=1) - (own[:, 0] == own[:, 0])  # less itself; a NaN, unequal to itself, stays


def evaluate(network: nn.Module, batches: Iterable[tuple[np.ndarray, np.ndarray]], device: str = "cpu") -> Errors:
    """Top-1 and top-5 error of `network` over (images (N, 3, H, W), labels (N,)) batches.

    The network is switched to evaluation (no dropout) and back to what it was.
    """
    was_training = network.training
    network.eval()
    results = []
    try:
        # A NaN counts as a miss and needs no warning.
        with no_grad(), np.errstate(all="ignore"), closing(upload_ahead(batches, device)) as uploaded:
            for x, targets in uploaded:
                logits = network(Tensor(x))
                loss, rank = ops.cross_entropy(logits, targets), rank_of_target(logits.data, targets)
                results.append((len(targets), read_later(loss.data), read_later(rank)))
    finally:
        network.train(was_training)
    # Looked at only now: after every batch the device would stand idle until Python has looked and launched the next.
    misses1 = misses5 = images = 0
    loss_sum = 0.0
    for count, loss_is, rank_is in results:
        rank = rank_is()
        misses1, misses5 = misses1 + int((rank >= 1).sum()), misses5 + int((rank >= 5).sum())
        loss_sum, images = loss_sum + float(loss_is()) * count, images + count
    if images == 0:
        raise ValueError("evaluate: got no images; expected at least one")
    return Errors(100 * misses1 / images, 100 * misses5 / images, loss_sum / images, images)
