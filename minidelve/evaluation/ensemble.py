"""Scores averaged over scales and over runs.

arXiv 1502.01852, section 4: model A's scores at three scales (256, 384, 480) are combined as in SPP-net, by
averaging, and six models are combined for the final result; that this too is an average is our reading.
With p_rs the mean softmax output of run r at scale s,

    p_r = mean over s of p_rs        p = mean over r of p_r

Every image is read and resized once for all runs, and only counts are kept: memory does not grow with the
number of images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from minidelve import data
from minidelve.data import Picture
from minidelve.evaluation.crops import CropScorer
from minidelve.evaluation.dense import DenseScorer
from minidelve.evaluation.tally import Tally

ALL_SCALES, ENSEMBLE = "all scales", "ensemble"


@dataclass(frozen=True)
class Member:
    """A run under test: `columns` says which of a Picture's images are its scales, and `scales` names them."""

    name: str
    scorer: CropScorer | DenseScorer
    columns: Sequence[int]
    scales: Sequence[str]


@dataclass(frozen=True)
class Row:
    """One line of the result."""

    run: str
    scale: str
    tally: Tally


def score(members: Sequence[Member], pictures: Iterable[Picture], labels: np.ndarray, classes: int) -> list[Row]:
    """A row for each run and scale, for each run's mean over its scales, and last for the mean over runs.

    labels   (images of the data set,) the right class of each, by Picture.number

    Raises DataError, naming the picture, for one that a scorer refuses.
    """
    rows = [Row(member.name, scale, Tally(classes)) for member in members for scale in names_of_rows(member)]
    if len(members) > 1:
        rows.append(Row(ENSEMBLE, names_of_rows(members[0])[-1], Tally(classes)))
    for group in groups(pictures, min(m.scorer.at_once for m in members), any(m.scorer.equal_sizes for m in members)):
        targets = labels[[picture.number for picture in group]]
        for row, p in zip(rows, group_scores(members, group), strict=True):
            row.tally.add(p, targets)
    return rows


def names_of_rows(member: Member) -> list[str]:
    """A name for each scale, and one for their mean if there are several."""
    return [*member.scales, *([ALL_SCALES] if len(member.scales) > 1 else [])]


def group_scores(members: Sequence[Member], group: Sequence[Picture]) -> Iterator[np.ndarray]:
    """(N, classes) for each row, in the order of `score`."""
    means = []
    for member in members:
        scores = [named(member.scorer, [p.images[column] for p in group], group) for column in member.columns]
        means.append(np.mean(scores, axis=0))
        yield from scores
        if len(scores) > 1:
            yield means[-1]
    if len(members) > 1:
        yield np.mean(means, axis=0)


def named(
    scorer: Callable[[Sequence[np.ndarray]], np.ndarray], images: Sequence[np.ndarray], group: Sequence[Picture]
) -> np.ndarray:
    """scorer(images); its DataError gets the path of the picture, or of the first of several."""
    try:
        with np.errstate(all="ignore"):  # a diverged network's NaN counts as a miss, it needs no warning
            return scorer(images)
    except data.DataError as error:
        raise data.DataError(f"{group[0].path}: {error}") from error


def groups(pictures: Iterable[Picture], most: int, equal_sizes: bool) -> Iterator[list[Picture]]:
    """The pictures in order, up to `most` together; with `equal_sizes`, only pictures of equal sizes."""
    group: list[Picture] = []
    for picture in pictures:
        other = equal_sizes and group and [i.shape for i in picture.images] != [i.shape for i in group[0].images]
        if group and (len(group) == most or other):
            yield group
            group = []
        group.append(picture)
    if group:
        yield group
