"""How large the maps of a network become for an image of any size, and how much memory they take.

Both follow from the layers' geometry alone; nothing is computed. While a layer runs, its input and its
output are there (and for max pooling the taps, an int16 per output), beside the image at the entrance,
and a convolution has its cols (ops/conv/im2col.py), k^2 c numbers for each output position, or the tiles V and M of
ops/conv/winograd.py: for one image per core, or for as many as fill a piece. Each core also has Winograd's U. In
bytes, n images on T cores take at most

    n each + min(n room, T max(room, piece)) + T U

    each = image + max over layers of (input + output + taps)
    room = max over layers of 4 k^2 c OH OW, or 4 places (c + d)

(An upper bound: the first layer's input is the image, counted twice.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from minidelve import nn
from minidelve.analysis.summary import Shape, output_shape
from minidelve.backend.threads import thread_count
from minidelve.ops.conv import winograd
from minidelve.ops.conv.choice import choose
from minidelve.ops.conv.im2col import COLS_BYTES
from minidelve.ops.conv.scaffold import Layer
from minidelve.ops.conv.winograd_tiles import places, tile_size

FLOAT = 4  # bytes


def map_shapes(layers: Sequence[nn.Module], shape: Shape) -> Iterator[tuple[nn.Module, Shape, Shape]]:
    """(layer, shape before, shape after) from an image's shape on; ValueError for an image that is too small."""
    for layer in layers:
        before, shape = shape, output_shape(layer, shape)
        yield layer, before, shape


def last_map(layers: Sequence[nn.Module], height: int, width: int) -> Shape:
    """The shape of the last conv map of an image."""
    image = (3, height, width)
    return [image, *(after for _, _, after in map_shapes(layers, image))][-1]


@dataclass(frozen=True)
class ConvNeed:
    """The memory of the conv layers in bytes: `each` for every image, `room` for one image's cols or tiles, `U`."""

    each: int
    room: int
    U: int = 0

    @property
    def least(self) -> int:
        """What a single image takes."""
        return self.each + self.room + self.U

    def images_within(self, budget: int) -> int:
        """How many images fit into the budget at a time; 0 if not even one does."""
        if self.least > budget:
            return 0
        rest = budget - thread_count() * self.U
        pieces = thread_count() * max(self.room, COLS_BYTES, winograd.TILE_BYTES, self.U)
        return max(1, rest // (self.each + self.room), (rest - pieces) // self.each)


def conv_need(layers: Sequence[nn.Module], height: int, width: int) -> ConvNeed:
    """What the conv layers need for images of this size."""
    image = (3, height, width)
    most = room = U = 0
    for layer, before, after in map_shapes(layers, image):
        extra = 2 * numbers(after) if isinstance(layer, nn.MaxPool2d) else 0
        extra += FLOAT * numbers(after) if isinstance(layer, nn.LocalResponseNorm) else 0  # its sums
        most = max(most, FLOAT * (numbers(before) + numbers(after)) + extra)
        if isinstance(layer, nn.Conv2d):
            shape, size = layer.weight.shape, after[1:]
            if choose(Layer(shape, layer.stride, layer.padding, size)) == "winograd":
                room = max(room, FLOAT * places(size, shape[2]) * (shape[0] + shape[1]))
                U = max(U, FLOAT * (tile_size(size, shape[2]) + shape[2] - 1) ** 2 * shape[0] * shape[1])
            else:
                room = max(room, FLOAT * layer.weight.size // after[0] * after[1] * after[2])
    return ConvNeed(FLOAT * numbers(image) + most, room, U)


def fc_bytes(head: Sequence[nn.Module], width: int) -> int:
    """The memory that one vector of `width` takes through the fully connected layers, itself included."""
    units = [width, *(len(layer.weight) for layer in head if isinstance(layer, nn.Linear))]
    # Output of the product, that with the bias, and of the activation; the probabilities are float64.
    return FLOAT * (width + 3 * max(units[1:], default=0)) + 8 * 3 * units[-1]


def numbers(shape: Shape) -> int:
    """How many numbers a map holds."""
    return math.prod(shape)
