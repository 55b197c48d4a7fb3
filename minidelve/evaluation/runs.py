"""Testing trained runs: their checkpoints are loaded, the data set is opened, and every image is scored.

    found = evaluate_runs([Path("runs/a"), Path("runs/b")], way=Way("dense", scales=[64, 96]))
    found.rows[-1].tally.errors().top1        of the ensemble

`minidelve evaluate` prints what this finds, and the experiments put it into tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from minidelve import data
from minidelve.data import ImageStream
from minidelve.errors import RunError, shown
from minidelve.evaluation.crops import CropScorer
from minidelve.evaluation.dense import DenseScorer
from minidelve.evaluation.ensemble import Member, Row, score
from minidelve.evaluation.report import table
from minidelve.evaluation.ten_views import CropViews, check_crop_fits
from minidelve.progress import progress
from minidelve.training import checkpoint
from minidelve.training.device import check_device, within_device_memory
from minidelve.training.run_folder import find_checkpoint
from minidelve.training.validation import Errors
from minidelve.training.views import testing_scale

AS_TRAINED = "as trained"
PROTOCOLS = ("center", "ten-view", "dense")


@dataclass(frozen=True)
class Way:
    """How to test.

    protocol     "center": one crop; "ten-view": four corners and the centre of the whole image; "dense": every window
                 of the last conv map
    scales       shorter sides to which each image is brought; scores are averaged over them. None: as trained
    flip         mirrored views too; None: yes, except for "center"
    max_memory   bytes for activations
    """

    protocol: str = "center"
    scales: Sequence[int] | None = None
    flip: bool | None = None
    max_memory: int = 10**9
    batch_size: int = 64
    device: str = "cpu"
    workers: int = 2
    on_bad_image: Literal["error", "skip"] = "error"

    def __post_init__(self) -> None:
        """RunError for a value that none of its fields may have."""
        if self.protocol not in PROTOCOLS:
            raise RunError(f"protocol is {shown(self.protocol)}", expected=f"one of {', '.join(PROTOCOLS)}")
        scales = [] if self.scales is None else self.scales
        if not isinstance(scales, list | tuple | range) or not all(type(s) is int and s > 0 for s in scales):
            raise RunError(f"scales are {shown(scales)}", expected="a list of shorter sides in pixels, as [256, 384]")
        if self.scales is not None and not len(scales):
            raise RunError("scales are []", expected="at least one, or None for the size that the run was trained on")
        if self.flip not in (True, False, None) or isinstance(self.flip, int) and type(self.flip) is not bool:
            raise RunError(f"flip is {shown(self.flip)}", expected="True, False or None")
        if type(self.batch_size) is not int or self.batch_size < 1:
            raise RunError(f"batch_size is {shown(self.batch_size)}", expected="an integer of at least 1")

    @property
    def mirrored(self) -> bool:
        """Whether mirrored views count too."""
        return self.protocol != "center" if self.flip is None else self.flip


@dataclass(frozen=True, repr=False)
class Evaluation:
    """What a test found: a row for each run and scale, for means over scales and over runs (ensemble.py).

    Printed, it is the table that `minidelve evaluate` prints.
    """

    rows: list[Row]
    dataset: data.Dataset
    skipped: dict[str, str]  # path -> reason, of images left out

    @property
    def errors(self) -> Errors:
        """Of the last row, which is the mean of all scales and runs: .top1 and .top5 in percent, .loss, .images."""
        return self.rows[-1].tally.errors()

    def __repr__(self) -> str:
        return table(self.rows)


class Candidate(NamedTuple):
    """A run to be tested: its name on the screen, its checkpoint without weights, and its network."""

    name: str
    saved: checkpoint.Checkpoint
    network: Any


def evaluate_runs(
    paths: Sequence[Path],
    data_path: str | None = None,
    split: str = "val",
    way: Way | None = None,
    dataset: data.Dataset | None = None,
) -> Evaluation:
    """Test each run (a folder: its best.npz; or an .npz file), and the mean of their scores if there are several.

    data_path   by default what the first run was trained on
    dataset     the opened data set, in place of a path and a split

    Raises RunError, DataError or CheckpointError with one line for anything the user can mend.
    """
    way = way or Way()
    check_device(way.device)
    with within_device_memory(less="fewer runs at a time"):
        candidates = [load(path, way.device) for path in paths]
    return evaluate_loaded(candidates, way, dataset or open_data(data_path, split, candidates))


def evaluate_loaded(candidates: Sequence[Candidate], way: Way, dataset: data.Dataset) -> Evaluation:
    """Test runs that are loaded already, each network in evaluation mode and on the device of `way`."""
    check_classes(dataset, candidates)
    transforms: list[Shown] = []
    members = [member(way, candidate, transforms) for candidate in candidates]
    stream = ImageStream(dataset, transforms, way.workers, way.on_bad_image)
    pictures = progress(stream, len(stream), "evaluating", "image")
    with within_device_memory(way.batch_size, "a smaller --batch-size or --max-memory"):
        rows = score(members, pictures, dataset.labels, len(dataset.classes))
    return Evaluation(rows, dataset, stream.skipped)


def load(run_path: Path, device: str) -> Candidate:
    """The run's network on the device."""
    path = find_checkpoint(run_path)
    saved = checkpoint.load(path, optimizer=False)
    network = checkpoint.trained_network(saved, path)
    saved.parameters.clear()  # the network has them now: once in memory is enough
    network.to(device)
    return Candidate(str(run_path), saved, network)


