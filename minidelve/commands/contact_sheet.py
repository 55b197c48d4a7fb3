"""A sheet of pictures: a row per class, its name on the left."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from minidelve import data
from minidelve.evaluation.predict import first_name

TILE, GAP, MARGIN = 64, 4, 190  # pixels
COLUMNS = 10
SIZE = 13  # of letters, in pixels
MOST_ROWS = 200


def contact_sheet(dataset: data.Dataset) -> tuple[bytes, int]:
    """(PNG file, number of rows): up to ten images of each class; one that cannot be read is left gray."""
    bad = data.BadImages(dataset, "skip")
    rows = min(len(dataset.classes), MOST_ROWS)
    sheet = Image.new("RGB", (MARGIN + COLUMNS * (TILE + GAP), rows * (TILE + GAP) + GAP), "white")
    pen, font = ImageDraw.Draw(sheet), _font()
    for label in range(rows):
        top = GAP + label * (TILE + GAP)
        names = first_name(dataset.class_names[label]), dataset.classes[label], f"class {label}"
        pen.text((8, top + TILE / 2), _fitting(names, pen, font), "black", font, anchor="lm")
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


def _font() -> ImageFont.FreeTypeFont:
    """Matplotlib's, which knows more letters than Pillow's."""
    spec = find_spec("matplotlib")
    path = Path(spec.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf" if spec and spec.origin else None
    if path and path.is_file():
        return ImageFont.truetype(path, SIZE)
    font = ImageFont.load_default(SIZE)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _fitting(names: Sequence[str], pen: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont) -> str:
    """The first of a class's names that the font can show, cut to the margin."""
    nothing = bytes(font.getmask("\uffff"))  # what stands where a letter is missing
    shown = {c: c == " " or c.isprintable() and bytes(font.getmask(c)) != nothing for c in set("".join(names))}
    name = next(name for name in names if name.strip() and all(shown[c] for c in name))
    while pen.textlength(name, font) > MARGIN - 16:
        name = name.rstrip("…")[:-1] + "…"
    return name
