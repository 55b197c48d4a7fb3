"""How often a network is wrong: top-1 and top-5 error on a validation set, centre crops.

Top-k error is the share of images whose right class is not among the k classes with the highest
scores, in percent.  The paper reports both; with 1,000 classes that overlap in meaning, top-5
forgives naming the other object in the picture.  This is the test after each epoch of training; the
paper's other ways of testing are in protocols/.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from minidelve import nn, ops
from minidelve.backend import to_device
from minidelve.tensor import Tensor, no_grad


@dataclass(frozen=True)
class Errors:
    """Errors in percent over `images` images, and the mean cross entropy."""

    top1: float
    top5: float
    loss: float
    images: int


def rank_of_target(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(N,) how many classes score at least as high as the right one, itself left out: 0 is a hit.

    A tie counts against the network (else one that gives every class the same score would be perfect),
    and a score of NaN is a miss.

    >>> rank_of_target(np.array([[0.1, 0.7, 0.2]]), np.array([2])).tolist()
    [1]
    """
    own = scores[np.arange(len(targets)), targets][:, None]
    return (~(scores < own)).sum(axis=1) - (own[:, 0] == own[:, 0])  # less itself; a NaN, unequal to itself, stays


def evaluate(network: nn.Module, batches: Iterable[tuple[np.ndarray, np.ndarray]], device: str = "cpu") -> Errors:
    """Top-1 and top-5 error of `network` over (images (N, 3, H, W), labels (N,)) batches.

    The network is switched to evaluation (no dropout) and back to what it was.
    """
    was_training = network.training
    network.eval()
    misses1 = misses5 = images = 0
    loss = 0.0
    try:
        with no_grad(), np.errstate(all="ignore"):  # a NaN counts as a miss, it needs no warning
            for x, targets in batches:
                logits = network(Tensor(to_device(x, device)))
                loss += ops.cross_entropy(logits, to_device(targets, device)).item() * len(targets)
                rank = rank_of_target(to_device(logits.data, "cpu"), targets)
                misses1, misses5 = misses1 + int((rank >= 1).sum()), misses5 + int((rank >= 5).sum())
                images += len(targets)
    finally:
        network.train(was_training)
    if images == 0:
        raise ValueError("evaluate: got no images")
    return Errors(100 * misses1 / images, 100 * misses5 / images, loss / images, images)
