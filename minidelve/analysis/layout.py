r"""Where the boxes of a graph go: in rows, every arrow pointing down.

A layered drawing, after Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System
Structures", IEEE Transactions on Systems, Man, and Cybernetics 11 (2), 1981:

    1. Rows. A node stands one row below the lowest of its sources; a leaf just above the first that needs it.
    2. Waypoints. An arrow that passes rows gets a point in each of them, so that it leads around the boxes there. All
       arrows of one node share these points: they leave it as one line.
    3. Places. Row by row, everything wishes to be at the mean of what it is joined to. The row is sorted by these
       wishes, which takes most crossings out, and each is placed there as well as the boxes' widths allow. A few sweeps
       down and up settle it.

The graph of (x + y) * x: x passes the row of +, and * pulls + and the waypoint together.

    row 0     y     x            boxes 1 and 0, two leaves
               \  / |
    row 1      (+)  |            box 2, and the waypoint of x
                 \  /
    row 2        (*)             box 3

The places of a row are a least-squares fit. With w the weights, d the wishes and s the distances that neighbours must
keep, half of both widths and a gap,

    minimise  sum_i w_i (x_i - d_i)^2     such that  x_{i+1} - x_i >= s_i                    (1r)

Let o_i = s_0 + ... + s_{i-1} be where place i stands if all are as close as they may be, and z_i = x_i - o_i how far it
stands from there. Then (1r) is

    minimise  sum_i w_i (z_i - (d_i - o_i))^2     such that  z_0 <= z_1 <= z_2 <= ...        (2r)

If the d_i - o_i rise, they are the answer. Where one is below that before it, the two are in each other's way: both
get one z, as a block. For a block the sum in (2r) is least at

    z = the mean of its d_i - o_i by weight,                                                 (3r)

and two neighbouring blocks out of order become one. When all are in order, (2r) is solved: "pool adjacent violators"
(Ayer, Brunk, Ewing, Reid and Silverman, Annals of Mathematical Statistics 26, 1955).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

GAP, ROW_GAP = 14.0, 26.0  # between boxes of a row, and between rows
SWEEPS = 12
LEAF_WEIGHT, OP_WEIGHT, WAYPOINT_WEIGHT = 0.02, 1.0, 2.0  # lines are to be straight, leaves yield


@dataclass
class Place:
    """A box, or a waypoint (node None), in a row.

    node     the number of the box
    x        its middle
    above    what it is joined to in the row above, one as often as there are arrows; below likewise
    """

    node: int | None
    width: float
    weight: float
    x: float = 0.0
    above: list[Place] = field(default_factory=list)
    below: list[Place] = field(default_factory=list)

    def wish(self) -> float:
        """d of (1r): the mean place of what it is joined to, by weight; its own where it is joined to nothing."""
        joined = [*self.above, *self.below]
        total = sum(other.weight for other in joined)
        return sum(other.weight * other.x for other in joined) / total if joined else self.x


def lay_out(widths: Sequence[float], sources: Sequence[Sequence[int]], most: int) -> list[list[Place]]:
    """The rows of a graph from top to bottom, each from left to right, with every x settled.

    widths    of the boxes, sources before what they lead to
    sources   the numbers of each node's sources, one as often as there are arrows
    most      boxes and waypoints

    Raises ValueError if there would be more.

    >>> x_plus_y_times_x = [[], [], [0, 1], [2, 0]]
    >>> [[place.node for place in row] for row in lay_out([30.0] * 4, x_plus_y_times_x, 100)]
    [[1, 0], [2, None], [3]]
    """
    table = first_order(widths, sources, most)
    for row in table:
        settle(row)
    for sweep in range(SWEEPS):
        for row in table if sweep % 2 == 0 else reversed(table):
            for place, wish in zip(row, [place.wish() for place in row], strict=True):
                place.x = wish
            row.sort(key=lambda place: place.x)
            settle(row)
    return table


def first_order(widths: Sequence[float], sources: Sequence[Sequence[int]], most: int) -> list[list[Place]]:
    """The rows before anything has moved: ops and waypoints in the order of the nodes, leaves to either side of them.

    Raises ValueError as lay_out does.
    """
    lines, rows = lines_of(widths, sources, most), rows_of(sources)
    table: list[list[Place]] = [[] for _ in range(max(rows) + 1)]
    for i in sorted(range(len(lines)), key=lambda i: not sources[i]):  # those without sources last
        for place, row in zip(lines[i], table[rows[i] :]):
            to_the_left = not sources[i] and len(row) % 2 == 0
            row.insert(0 if to_the_left else len(row), place)
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
        line = [Place(i, width, OP_WEIGHT if sources[i] else LEAF_WEIGHT)]
        line += [Place(None, 0.0, WAYPOINT_WEIGHT) for _ in range(passed[i])]
        for above, below in zip(line, line[1:]):
            join(above, below)
        lines.append(line)
    for node, own in enumerate(sources):
        for source in own:
            just_above = rows[node] - rows[source] - 1  # where source's line is in the row above the node's
            join(lines[source][just_above], lines[node][0])
    return lines


def rows_of(sources: Sequence[Sequence[int]]) -> list[int]:
    """The row of each node, from 0. Node 2 of the example is a leaf, which stands above node 3.

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
    """Move the places of a row as little as possible, each from its x, until none overlap; their order stays: (1r).

    Two boxes of width 10 wish for 0 and 4. As their gap is 14, their middles must be 24 apart, o is 0
    and 24, and d - o falls from 0 to -20. So they are a block with z = -10 (3r).

    >>> row = [Place(0, 10, 1.0, x=0.0), Place(1, 10, 1.0, x=4.0)]
    >>> settle(row)
    >>> [place.x for place in row]
    [-10.0, 14.0]
    """
    offsets = [0.0]  # o
    for left, right in zip(row, row[1:]):
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + GAP)
    blocks: list[tuple[float, float, int]] = []  # (z, weight, how many places), with z rising
    for place, offset in zip(row, offsets):
        z, weight, count = place.x - offset, place.weight, 1
        while blocks and blocks[-1][0] > z:
            other, its_weight, its_count = blocks.pop()
            z = (z * weight + other * its_weight) / (weight + its_weight)  # (3r)
            weight, count = weight + its_weight, count + its_count
        blocks.append((z, weight, count))
    of_places = [z for z, _, count in blocks for _ in range(count)]
    for place, z, offset in zip(row, of_places, offsets):
        place.x = z + offset