def open_data(path: str | None, split: str, candidates: Sequence[Candidate]) -> data.Dataset:
    """The data set to test on, by default the one that the first run was trained on."""
    config = candidates[0].saved.meta["config"]
    try:
        dataset = data.open_tested(
            path or config["data"], split, config.get("val_fraction"), config["seed"], elsewhere=path is not None
        )
    except data.DataError as error:
        hint = "" if path else " (the run was trained on it; if it has moved, give its new place with --data)"
        raise data.DataError(f"{error}{hint}") from error
    return dataset


def check_classes(dataset: data.Dataset, candidates: Sequence[Candidate]) -> None:
    """DataError or RunError unless all runs know just the data set's classes."""
    first = candidates[0].saved.meta
    for candidate in candidates[1:]:
        if candidate.saved.meta["classes"] != first["classes"]:
            raise RunError(
                f"{candidate.name} was trained on {len(candidate.saved.meta['classes'])} classes that are not the "
                f"{len(first['classes'])} of {candidates[0].name}; an ensemble needs runs of the same classes"
            )
    check_data_set(dataset, first["classes"])


def check_data_set(dataset: data.Dataset, classes: Sequence[str]) -> None:
    """DataError unless the data set has the classes that a run was trained on."""
    if dataset.classes != classes:
        raise data.DataError(
            f"{dataset.name} has {len(dataset.classes)} classes that are not the {len(classes)} the run was trained on",
            cure="give that data set with --data",
        )


def member(way: Way, candidate: Candidate, transforms: list[Shown]) -> Member:
    """The run with its way of scoring; the scales that it needs are added to `transforms`."""
    config, size = candidate.saved.meta["config"], len(candidate.saved.mean)
    for scale in way.scales or []:
        if scale < size:
            raise RunError(
                f"a scale of {scale} is too small", expected=f"at least {size}, the crops of {candidate.name}"
            )
    if way.scales:
        wanted = [Shown(data.ResizeShorterSide(scale), size) for scale in way.scales]
    else:
        wanted = [Shown(testing_scale(size, config.get("short_side")), size)]
    names = [str(scale) for scale in way.scales] if way.scales else [AS_TRAINED]
    columns = [column(transforms, transform) for transform in wanted]
    common = (way.batch_size, way.max_memory, way.device)
    network, statistics = candidate.network, candidate.saved.statistics
    scorer: CropScorer | DenseScorer
    if way.protocol == "dense":
        scorer = DenseScorer(network, statistics, way.mirrored, *common)
    else:
        scorer = CropScorer(network, statistics, CropViews(size, way.protocol == "ten-view", way.mirrored), *common)
    return Member(candidate.name, scorer, columns, names)


class Shown:
    """An image at one scale. Where the run's crop does not fit, DataError, which --on-bad-image skip forgives."""

    def __init__(self, scale: data.ResizeShorterSide, crop: int):
        self.scale, self.crop = scale, crop
        self.key = type(scale), scale.size, crop

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        seen = self.scale(image, rng)
        check_crop_fits(seen.shape[0], seen.shape[1], self.crop)
        return seen


def column(transforms: list[Shown], wanted: Shown) -> int:
    """The place of a transform among those that the pictures go through, where it is added if it is new."""
    keys = [there.key for there in transforms]
    if wanted.key not in keys:
        transforms.append(wanted)
        return len(keys)
    return keys.index(wanted.key)
