"""Every algorithm of conv2d, on every shape that it can compute."""

import numpy as np
import pytest

from minidelve import Tensor, conv2d
from minidelve.ops.conv import direct, im2col, winograd
from minidelve.ops.conv.winograd_tiles import SIDES
from minidelve.ops.geometry import as_pair
from minidelve.ops.pieces import pieces

MODULES = {"im2col": im2col, "direct": direct, "winograd": winograd}
NAMES = [*MODULES]

# x, weight, stride, padding
SHAPES = [
    ((2, 3, 5, 6), (4, 3, 3, 3), 1, 0),
    ((2, 3, 5, 6), (4, 3, 3, 2), 1, 1),
    ((2, 3, 6, 5), (4, 3, 2, 2), 1, 0),
    ((3, 2, 4, 7), (3, 2, 2, 3), 1, (1, 2)),
    ((1, 2, 4, 7), (3, 2, 2, 2), 1, 1),
    ((2, 2, 5, 4), (2, 2, 3, 3), 1, 1),
    ((1, 3, 6, 3), (2, 3, 3, 3), 1, 0),
    ((2, 1, 3, 1), (2, 1, 3, 3), 1, (0, 1)),
    ((1, 17, 5, 4), (18, 17, 3, 3), 1, (2, 1)),  # channels that fill no vector of the CPU's
    ((1, 2, 9, 7), (3, 2, 7, 7), 2, 3),
    ((2, 1, 7, 7), (2, 1, 3, 3), 2, 2),
    ((2, 1, 7, 5), (2, 1, 2, 3), (3, 2), (0, 2)),
    ((2, 3, 9, 8), (2, 3, 3, 2), (2, 3), (1, 0)),  # rows at the bottom and columns at the right that no window meets
    ((1, 1, 6, 6), (1, 1, 2, 2), 4, 0),  # rows between windows that none reads
    ((2, 2, 4, 4), (3, 2, 1, 1), (1, 3), 0),
    ((2, 2, 5, 4), (3, 2, 1, 1), (2, 2), 0),
    ((3, 1, 1, 1), (1, 1, 1, 1), 1, 0),
    ((2, 2, 3, 5), (2, 2, 3, 5), 1, 0),  # one output position
    ((1, 1, 2, 2), (1, 1, 2, 2), 1, 0),
    ((1, 2, 1, 2), (2, 2, 3, 4), 1, (2, 3)),  # more frame than map: windows that see zeros only
    ((1, 2, 2, 3), (2, 2, 2, 2), 1, (3, 2)),  # the same in tiles
]


def able(kernel, stride, padding):
    """(algorithm, m) for all that can compute a layer, by each side m of Winograd's tiles; None for the others."""
    kernel, stride, padding = as_pair("", "", kernel, 1), as_pair("", "", stride, 1), as_pair("", "", padding, 0)
    yield "im2col", None
    if padding[0] < kernel[0] and padding[1] < kernel[1]:
        yield "direct", None
    if stride == (1, 1) and kernel in ((2, 2), (3, 3)):
        yield from (("winograd", m) for m in {2: (3,), 3: (2, 4)}[kernel[0]])


GRID = [(name, m, *shape) for shape in SHAPES for name, m in able(shape[1][2:], *shape[2:])]


def by(name, m=None, stride=1, padding=0):
    """conv2d with an algorithm, Winograd's with tiles of m x m outputs."""

    def convolve(x, weight, bias=None, activation=None):
        with pytest.MonkeyPatch.context() as patch:
            if m:
                patch.setitem(SIDES, weight.shape[2], (m,))
            return conv2d(x, weight, bias, stride, padding, name, activation)

    return convolve


def normal(rng, *shapes, dtype=np.float64):
    """Random arrays of these shapes."""
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def leaves(*arrays):
    """Tensors that want a gradient."""
    return [Tensor(x, requires_grad=True) for x in arrays]


def images_at_a_time(monkeypatch, count):
    """Every algorithm cuts its shares into pieces of this number of images."""
    for module in MODULES.values():
        monkeypatch.setattr(module, "pieces", lambda share, *_: pieces(share, 1, count))
