"""The graph of a computation as SVG, drawn without another program: boxes in rows (layout.py), arrows between them.

x goes to the right and y down, in pixels. In a path of SVG, "M x y" puts the pen down, "V y" draws straight to that
height, and "C x1 y1 x2 y2 x y" draws a curve that leaves towards (x1, y1) and comes to (x, y) from (x2, y2).

Of the layout libraries on PyPI none fits: grandalf and igraph are under the GPL, the others need the program `dot`, a
browser or a compiler. A computation is nearly a chain, and for that the page in layout.py is enough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from minidelve.analysis.layout import ROW_GAP, Place, lay_out

MOST = 4000  # boxes and bends of arrows in a picture
LETTER, PADDING, LINE = 6.7, 18.0, 14.0  # a letter's width at most times, both margins, a line's height
OP_COLOUR, LEAF_COLOUR = "#e6eef8", "#fbf3dc"
STYLE = "font-family:sans-serif;font-size:11px;text-anchor:middle"


class Box(NamedTuple):
    """A node to be drawn: what it is, the shape and the dtype of its result, whether it is a leaf."""

    title: str
    shape: str
    dtype: str
    leaf: bool


def svg(boxes: Sequence[Box], sources: Sequence[Sequence[int]]) -> str:
    """The picture of a graph. `sources` has the numbers of each box's sources; they come before it.

    The usual dtype is left out of the boxes. Where there is too much to draw, the picture says so.
    """
    texts = texts_of(boxes)
    widths = [PADDING + LETTER * max(map(len, text)) for text in texts]
    try:
        rows = lay_out(widths, sources, MOST)
    except ValueError:
        text = f"a graph of {len(boxes):,} nodes is too large for a picture; print(graph(tensor)) writes it down"
        return page(LETTER * len(text), LINE, [f'<text x="{LETTER * len(text) / 2:.0f}" y="11">{text}</text>'])
    width, edges, height = shift_to_the_page(rows), *edges_of(rows, texts)
    lines, marks = [], []
    for place in (place for row in rows for place in row):
        top, bottom = edges[id(place)]
        if place.node is None:
            lines.append(f'<path d="M{place.x:.0f} {top:.0f}V{bottom:.0f}"/>')
        else:
            marks.append(box_svg(place, top, bottom - top, texts[place.node], boxes[place.node].leaf))
        lines += [curve(above, place, way_in, edges) for above, way_in in ways_in(place)]
    drawn = [f'<g fill="none" stroke="#777">{"".join(lines)}</g>', *marks]
    return page(width, height, drawn)


def texts_of(boxes: Sequence[Box]) -> list[list[str]]:
    """The lines of each box: title, shape, and the dtype if it is another one than most have."""
    usual = Counter(box.dtype for box in boxes).most_common(1)[0][0]
    return [[box.title, box.shape, *([box.dtype] if box.dtype != usual else [])] for box in boxes]


def shift_to_the_page(rows: Sequence[Sequence[Place]]) -> float:
    """Shift all places so that the leftmost edge is at x = 0; the width of the whole."""
    places = [place for row in rows for place in row]
    left = min(place.x - place.width / 2 for place in places)
    for place in places:
        place.x -= left
    return max(place.x + place.width / 2 for place in places)


def edges_of(
    rows: Sequence[Sequence[Place]], texts: Sequence[Sequence[str]]
) -> tuple[dict[int, tuple[float, float]], float]:
    """({id of a place: (its top, its bottom)}, the height of the whole).

    A row is as high as its highest box. A lower one stands in its middle, a waypoint passes all of it.
    """
    edges, top = {}, 0.0
    for row in rows:
        heights = [0.0 if place.node is None else LINE * len(texts[place.node]) + 6 for place in row]
        bottom = top + max(heights)
        for place, height in zip(row, heights, strict=True):
            inset = 0.0 if place.node is None else (max(heights) - height) / 2
            edges[id(place)] = top + inset, bottom - inset
        top = bottom + ROW_GAP
    return edges, top - ROW_GAP


def page(width: float, height: float, drawn: Sequence[str]) -> str:
    """The SVG around what is drawn, on white: a notebook may be dark."""
    margin = 6
    wide, high = width + 2 * margin, height + 2 * margin
    arrow = '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}" height="{high:.0f}" '
        f'viewBox="{-margin} {-margin} {wide:.0f} {high:.0f}" style="{STYLE}">'
        f'<defs>{arrow}<path d="M0 0L8 4L0 8z" fill="#777"/></marker></defs>'
        f'<rect x="{-margin}" y="{-margin}" width="100%" height="100%" fill="white"/>{"".join(drawn)}</svg>'
    )


def box_svg(place: Place, top: float, height: float, text: Sequence[str], leaf: bool) -> str:
    """A box, round for a leaf, and its lines of text, the first one bold."""
    form = (
        f'<rect x="{place.x - place.width / 2:.0f}" y="{top:.0f}" width="{place.width:.0f}" height="{height:.0f}" '
        f'rx="{height / 2 if leaf else 3:.0f}" fill="{LEAF_COLOUR if leaf else OP_COLOUR}" stroke="#555"/>'
    )
    lines = []
    for i, line in enumerate(text):
        weight = ' font-weight="bold"' if i == 0 else ""
        lines.append(f'<text x="{place.x:.0f}" y="{top + LINE * (i + 1) - 1:.0f}"{weight}>{escape(line)}</text>')
    return form + "".join(lines)


def ways_in(place: Place) -> list[tuple[Place, float]]:
    """(where an arrow comes from, the x at which it arrives) for each that arrives at a place.

    They arrive side by side, in the order of their starts, so that none cross.
    """
    above = sorted(place.above, key=lambda other: other.x)
    step = min(12.0, place.width / (len(above) + 1))
    return [(other, place.x + step * (i - (len(above) - 1) / 2)) for i, other in enumerate(above)]


def curve(above: Place, place: Place, x: float, edges: dict[int, tuple[float, float]]) -> str:
    """A line down from the bottom of one place to the top of another, with a tip if that is a box."""
    start, end = edges[id(above)][1], edges[id(place)][0]
    middle = (start + end) / 2
    tip = ' marker-end="url(#tip)"' if place.node is not None else ""
    return (
        f'<path d="M{above.x:.0f} {start:.0f}C{above.x:.0f} {middle:.0f} {x:.0f} {middle:.0f} {x:.0f} {end:.0f}"{tip}/>'
    )
