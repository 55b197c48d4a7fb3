"""How large the tiles of Winograd's algorithm are.

A tile of m x m outputs takes (m + k - 1)^2 multiplications for each pair of channels, instead of (m k)^2. Large tiles
save more of them, but waste more at the edge of a map that they do not fit, and have more matrices of U to read.
"""

from __future__ import annotations

from minidelve.ops.geometry import Shape

SIDES = {2: (3,), 3: (2, 4)}  # kernel: the m to choose from
# What a tile costs, fitted to the layers of small14 and model_a.
IMAGES = 4  # the batch a core is assumed to have: fixed, so that an image's result does not depend on its batch
READING_U = 24  # reading and writing one matrix of U and dU takes as long as multiplying for this number of tiles
MANY_PLACES = 1.15  # what more than 16 places in a tile cost: as many streams to memory at once


def tile_size(size: Shape, k: int) -> int:
    """The m for a map of this size that is expected to take the least time.

    >>> tile_size((56, 56), 3), tile_size((14, 14), 3)
    (4, 2)
    """

    def time(m: int) -> float:
        square = (m + k - 1) ** 2
        return square * (IMAGES * tiles(size, m) + READING_U) * (MANY_PLACES if square > 16 else 1)

    return min(SIDES[k], key=time)


def tiles(size: Shape, m: int) -> int:
    """How many m x m tiles cover a map."""
    return -(-size[0] // m) * -(-size[1] // m)


def places(size: Shape, k: int) -> int:
    """The places of all tiles of a map: multiplications for each pair of channels."""
    m = tile_size(size, k)
    return tiles(size, m) * (m + k - 1) ** 2
