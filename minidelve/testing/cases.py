"""Every op with inputs on which its gradient is checked: what `minidelve check-grad` runs.

A case is an op, what is particular about it, the function to differentiate, and its inputs. The
inputs are random but stay where the function has a derivative: a maximum gets `distinct` numbers
(a tie would be a kink), a logarithm gets positive ones, and dropout draws the same mask each time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minidelve import ops
from minidelve.tensor import Tensor

ROWS, CLASSES = np.array([2, 0, 0]), np.array([3, 0, 4, 3])  # an index that takes row 0 twice; targets


class GradientCase(NamedTuple):
    """A function to differentiate at its inputs."""

    op: str  # its name in minidelve.ops
    description: str
    f: Callable[..., Tensor]
    inputs: list[np.ndarray]


def distinct(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Evenly spaced numbers between -2 and 2 in random order: no two equal, none 0."""
    n = math.prod(shape)
    return 4 * (rng.permutation(n).reshape(shape) + 0.25 - n / 2) / max(n, 1)


def gradient_cases(seed: int = 0) -> list[GradientCase]:
    """The table: at least one case for every name in minidelve.ops, its inputs drawn from the seed."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape)

    def positive(*shape: int) -> np.ndarray:
        return rng.uniform(0.5, 2.0, shape)

    def spread(*shape: int) -> np.ndarray:
        return distinct(rng, *shape)

    def tied(x: np.ndarray) -> np.ndarray:  # of two that are equal each gets half: then differences see a derivative
        x[:, :2] = x.max(axis=1, keepdims=True)
        return x

    def fixed_mask(x: Tensor) -> Tensor:
        return ops.dropout(x, 0.5, training=True, rng=np.random.default_rng(0))

    table: list[tuple[str, str, Callable[..., Tensor], list[np.ndarray]]] = [
        # elementwise
        ("add", "bias to rows", ops.add, [normal(2, 3), normal(3)]),
        ("subtract", "column from matrix", ops.subtract, [normal(2, 3), normal(2, 1)]),
        ("multiply", "row by column", ops.multiply, [normal(1, 3), normal(2, 1)]),
        ("divide", "matrix by row", ops.divide, [normal(2, 3), positive(3)]),
        ("power", "x^3", lambda x: x**3, [normal(2, 3)]),
        ("power", "x^-0.5", lambda x: x**-0.5, [positive(2, 3)]),
        ("negate", "matrix", ops.negate, [normal(2, 3)]),
        ("exp", "matrix", ops.exp, [normal(2, 3)]),
        ("log", "positive x", ops.log, [positive(2, 3)]),
        ("sqrt", "positive x", ops.sqrt, [positive(2, 3)]),
        ("absolute", "both signs", ops.absolute, [spread(2, 3)]),
        ("maximum", "no ties, broadcast", ops.maximum, [spread(4, 3), spread(3) / 7]),
        ("minimum", "no ties, broadcast", ops.minimum, [spread(4, 3), spread(3) / 7]),
        # reductions
        ("sum", "over axes 0 and 2", lambda x: x.sum(axis=(0, 2)), [normal(2, 3, 4)]),
        ("mean", "over axis 1, kept", lambda x: x.mean(axis=1, keepdims=True), [normal(2, 3, 4)]),
        ("max", "over axis 1", lambda x: x.max(axis=1), [spread(2, 3, 4)]),
        ("min", "over all", lambda x: x.min(), [spread(2, 3)]),
        ("max", "two equal", lambda x: x.max(axis=1), [tied(spread(2, 3))]),
        ("maximum", "a tie", ops.maximum, [equal := spread(4), equal + np.array([0, 1, 0, -1])]),
        ("minimum", "a tie", ops.minimum, [equal, equal + np.array([0, 1, 0, -1])]),
        ("var", "over axis 0, ddof 1", lambda x: x.var(axis=0, ddof=1), [normal(4, 3)]),
        ("var", "over axis 0", lambda x: x.var(axis=0), [normal(4, 3)]),
        ("std", "over axis -1", lambda x: x.std(axis=-1), [normal(3, 4)]),
        # shaping
        ("reshape", "(2, 6) to (3, 4)", lambda x: x.reshape(3, 4), [normal(2, 6)]),
        ("reshape", "view, (2, 6) as (4, 3)", lambda x: x.view(4, -1), [normal(2, 6)]),
        ("transpose", "permute, axes 1, 2, 0", lambda x: x.permute(1, 2, 0), [normal(2, 3, 4)]),
        ("transpose", "axes 2, 0, 1", lambda x: x.transpose(2, 0, 1), [normal(2, 3, 4)]),
        ("getitem", "every second, backwards", lambda x: x[:, ::-2], [normal(2, 5)]),
        ("getitem", "a row taken twice", lambda x: x[ROWS], [normal(3, 2)]),
        ("flatten", "(2, 3, 2, 2)", ops.flatten, [normal(2, 3, 2, 2)]),
        ("concat", "three along axis 1", lambda *xs: ops.concat(xs, 1), [normal(2, 1), normal(2, 3), normal(2, 2)]),
        # products
        ("matmul", "stack by matrix", ops.matmul, [normal(2, 3, 4), normal(4, 2)]),
        ("matmul", "vector by matrix", ops.matmul, [normal(4), normal(4, 2)]),
        ("linear", "with bias", ops.linear, [normal(5, 4), normal(2, 4), normal(2)]),
        ("linear", "without bias", ops.linear, [normal(3, 4), normal(2, 4)]),
        ("conv2d", "3x3, bias", ops.conv2d, [normal(2, 3, 5, 4), normal(2, 3, 3, 3), normal(2)]),
        ("conv2d", "stride 2, padding 1", lambda x, w: ops.conv2d(x, w, stride=2, padding=1),
         [normal(2, 2, 5, 5), normal(3, 2, 2, 2)]),
        ("conv2d", "3x2, stride (1, 2), padding (0, 1)",
         lambda x, w, b: ops.conv2d(x, w, b, stride=(1, 2), padding=(0, 1)),
         [normal(1, 2, 4, 5), normal(2, 2, 3, 2), normal(2)]),
        ("conv2d", "and PReLU in place", lambda x, w, b, a: ops.conv2d(x, w, b, activation=a),
         [normal(2, 2, 4, 3), normal(3, 2, 2, 2), normal(3), positive(3)]),
        ("conv2d", "and LReLU in place", lambda x, w, b: ops.conv2d(x, w, b, activation=0.3),
         [normal(2, 2, 4, 3), normal(3, 2, 2, 2), normal(3)]),
        ("conv2d", "Winograd's, and PReLU in place", lambda x, w, b, a: ops.conv2d(x, w, b, 1, 1, "winograd", a),
         [normal(2, 2, 4, 3), normal(3, 2, 3, 3), normal(3), positive(3)]),
        # rectifiers
        ("prelu", "a slope per channel, maps", ops.prelu, [spread(2, 3, 3, 2), normal(3)]),
        ("prelu", "a slope per channel, rows", ops.prelu, [spread(4, 3), normal(3)]),
        ("prelu", "one shared slope, maps", ops.prelu, [spread(2, 3, 3, 2), normal(1)]),
        ("relu", "maps", ops.relu, [spread(2, 3, 3, 2)]),
        ("leaky_relu", "slope 0.01", ops.leaky_relu, [spread(2, 3, 3, 2)]),
        ("leaky_relu", "slope 0.3", lambda y: ops.leaky_relu(y, 0.3), [spread(3, 4)]),
        # pooling
        ("max_pool2d", "2x2", lambda x: ops.max_pool2d(x, 2), [spread(2, 2, 4, 6)]),
        ("max_pool2d", "3/2, padding 1, ceil", lambda x: ops.max_pool2d(x, 3, 2, 1, ceil_mode=True),
         [spread(1, 2, 6, 5)]),
        ("avg_pool2d", "2x2", lambda x: ops.avg_pool2d(x, 2), [normal(2, 2, 4, 6)]),
        ("avg_pool2d", "3/2, padding 1, ceil", lambda x: ops.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
         [normal(1, 2, 6, 5)]),
        ("spatial_pyramid_pool2d", "levels 3, 2, 1", lambda x: ops.spatial_pyramid_pool2d(x, (3, 2, 1)),
         [spread(2, 2, 5, 4)]),
        ("spatial_pyramid_pool2d", "a map smaller than the levels", lambda x: ops.spatial_pyramid_pool2d(x, (4, 3)),
         [spread(2, 2, 2, 3)]),
        # normalisation, regularisation, loss
        ("local_response_norm", "5 channels at a time", ops.local_response_norm, [normal(2, 7, 2, 2)]),
        ("local_response_norm", "4 at a time, strong", lambda x: ops.local_response_norm(x, 4, 0.9, 0.6, 2.0),
         [normal(2, 6, 2, 1)]),
        ("dropout", "p = 0.5, one fixed mask", fixed_mask, [normal(4, 5)]),
        ("softmax", "rows", ops.softmax, [normal(3, 4)]),
        ("log_softmax", "axis 1 of maps", ops.log_softmax, [normal(2, 3, 2, 2)]),
        ("cross_entropy", "4 rows, 5 classes", lambda z: ops.cross_entropy(z, CLASSES), [normal(4, 5)]),
    ]  # fmt: skip
    return [GradientCase(*row) for row in table]
