"""What a trained network sees in pictures: its five likeliest classes, as text and as a drawing.

The drawing is made after the paper's figure of example images: above each picture its right class, where
it is known ("GT: goldfish", ground truth), below it the likeliest classes. The bars, the right class's in
a colour of its own, are ours.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minidelve import data, nn
from minidelve.analysis.pictures import legible, picture
from minidelve.errors import Diverged, RunError
from minidelve.evaluation.crops import CropScorer
from minidelve.evaluation.ten_views import CropViews
from minidelve.training.validation import evaluating

BATCH = 64
MAX_MEMORY = 10**9  # bytes for activations, as in evaluate, so that batches are those of evaluate
COLUMNS = 4  # pictures side by side
NO_NAMES: Mapping[str, Sequence[str]] = {}
RIGHT, FIRST, OTHER = "#7fbf7b", "#e8a33d", "#a9c4de"
MEANING = {RIGHT: "the right class", FIRST: "the likeliest (the right class is not known)", OTHER: "other classes"}


@dataclass(frozen=True)
class Prediction:
    """One picture and its likeliest classes, best first."""

    path: str
    view: np.ndarray  # uint8 (size, size, 3), what the network saw
    classes: list[tuple[str, float]]  # (name, probability)
    truth: str | None = None  # the name of the right class, if known


def predict(
    network: nn.Sequential,
    images: Sequence[tuple[str, np.ndarray]],
    statistics: data.Statistics,
    view: data.Transform,
    names: Sequence[str],
    top: int = 5,
    device: str = "cpu",
    truths: Sequence[str | None] | None = None,
) -> list[Prediction]:
    """The `top` likeliest of the classes `names` for each (path, uint8 (H, W, 3)), seen through `view`.

    `truths` names the right class of each picture, None where it is not known.
    Raises DataError for an image smaller than the crop, and Diverged where what the network says is not finite.
    """
    scorer = centre_crops(network, statistics, BATCH, device)
    predictions: list[Prediction] = []
    for start in range(0, len(images), scorer.at_once):
        part = images[start : start + scorer.at_once]
        views, scores = seen_and_scored(scorer, part, view)
        for (path, _), pixels, p in zip(part, views, scores, strict=True):
            truth = truths[len(predictions)] if truths else None
            predictions.append(Prediction(path, pixels, likeliest(p, names, top), truth))
    return predictions


def centre_crops(network: nn.Sequential, statistics: data.Statistics, batch: int, device: str) -> CropScorer:
    """What scores images as `minidelve evaluate` does: by their centre crop, `batch` of them at a time at most."""
    views = CropViews(len(statistics.mean), ten=False, flip=False)
    try:
        return CropScorer(network, statistics, views, batch, MAX_MEMORY, device)
    except RunError:  # one crop alone needs more
        return CropScorer(network, statistics, views, 1, sys.maxsize, device)


def seen_and_scored(
    scorer: CropScorer, images: Sequence[tuple[str, np.ndarray]], view: data.Transform
) -> tuple[list[np.ndarray], np.ndarray]:
    """(what the network saw of each image, probabilities (N, classes) in float64), for (path, uint8 (H, W, 3)).

    Raises DataError for an image smaller than the crop, and Diverged where what the network says is not finite.
    """
    seen = [_look(path, image, view, scorer.views.size) for path, image in images]
    with evaluating(scorer.network):
        scores = scorer(seen)
    for (path, _), p in zip(images, scores, strict=True):
        if not np.isfinite(p).all():
            raise Diverged(
                f"{path}: what the network says of it is not finite: its training had diverged",
                cure="take another checkpoint, or train again with a smaller --lr",
            )
    return seen, scores


def likeliest(p: np.ndarray, names: Sequence[str], top: int) -> list[tuple[str, float]]:
    """(name, probability) of the `top` likeliest classes, best first; of equals the first comes first.

    >>> likeliest(np.array([0.1, 0.6, 0.3]), ["tench", "goldfish", "eel"], top=2)
    [('goldfish', 0.6), ('eel', 0.3)]
    """
    return [(names[k], float(p[k])) for k in np.argsort(-p, kind="stable")[:top]]


def _look(path: str, image: np.ndarray, view: data.Transform, size: int) -> np.ndarray:
    height, width = image.shape[:2]
    try:
        return view(image, np.random.default_rng(0))
    except data.DataError as error:
        if min(height, width) >= size:
            raise data.DataError(f"{path}: {error}") from error
        raise data.DataError(
            f"{path}: is {width} x {height} pixels; expected at least {size} x {size}, the crop that this run was "
            "trained with; give a larger image"
        ) from error


def draw(
    predictions: Sequence[Prediction], title: str, form: str = "png", stand_ins: Mapping[str, Sequence[str]] = NO_NAMES
) -> bytes | None:
    """A picture file: each image, and under it a bar for the probability of each of its classes.

    stand_ins   what may be shown of a class whose name the font lacks (stand_ins_of)

    None where it cannot be drawn, which is said.
    """
    return picture("the figure", lambda: figure_of(predictions, title, stand_ins), form)


def figure_of(predictions: Sequence[Prediction], title: str, stand_ins: Mapping[str, Sequence[str]]) -> Any:
    """The Figure of `draw`."""
    from matplotlib.patches import Patch

    from minidelve.analysis.figure import Figure

    columns = min(COLUMNS, len(predictions))
    rows = math.ceil(len(predictions) / columns)
    bars = max(len(p.classes) for p in predictions)
    heights = [2.2, 0.24 * bars + 0.1] * rows
    figure = Figure(figsize=(2.6 * columns + 0.2, sum(heights) + 0.35 * rows + 0.4), layout="constrained")
    figure.suptitle(legible(title), fontsize=9)
    grid = figure.subplots(2 * rows, columns, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axes in grid.flat:
        axes.set_axis_off()
    for i, prediction in enumerate(predictions):
        above, below = grid[2 * (i // columns)][i % columns], grid[2 * (i // columns) + 1][i % columns]
        above.imshow(prediction.view, interpolation="nearest")
        truth = prediction.truth
        file_name = legible(name_of(prediction.path, predictions), most=30)
        above.set_title(file_name if truth is None else truth_title(truth, stand_ins), fontsize=8)
        draw_bars(below, prediction, bars, stand_ins)
    used = {colour for prediction in predictions for colour in bar_colours(prediction)}
    shown = [Patch(color=colour, label=meaning) for colour, meaning in MEANING.items() if colour in used]
    figure.legend(handles=shown, loc="outside lower center", ncols=1 if columns == 1 else len(shown), fontsize=7)
    return figure


def name_of(path: str, predictions: Sequence[Prediction]) -> str:
    """A picture's file name, with its folder where pictures of several are shown."""
    folders = {Path(prediction.path).parent for prediction in predictions}
    return Path(path).name if len(folders) == 1 else f"{Path(path).parent.name}/{Path(path).name}"


