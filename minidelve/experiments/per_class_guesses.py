"""A few validation images, and what a network takes them for.

They are the first image of each of SHOWN classes, evenly spaced: chosen without a look at the outcome. A row is one
guess, so that results.csv stays a table of numbers and words, and says where the image lies. When the figure is drawn
the data set is opened again; if it has gone, or holds another image there, the guesses stand without the image.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minidelve import data
from minidelve.evaluation.predict import Prediction, draw_bars, first_name, predict, stand_ins_of, truth_title
from minidelve.experiments.rows import Row, Rows, distinct, select
from minidelve.experiments.trained import Trained, opened
from minidelve.training.views import views

SHOWN, GUESSES = 8, 5
COLUMNS = 2  # images side by side in the drawing, each with its guesses on its right


def guesses(net: Trained, dataset: data.Dataset) -> Rows:
    """A row for each of the likeliest classes of each image, seen through the centre crop."""
    config, names = net.config, dataset.class_names
    chosen = choose(dataset.labels, len(dataset.classes))
    predictions = predict(
        net.network, [(dataset.path(i), dataset.image(i)) for i in chosen], net.saved.statistics,
        views(config.size, config.short_side)[1], names, GUESSES, config.device,
    )  # fmt: skip
    return [
        {"kind": "guess", "label": int(dataset.labels[i]), "name": first_name(names[dataset.labels[i]]),
         "data": config.data, "image": i, "path": p.path, "rank": rank, "guess": first_name(name), "probability": share}
        for i, p in zip(chosen, predictions, strict=True) for rank, (name, share) in enumerate(p.classes, 1)
    ]  # fmt: skip


def choose(labels: np.ndarray, classes: int) -> list[int]:
    """The first image of each of SHOWN classes, evenly spaced; of all classes where there are fewer.

    >>> choose(np.arange(40) % 20, 20)
    [0, 3, 5, 8, 11, 14, 16, 19]
    """
    wanted = np.unique(np.linspace(0, classes - 1, SHOWN).round().astype(int))
    return [int(np.flatnonzero(labels == label)[0]) for label in wanted if (labels == label).any()]


def draw_guesses(panel: Any, rows: Rows) -> None:
    """In place of the panel: each image, and beside it its right class (GT, as the paper has it) and the guesses."""
    figure, place, images = panel.figure, panel.get_subplotspec(), distinct(rows, "image")
    if not images:
        panel.set_axis_off()
        return
    panel.remove()
    part = figure.add_subfigure(place)
    part.suptitle("images, and the first run's guesses", fontsize=11)
    lines = math.ceil(len(images) / COLUMNS)
    grid = part.subplots(lines, 2 * COLUMNS, squeeze=False, gridspec_kw={"width_ratios": [1, 1.5] * COLUMNS})
    for axes in grid.flat:
        axes.set_axis_off()
    stand_ins = stand_ins_of_classes(rows[0])
    for k, image in enumerate(images):
        line, column = divmod(k, COLUMNS)
        of_image = select(rows, image=image)
        picture, pixels = grid[line][2 * column], look_up(of_image[0])
        if pixels is None:
            picture.text(0.5, 0.5, "(no longer there)", ha="center", va="center", fontsize=7.5, color="0.4")
        else:
            picture.imshow(pixels, interpolation="nearest")
        beside, truth = grid[line][2 * column + 1], of_image[0]["name"]
        # Scores that are not numbers have no probability.
        found = [(row["guess"], math.nan if row["probability"] is None else row["probability"]) for row in of_image]
        draw_bars(beside, Prediction("", np.empty(0), found, truth), GUESSES, stand_ins)
        beside.text(0, -1, truth_title(truth, stand_ins), va="center", fontsize=8.5)
        beside.set_ylim(top=-1.5)


def look_up(row: Row) -> np.ndarray | None:
    """The image that a row speaks of, if it is still where it was."""
    try:
        dataset = opened(row["data"])[1]
        return dataset.image(row["image"]) if dataset.path(row["image"]) == row["path"] else None
    except (data.DataError, OSError, IndexError):
        return None


def stand_ins_of_classes(row: Row) -> dict[str, tuple[str, str]]:
    """What may stand for the names of the data set's classes, if it is still where it was."""
    try:
        dataset = opened(row["data"])[1]
    except (data.DataError, OSError):
        return {}
    return stand_ins_of(dataset.classes, [first_name(name) for name in dataset.class_names])
