"""How often a network is wrong: top-1 and top-5 error on a validation set, centre crops.

Top-k error is the share of images whose right class is not among the k classes with the highest scores, in
percent. The paper reports both: with 1,000 classes that overlap in meaning, top-5 forgives naming the other
object in the picture. Of at most five classes all are named, so there top-5 error is None. This is the test after
each epoch of training; the paper's other ways of testing are in evaluation/.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidelve import nn, ops
from minidelve.backend import array_module, device_of, to_device
from minidelve.backend.streams import read_later, upload_ahead
from minidelve.tensor import Tensor, no_grad
from minidelve.training.step_log import mean_over_images


@dataclass(frozen=True)
class Errors:
    """Errors in percent over `images` images, and the mean cross entropy."""

    top1: float
    top5: float | None  # None for at most five classes
    loss: float
    images: int


NEVER = 1 << 30  # the rank of an image whose scores are not all numbers: it is wrong in any top-k


def percent_wrong(ranks: np.ndarray, k: int, classes: int) -> float | None:
    """Top-k error of images whose right classes have these ranks; None for more than one guess among all the classes.

    >>> percent_wrong(np.array([0, 2, 7, NEVER]), 5, classes=10), percent_wrong(np.array([0]), 5, classes=5)
    (50.0, None)
    """
    return None if 1 < k >= classes else 100 * int((ranks >= k).sum()) / len(ranks)


def rank_of_target(scores: Any, targets: np.ndarray) -> Any:
    """(N,) how many classes score at least as high as the right one, itself left out: 0 is a hit.

    Computed where the scores (N, classes) are. A tie counts against the network (else one that gives every class
    the same score would be perfect). If any score is NaN, the image has no ranking: its rank is NEVER.

    >>> rank_of_target(np.array([[0.1, 0.7, 0.2]]), np.array([2])).tolist()
    [1]
    """
    xp = array_module(scores)
    own = scores[xp.arange(len(targets)), to_device(targets, device_of(scores))][:, None]
    ahead = (scores >= own).sum(axis=1) - 1  # less itself
    return xp.where(xp.isnan(scores).any(axis=1), NEVER, ahead)


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Inside this block the network is in evaluation mode (no dropout), leaves no graph, and may give NaN unwarned."""
    was_training = network.training
    network.eval()
    try:
        with no_grad(), np.errstate(all="ignore"):
            yield
    finally:
        network.train(was_training)


def evaluate(network: nn.Module, batches: Iterable[tuple[np.ndarray, np.ndarray]], device: str = "cpu") -> Errors:
    """Top-1 and (of more than five classes) top-5 error of `network` over (images (N, 3, H, W), labels (N,)) batches.

    The network is switched to evaluation (no dropout) and back to what it was.
    """
    results = []
    with evaluating(network), closing(upload_ahead(batches, device)) as uploaded:
        for x, targets in uploaded:
            logits = network(Tensor(x))
            loss, rank = ops.cross_entropy(logits, targets), rank_of_target(logits.data, targets)
            results.append((len(targets), read_later(loss.data), read_later(rank)))
    # Looked at only now: after every batch the device would stand idle until Python has looked and launched the next.
    if not results:
        raise ValueError("evaluate: got no images; expected at least one")
    ranks = np.concatenate([rank_is() for _, _, rank_is in results])
    mean = mean_over_images([(float(loss_is()), count) for count, loss_is, _ in results])
    top1, top5 = (percent_wrong(ranks, k, logits.shape[1]) for k in (1, 5))
    return Errors(top1 or 0.0, top5, mean, len(ranks))
