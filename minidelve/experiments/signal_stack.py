"""The networks of `signal`: stacks of conv layers in which the assumptions of equations (9) and (13) hold exactly.

Section 2.2 of the paper predicts the variance of responses (9) and of gradients (13) as products of one factor a
layer; minidelve/nn/init.py derives them. With E = (1 + a^2) / 2 for a rectifier of slope a, layer l has

    forward     Var[y_l]    = E n_l    Var[w_l] Var[y_{l-1}]                (9)
    backward    Var[dy_l-1] = E nhat_l Var[w_l] Var[dy_l]                   (13)

Here dy_l = dE/dy_l is what arrives at the response; the paper writes (13) for dx_{l+1}, which is dy_l before f', and
the factors are the same. Var stands for the mean square: over the draw of the weights, responses have mean 0.

Where do the assumptions hold exactly? Every response must be a sum of n = k^2 c terms and every gradient one of
nhat = k^2 d. At the border of a padded map some terms are zeros. So our conv layers have no border: the map is a
torus, its right edge joined to its left and its bottom to its top. There is no pooling and no fully connected layer.
Channels grow with depth in three stages, so that n and nhat differ and the forward condition is not the backward one.
The gradient at the last response is random noise, independent of everything below, as (13) assumes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from minidelve import Tensor, concat, data, nn
from minidelve.nn import init

KERNEL = 2  # as in the paper's 14- and 30-layer networks
PATCH = 4  # pixels of an image: the side of all maps
IMAGES = 4
PRELU = 0.25


class Start(NamedTuple):
    """A way to start: how weights are filled, the slope of the rectifiers, Var[w] for fans n and nhat."""

    fill: Callable[..., Tensor]
    slope: float
    variance: Callable[[float, float], float]


STARTS = {
    "he forward": Start(init.he_normal_, 0.0, lambda n, nhat: 2 / n),
    "he backward": Start(partial(init.he_normal_, mode="fan_out"), 0.0, lambda n, nhat: 2 / nhat),
    "he (1+a²)": Start(partial(init.he_normal_, a=PRELU), PRELU, lambda n, nhat: 2 / ((1 + PRELU**2) * n)),
    "xavier": Start(partial(init.xavier_normal_, mode="fan_in"), 0.0, lambda n, nhat: 1 / n),
    "gaussian 0.01": Start(partial(init.normal_, std=0.01), 0.0, lambda n, nhat: 1e-4),
}


class TorusConv2d(nn.Conv2d):
    """A conv layer on a map without borders: what leaves on the right comes back on the left."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, c, H, W) -> (N, d, H, W)."""
        more = self.weight.shape[2] - 1
        for axis, begin in ((2, np.s_[:, :, :more]), (3, np.s_[:, :, :, :more])):
            x = concat([x, x.__getitem__(begin)], axis=axis)
        return super().forward(x)


def channels(depth: int, widths: Sequence[int]) -> list[int]:
    """Of the layers 1 to depth: an equal share of them for each width.

    >>> channels(5, (8, 12, 16))
    [8, 8, 12, 12, 16]
    """
    return [widths[l * len(widths) // depth] for l in range(depth)]


def stack(depth: int, widths: Sequence[int], start: Start, rng: np.random.Generator) -> nn.Sequential:
    """Conv layer, rectifier, conv layer, ...; ends with a conv layer's response."""
    layers: list[nn.Module] = []
    c = 3
    for d in channels(depth, widths):
        conv = TorusConv2d(c, d, KERNEL, bias=False, rng=rng, init=start.fill)
        conv.weight.requires_grad = False  # we look at what passes through; its own gradient would only cost time
        layers += [conv, nn.PReLU(init=start.slope) if start.slope else nn.ReLU()]
        c = d
    return nn.Sequential(*layers[:-1])


def patches(path: str, rng: np.random.Generator) -> np.ndarray:
    """(IMAGES, 3, PATCH, PATCH) random pieces of training images, brought to mean 0 and mean square 1."""
    images = training_set(path)
    pieces = []
    for i in rng.integers(len(images), size=IMAGES):
        image = images.image(int(i))
        top, left = (int(rng.integers(max(1, side - PATCH + 1))) for side in image.shape[:2])
        piece = image[top : top + PATCH, left : left + PATCH]
        pieces.append(np.resize(piece, (PATCH, PATCH, 3)).transpose(2, 0, 1).astype(np.float32))
    x = np.stack(pieces)
    x += rng.standard_normal(x.shape).astype(np.float32)  # a piece of one colour still has a variance
    x -= x.mean()
    return x / np.sqrt((x**2).mean())


@cache
def training_set(path: str) -> data.Dataset:
    """The images, opened once."""
    return data.open_dataset(path, "train")


def predicted(start: str, d: Sequence[int], which: str) -> np.ndarray:
    """The products of (9) from layer 1 up, or of (13) from the last layer down, for layers of d[l] channels.

    >>> predicted("xavier", [8, 8, 8], "response").tolist()
    [1.0, 0.5, 0.25]
    >>> predicted("he backward", [8, 16, 16], "response").tolist()
    [1.0, 0.5, 0.5]
    """
    half = (1 + STARTS[start].slope ** 2) / 2
    fans = [(KERNEL**2 * c, KERNEL**2 * out) for c, out in zip(d, d[1:])]  # of layers 2 .. L
    variances = [STARTS[start].variance(*fan) for fan in fans]
    if which == "response":
        return np.cumprod([1.0] + [half * n * var for (n, _), var in zip(fans, variances)])  # (9)
    factors = [half * nhat * var for (_, nhat), var in zip(fans, variances)]  # (13)
    return np.cumprod([1.0, *factors[::-1]])[::-1]
