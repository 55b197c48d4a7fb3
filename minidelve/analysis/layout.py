"""Where the boxes of a graph go: in rows, every arrow pointing down, as in Sugiyama, Tagawa and Toda (1981).

    1. Rows. A node stands one row below the lowest of its sources; a leaf just above the first that needs it.
    2. Waypoints. An arrow that passes rows gets a point in each of them, so that it leads around the boxes there. All
       arrows of one node share these points: they leave it as one line.
    3. Places. Row by row, everything moves towards the mean of what it is joined to, is sorted by where it wants to
       be, and is placed there as well as the boxes' widths allow. A few sweeps down and up settle it.

The places of a row are its least-squares fit: with w the weights, d the wishes and s the distances that neighbours
must keep,

    minimise  sum_i w_i (x_i - d_i)^2     such that  x_{i+1} - x_i >= s_i,

which "pool adjacent violators" solves exactly: whoever gets in each other's way moves on as one block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

GAP, ROW_GAP = 14.0, 26.0  # between boxes of a row, and between rows
SWEEPS = 12
LEAF, OP, WAYPOINT = 0.02, 1.0, 2.0  # how much a place weighs: lines are to be straight, leaves yield


@dataclass
class Place:
    """A box, or a waypoint (node None), in a row; x is its middle."""

    node: int | None
    width: float
    weight: float
    x: float = 0.0
    above: list[Place] = field(default_factory=list)
    below: list[Place] = field(default_factory=list)

    def wish(self) -> float:
        """The mean place of what it is joined to, by weight; its own where it is joined to nothing."""
        joined = [*self.above, *self.below]
        total = sum(other.weight for other in joined)
        return sum(other.weight * other.x for other in joined) / total if joined else self.x


def lay_out(widths: Sequence[float], sources: Sequence[Sequence[int]], most: int) -> list[list[Place]]:
    """The rows of a graph from top to bottom, each from left to right, with every x settled.

    widths    of the boxes, sources before what they lead to
    sources   the numbers of each node's sources, one as often as there are arrows
    most      boxes and waypoints

    Raises ValueError if there would be more.
    """
    lines, rows = lines_of(widths, sources, most), rows_of(sources)
    table: list[list[Place]] = [[] for _ in range(max(rows) + 1)]
    for i in sorted(range(len(lines)), key=lambda i: not sources[i]):  # leaves come last, to either side of the others
        for place, row in zip(lines[i], table[rows[i] :]):
            to_the_left = not sources[i] and len(row) % 2 == 0
            row.insert(0 if to_the_left else len(row), place)
    for row in table:
        settle(row)
    for sweep in range(SWEEPS):
        for row in table if sweep % 2 == 0 else reversed(table):
            for place, wish in zip(row, [place.wish() for place in row], strict=True):
                place.x = wish
            row.sort(key=lambda place: place.x)
            settle(row)
    return table


def lines_of(widths: Sequence[float], sources: Sequence[Sequence[int]], most: int) -> list[list[Place]]:
    """Of each node its box, and below it the waypoints of its arrows, one a row, joined to each other and to the boxes.

    Raises ValueError for more than `most` of them.
    """
    rows = rows_of(sources)
    last = list(rows)  # the lowest row that a node's arrows reach
    for node, own in enumerate(sources):
        for source in own:
            last[source] = max(last[source], rows[node])
    passed = [max(0, low - row - 1) for low, row in zip(last, rows, strict=True)]
    if len(rows) + sum(passed) > most:
        raise ValueError(f"more than {most} boxes and waypoints")
    lines = []
    for i, width in enumerate(widths):
        line = [Place(i, width, OP if sources[i] else LEAF)] + [Place(None, 0.0, WAYPOINT) for _ in range(passed[i])]
        for above, below in zip(line, line[1:]):
            join(above, below)
        lines.append(line)
    for node, own in enumerate(sources):
        for source in own:
            join(lines[source][rows[node] - rows[source] - 1], lines[node][0])
    return lines


def rows_of(sources: Sequence[Sequence[int]]) -> list[int]:
    """The row of each node, from 0.

    >>> rows_of([[], [0], [], [1, 2]])
    [0, 1, 1, 2]
    """
    rows: list[int] = []
    for own in sources:
        rows.append(1 + max((rows[source] for source in own), default=-1))
    first_use: dict[int, int] = {}
    for node, own in enumerate(sources):
        for source in own:
            first_use[source] = min(first_use.get(source, rows[node]), rows[node])
    return [row if own or i not in first_use else first_use[i] - 1 for i, (row, own) in enumerate(zip(rows, sources))]


def join(above: Place, below: Place) -> None:
    """Draw an edge between two places."""
    above.below.append(below)
    below.above.append(above)


def settle(row: list[Place]) -> None:
    """Move the places of a row as little as possible, each from its x, until none overlap; their order stays.

    >>> row = [Place(0, 10, 1.0, x=0.0), Place(1, 10, 1.0, x=4.0)]
    >>> settle(row)
    >>> [place.x for place in row]
    [-10.0, 14.0]
    """
    offsets = [0.0]
    for left, right in zip(row, row[1:]):
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + GAP)
    blocks: list[tuple[float, float, int]] = []  # (mean of x - offset, weight, places), in rising order
    for place, offset in zip(row, offsets):
        mean, weight, count = place.x - offset, place.weight, 1
        while blocks and blocks[-1][0] > mean:
            other, its_weight, its_count = blocks.pop()
            mean = (mean * weight + other * its_weight) / (weight + its_weight)
            weight, count = weight + its_weight, count + its_count
        blocks.append((mean, weight, count))
    starts = [mean for mean, _, count in blocks for _ in range(count)]
    for place, start, offset in zip(row, starts, offsets):
        place.x = start + offset