def truth_title(truth: str, stand_ins: Mapping[str, Sequence[str]]) -> str:
    """Such as: GT: goldfish."""
    return legible(*(f"GT: {name}" for name in (first_name(truth), *stand_ins.get(truth, ()))), most=30)


def stand_ins_of(ids: Sequence[str], names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """What may stand for each class's name: its id and its number.

    >>> stand_ins_of(["n01443537"], ["goldfish, Carassius auratus"])
    {'goldfish, Carassius auratus': ('n01443537', 'class 0')}
    """
    return {name: (id, f"class {k}") for k, (id, name) in enumerate(zip(ids, names, strict=True))}


def draw_bars(axes: Any, prediction: Prediction, bars: int, stand_ins: Mapping[str, Sequence[str]]) -> None:
    """A bar from 0 to 1 for each class, the likeliest on top, the name written on it."""
    classes = prediction.classes
    places = range(len(classes))
    colours = bar_colours(prediction)
    axes.barh(places, [1.0] * len(classes), color="0.95", height=0.86)
    axes.barh(places, [p for _, p in classes], color=colours, height=0.86)
    for place, (name, p) in enumerate(classes):
        shown = legible(first_name(name), *stand_ins.get(name, ()), most=22)
        axes.text(0.02, place, shown, va="center", fontsize=8)
        axes.text(0.98, place, "" if math.isnan(p) else f"{100 * p:.1f}%", va="center", ha="right", fontsize=8)
    axes.set(xlim=(0, 1), ylim=(bars - 0.5, -0.5))


def bar_colours(prediction: Prediction) -> list[str]:
    """The right class stands out if it is among them; where it is unknown, the likeliest does."""
    names = [name for name, _ in prediction.classes]
    if prediction.truth is not None:
        return [RIGHT if name == prediction.truth else OTHER for name in names]
    return [FIRST] + [OTHER] * (len(names) - 1)


def first_name(name: str) -> str:
    """The first of a class's names.

    >>> first_name("goldfish, Carassius auratus")
    'goldfish'
    """
    return name.split(",")[0]


def describe(prediction: Prediction) -> str:
    """The classes of one picture as lines of text."""
    truth = prediction.truth
    lines = [f"  {100 * p:5.1f}%  {name}{'  <- right' if name == truth else ''}" for name, p in prediction.classes]
    head = prediction.path if truth is None else f"{prediction.path} (GT: {truth})"
    return "\n".join([head, *lines])
