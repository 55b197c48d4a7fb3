"""A trained run in three lines of Python.

    run = minidelve.load("runs/first")
    run.predict("fish.jpg")
    run.evaluate(protocol="ten-view")

What it answers is what the commands answer: `predict` as `minidelve predict`, `evaluate` as `minidelve evaluate`, and
`predict_proba` gives the scores that `evaluate` counts. Batches are made as there, so the numbers agree to the last
bit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from minidelve import models
from minidelve.analysis.notebook import layers_html, table_html
from minidelve.analysis.pictures import our_settings, picture
from minidelve.analysis.summary import summarize
from minidelve.data import Dataset
from minidelve.errors import RunError, shown
from minidelve.evaluation import runs
from minidelve.evaluation.given_images import described, given_images
from minidelve.evaluation.predict import (
    BATCH,
    Prediction,
    centre_crops,
    describe,
    figure_of,
    likeliest,
    seen_and_scored,
    stand_ins_of,
)
from minidelve.evaluation.runs import Evaluation, Way
from minidelve.training.curves import curves
from minidelve.training.device import check_device, within_device_memory
from minidelve.training.validation import evaluating
from minidelve.training.views import views

MOST_DRAWN = 40  # pictures in a figure
Scored = tuple[list[tuple[str, np.ndarray]], list[np.ndarray], np.ndarray]  # see TrainedRun._scored


def load(run: str | os.PathLike[str], device: str = "cpu") -> TrainedRun:
    """The run of a folder (its best.npz), or of an .npz file that a training left behind.

    device   "cpu" or "cuda": where its network computes

    Raises CheckpointError where there is no such run, where its file is damaged, or where its training had diverged;
    RunError for a device that cannot be used.
    """
    if not isinstance(run, str | os.PathLike) or not isinstance(os.fspath(run), str) or run == "":
        raise RunError(f"load: the run {described(run)}", expected="the path of a run folder or of an .npz file")
    if device not in ("cpu", "cuda"):
        raise RunError(f"load: device is {shown(device)}", expected="'cpu' or 'cuda'")
    check_device(device)
    with within_device_memory(less="device='cpu'"):
        return TrainedRun(runs.load(Path(run), device), device)


class TrainedRun:
    """A network that was trained, and all that belongs to it.

    network        in evaluation mode
    classes        their ids, in the order of the network's scores; class_names their names
    statistics     the mean image and the deviation that its inputs are normalised by
    history        an entry for each epoch, with the columns of metrics.csv
    config         every option of the training
    """

    def __init__(self, loaded: runs.Candidate, device: str = "cpu"):
        self._loaded, self.device = loaded, device
        meta = loaded.saved.meta
        self.name: str = loaded.name
        self.network: models.Network = loaded.network
        self.statistics = loaded.saved.statistics
        self.classes: list[str] = meta["classes"]
        self.class_names: list[str] = meta["class_names"]
        self.history: list[dict[str, Any]] = meta["history"]
        self.config: dict[str, Any] = meta["config"]

    @property
    def size(self) -> int:
        """The side of the crops that the network sees."""
        return len(self.statistics.mean)

    def predict(self, images: Any, top: int = 5) -> Predictions:
        """The `top` likeliest classes of each picture with their probabilities, best first.

        images   a path, a uint8 array (H, W, 3), a Pillow image, or several: a list of them, or an array (N, H, W, 3).
                 They may be of any sizes: each is brought to the scale at which the run tests, and its centre is seen

        Raises DataError, which names the picture, for one that cannot be read or is too small, and Diverged where what
        the network says is not finite.
        """
        if isinstance(top, bool) or not isinstance(top, int | np.integer) or top < 1:
            raise RunError(f"predict: top is {shown(top)}", expected="an integer of at least 1")
        predictions = Predictions(self)
        for part, seen, scores in self._scored(images, BATCH):
            for (path, _), pixels, p in zip(part, seen, scores, strict=True):
                # A copy: the caller's array, of which it may be a part, may hold another picture when it is drawn.
                predictions.append(Prediction(path, pixels.copy(), likeliest(p, self.class_names, int(top))))
        return predictions

    def predict_proba(self, images: Any, batch_size: int = BATCH) -> np.ndarray:
        """The probability of each class for each picture: float64 (N, classes), in the order of `classes`.

        images       as in `predict`; of one picture the answer is (1, classes)
        batch_size   pictures that go through the network at a time. Another one may change the last bits

        Raises as `predict` does.
        """
        way = Way(batch_size=batch_size)
        scores = [scores for _, _, scores in self._scored(images, way.batch_size)]
        return np.concatenate([np.empty((0, len(self.classes))), *scores])

    def _scored(self, images: Any, batch: int) -> Iterator[Scored]:
        """(pictures, what the network saw of them, probabilities) of a batch at a time.

        A picture is its name and its pixels; the network saw uint8 (size, size, 3); probabilities are (batch, classes).
        """
        scorer = centre_crops(self.network, self.statistics, batch, self.device)
        _, view = views(self.size, self.config.get("short_side"))
        pictures = given_images(images)
        with within_device_memory(batch, "fewer images"):
            while part := list(islice(pictures, scorer.at_once)):
                yield part, *seen_and_scored(scorer, part, view)

    def evaluate(
        self,
        data: str | os.PathLike[str] | Dataset | None = None,
        protocol: str = "center",
        *,
        split: str = "val",
        scales: Sequence[int] | None = None,
        flip: bool | None = None,
        batch_size: int = BATCH,
    ) -> Evaluation:
        """What `minidelve evaluate` finds: .errors.top1 and .errors.top5 in percent; printed, a table.

        data       a path, "toy" or an opened data set; by default what the run was trained on
        protocol   "center": one crop; "ten-view": four corners and the centre; "dense": every window of the conv map
        scales     shorter sides over which scores are averaged, as in --scales
        flip       mirrored views too; by default for all but "center"

        Raises RunError, DataError or CheckpointError with one line for anything the user can mend.
        """
        way = Way(protocol, scales, flip, batch_size=batch_size, device=self.device)
        is_known = data is None or isinstance(data, str | os.PathLike | Dataset)
        if not is_known or data == "":
            raise RunError(f"evaluate: data is {shown(data)}", expected="a path, 'toy' or an opened data set")
        if not isinstance(data, Dataset):
            data = runs.open_data(None if data is None else os.fspath(data), split, [self._loaded])
        with evaluating(self.network):
            return runs.evaluate_loaded([self._loaded], way, data)

    def plot_curves(self) -> Any:
        """Loss and errors over the epochs, as in curves.png: a Matplotlib Figure, which a notebook shows."""
        if not self.history:
            raise RunError(f"{self.name} has no finished epoch, so there are no curves", cure="train it first")
        with our_settings():
            return curves(self.history, self.title)

    @property
    def title(self) -> str:
        """Such as: lab14 (prelu), runs/first."""
        return f"{self.config['model']} ({self.config['activation']}), {self.name}"

    def facts(self) -> dict[str, str]:
        """What there is to know at a glance."""
        count = sum(parameter.size for parameter in self.network.parameters())
        known = {
            "network": f"{self.config['model']} ({self.config['activation']}), {count:,} parameters",
            "images": f"crops of {self.size} x {self.size}",
            "classes": f"{len(self.classes)}: {', '.join(self.class_names[:5])}{', ...' * (len(self.classes) > 5)}",
            "trained on": str(self.config.get("data", "")),
            "epochs": str(len(self.history)),
        }
        if self.history:
            best = min(self.history, key=lambda row: row["val_top1_error"])
            known["best top-1 error"] = f"{best['val_top1_error']:.2f}%, after epoch {best['epoch']}"
        return known

    def __repr__(self) -> str:
        return "\n".join([f"run {self.name}", *(f"  {name:<17} {value}" for name, value in self.facts().items())])

    def _repr_html_(self) -> str:
        layers = layers_html(summarize(self.network, self.size))
        facts = table_html([], [(name, value) for name, value in self.facts().items()])
        return f"<b>run {escape(self.name)}</b>{facts}<details><summary>layers</summary>{layers}</details>"


class Predictions(list[Prediction]):
    """A prediction for each picture: a list, printed as `minidelve predict` prints it and shown as it draws it."""

    def __init__(self, run: TrainedRun):
        super().__init__()
        self.run = run

    def __repr__(self) -> str:
        return "\n".join(map(describe, self)) or "no pictures"

    def plot(self) -> Any:
        """The pictures (the first 40) with bars for their classes: a Matplotlib Figure."""
        if not self:
            raise RunError("there are no pictures to plot", cure="give predict at least one")
        with our_settings():
            return self._figure()

    def _figure(self) -> Any:
        stand_ins = stand_ins_of(self.run.classes, self.run.class_names)
        return figure_of(self[:MOST_DRAWN], self.run.title, stand_ins)

    def _repr_png_(self) -> bytes | None:
        return picture("the figure", self._figure) if self else None
