"""A sheet of pictures: a row per class, its name on the left."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from minidelve import data

TILE, GAP, MARGIN = 64, 4, 190  # pixels
COLUMNS = 10
MOST_ROWS = 200


def contact_sheet(dataset: data.Dataset) -> tuple[bytes, int]:
    """(PNG file, number of rows): up to ten images of each class; one that cannot be read is left gray."""
    bad = data.BadImages(dataset, "skip")
    rows = min(len(dataset.classes), MOST_ROWS)
    sheet = Image.new("RGB", (MARGIN + COLUMNS * (TILE + GAP), rows * (TILE + GAP) + GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=13)
    for label in range(rows):
        top = GAP + label * (TILE + GAP)
        pen.text((8, top + TILE / 2), _fitting(dataset.class_names[label], pen, font), "black", font, anchor="lm")
        of_class = np.flatnonzero(dataset.labels == label)
        for column, i in enumerate(of_class[:COLUMNS].tolist()):
            sheet.paste(_tile(bad.read(i)), (MARGIN + column * (TILE + GAP), top))
    file = io.BytesIO()
    sheet.save(file, "png")
    return file.getvalue(), rows


def _tile(pixels: np.ndarray | data.Unreadable) -> Image.Image:
    """The image shrunk to fit a tile."""
    if isinstance(pixels, data.Unreadable):
        return Image.new("RGB", (TILE, TILE), "gray")
    image = Image.fromarray(pixels)
    image.thumbnail((TILE, TILE))
    return image


def _fitting(name: str, pen: ImageDraw.ImageDraw, font) -> str:
    """The first of a class's names, cut to the margin."""
    name = name.split(",")[0]
    while pen.textlength(name, font) > MARGIN - 16:
        name = name.rstrip("…")[:-1] + "…"
    return name
