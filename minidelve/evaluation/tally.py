"""Counting errors: of all images, of each class, and which class is taken for which.

The paper reports top-1 and top-5 error of the whole set, and (arXiv v1, section 4) the top-5 error of its
final result class by class: none in 113 classes, the most in letter opener (49%), spotlight (38%) and
restaurant (36%).

    confusions[t, w]   images of class t that got w for their best wrong class, where t itself was not the best

A row of it sums to the class's top-1 misses, but for images whose scores are not numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minidelve.training.validation import Errors, rank_of_target

TOP = 5  # the k of the other error


@dataclass(frozen=True)
class ClassErrors:
    """Errors of one class in percent, and (class, images) that it was taken for, most frequent first."""

    label: int
    images: int
    top1: float
    top5: float | None  # None where there are at most five classes
    taken_for: list[tuple[int, int]]


class Tally:
    """Errors of one way of scoring, image after image."""

    def __init__(self, classes: int):
        self.images = np.zeros(classes, np.int64)
        self.misses1, self.misses5 = np.zeros_like(self.images), np.zeros_like(self.images)
        self.confusions = np.zeros((classes, classes), np.int32)
        self.loss = 0.0

    def add(self, p: np.ndarray, targets: np.ndarray) -> None:
        """Count images with class probabilities p (N, classes) and right classes targets (N,)."""
        classes = len(self.images)
        rank = rank_of_target(p, targets)
        for counts, counted in ((self.images, targets), (self.misses1, targets[rank >= 1]),
                                (self.misses5, targets[rank >= TOP])):  # fmt: skip
            counts += np.bincount(counted, minlength=classes)
        with np.errstate(divide="ignore"):  # a probability of 0 is an infinite loss
            self.loss -= float(np.log(p[np.arange(len(p)), targets]).sum())
        wrong = (rank >= 1) & np.isfinite(p).all(axis=1)
        others = p[wrong].copy()
        others[np.arange(len(others)), targets[wrong]] = -1.0
        if classes > 1:
            np.add.at(self.confusions, (targets[wrong], others.argmax(axis=1)), 1)

    def errors(self) -> Errors:
        """Of all images counted; ValueError if there are none."""
        images = int(self.images.sum())
        if images == 0:
            raise ValueError("Tally: got no images; expected at least one")
        top1, top5 = self._percent(slice(None))
        return Errors(top1, top5, self.loss / images, images)

    def by_class(self) -> list[ClassErrors]:
        """The classes that have images, in their order."""
        return [self._class(label) for label in np.flatnonzero(self.images).tolist()]

    def worst(self, count: int) -> list[ClassErrors]:
        """The classes with errors, highest top-5 error first, then top-1 error, then in their order."""
        wrong = [c for c in self.by_class() if c.top1 > 0]
        return sorted(wrong, key=lambda c: (-(c.top5 or 0), -c.top1))[:count]

    def _percent(self, classes: int | slice) -> tuple[float, float | None]:
        """Top-1 and top-5 error of one class or of all; no top-5 error where five classes are all there are."""
        share = 100 / int(self.images[classes].sum())
        misses = [share * int(counts[classes].sum()) for counts in (self.misses1, self.misses5)]
        return misses[0], misses[1] if len(self.images) > TOP else None

    def _class(self, label: int) -> ClassErrors:
        images, row = int(self.images[label]), self.confusions[label]
        order = [w for w in np.argsort(-row, kind="stable").tolist() if row[w]]
        return ClassErrors(label, images, *self._percent(label), [(w, int(row[w])) for w in order])
