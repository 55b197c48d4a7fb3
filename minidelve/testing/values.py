"""What every gradient case should compute, as plainly as NumPy can say it: gradients alone do not tell a wrong value.

Whoever turns exp(x) into 2 exp(x), with backward reading the result, has a right gradient of a wrong function. So each
case's value is compared with a formula that shares no line with the op.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minidelve.testing.cases import CLASSES


def framed(x: np.ndarray, padding: tuple[int, int], fill: float, over: int = 0) -> np.ndarray:
    """x (N, C, H, W) with a frame, and `over` more pixels at the bottom and at the right."""
    (ph, pw), frame = padding, [(0, 0), (0, 0)]
    return np.pad(x, [*frame, (ph, ph + over), (pw, pw + over)], constant_values=fill)


def correlation(x, w, b=0.0, stride=(1, 1), padding=(0, 0)) -> np.ndarray:
    """conv2d, window by window: (5)."""
    x, (kh, kw), (sh, sw) = framed(x, padding, 0), w.shape[2:], stride
    size = (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1
    y = np.empty((len(x), len(w), *size))
    for i, j in np.ndindex(size):
        window = x[:, None, :, i * sh : i * sh + kh, j * sw : j * sw + kw]
        y[:, :, i, j] = (window * w).sum(axis=(2, 3, 4)) + b
    return y


def pooled(x, k, s, p, reduce, fill) -> np.ndarray:
    """reduce(window, counted) of the k x k windows of x (N, C, H, W) at stride s; `counted`: pixels of map and frame.

    The frame of p pixels is `fill`, and so is what the last windows see where they hang over it (ceil_mode).
    """
    size = [-(-(length + 2 * p - k) // s) + 1 for length in x.shape[2:]]
    y, wide = np.empty((*x.shape[:2], *size)), framed(x, (p, p), fill, over=k)
    inside = framed(np.ones(x.shape[2:])[None, None], (p, p), 1)
    for i, j in np.ndindex(*size):
        counted = inside[..., i * s : i * s + k, j * s : j * s + k].size
        y[:, :, i, j] = reduce(wide[:, :, i * s : i * s + k, j * s : j * s + k], counted)
    return y


def largest(window, counted):
    """Of max_pool2d."""
    return window.max(axis=(2, 3))


def average(window, counted):
    """Of avg_pool2d: the frame counts, what hangs over the edge does not."""
    return window.sum(axis=(2, 3)) / counted


def pyramid(x, levels) -> np.ndarray:
    """spatial_pyramid_pool2d, bin by bin."""
    parts = []
    for n in levels:
        edges = [[(i * L // n, -(-(i + 1) * L // n)) for i in range(n)] for L in x.shape[2:]]
        level = [[x[:, :, a:b, c:d].max(axis=(2, 3)) for c, d in edges[1]] for a, b in edges[0]]
        parts.append(np.moveaxis(np.array(level), (0, 1), (2, 3)).reshape(len(x), -1))
    return np.concatenate(parts, axis=1)


def rectified(y, a) -> np.ndarray:
    """PReLU (1), a number or a slope for each channel of axis 1."""
    a = np.asarray(a).reshape(-1, *[1] * (y.ndim - 2)) if np.ndim(a) else a
    return np.maximum(y, 0) + a * np.minimum(y, 0)


def normalised(x, size=5, alpha=1e-4, beta=0.75, k=1.0) -> np.ndarray:
    """Local response normalisation, channel by channel."""
    energy = [(x[:, max(0, c - size // 2) : c + (size - 1) // 2 + 1] ** 2).sum(axis=1) for c in range(x.shape[1])]
    return x / (k + alpha / size * np.stack(energy, axis=1)) ** beta


def dropped(x) -> np.ndarray:
    """Dropout at p = 0.5 with the mask of the case."""
    return 2 * x * (np.random.default_rng(0).random(x.shape, dtype=np.float32) >= 0.5)


def probabilities(z) -> np.ndarray:
    """Softmax along axis 1."""
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


# fmt: off
VALUES: dict[tuple[str, str], Callable[..., Any]] = {
    ("add", "bias to rows"): np.add, ("subtract", "column from matrix"): np.subtract,
    ("multiply", "row by column"): np.multiply, ("divide", "matrix by row"): np.divide,
    ("power", "x^3"): lambda x: x * x * x, ("power", "x^-0.5"): lambda x: 1 / np.sqrt(x),
    ("negate", "matrix"): np.negative, ("exp", "matrix"): np.exp, ("log", "positive x"): np.log,
    ("sqrt", "positive x"): np.sqrt, ("absolute", "both signs"): np.abs,
    ("maximum", "no ties, broadcast"): np.maximum, ("minimum", "no ties, broadcast"): np.minimum,
    ("sum", "over axes 0 and 2"): lambda x: x.sum(axis=(0, 2)),
    ("mean", "over axis 1, kept"): lambda x: x.mean(axis=1, keepdims=True),
    ("max", "over axis 1"): lambda x: x.max(axis=1), ("min", "over all"): lambda x: x.min(),
    ("max", "two equal"): lambda x: x.max(axis=1), ("maximum", "a tie"): np.maximum, ("minimum", "a tie"): np.minimum,
    ("var", "over axis 0, ddof 1"): lambda x: x.var(axis=0, ddof=1),
    ("var", "over axis 0"): lambda x: x.var(axis=0), ("std", "over axis -1"): lambda x: x.std(axis=-1),
    ("reshape", "(2, 6) to (3, 4)"): lambda x: x.reshape(3, 4),
    ("reshape", "view, (2, 6) as (4, 3)"): lambda x: x.reshape(4, 3),
    ("transpose", "permute, axes 1, 2, 0"): lambda x: np.moveaxis(x, 0, 2),
    ("transpose", "axes 2, 0, 1"): lambda x: np.moveaxis(x, 2, 0),
    ("getitem", "every second, backwards"): lambda x: np.stack([x[:, 4], x[:, 2], x[:, 0]], axis=1),
    ("getitem", "a row taken twice"): lambda x: np.stack([x[2], x[0], x[0]]),
    ("flatten", "(2, 3, 2, 2)"): lambda x: x.reshape(2, 12),
    ("concat", "three along axis 1"): lambda *xs: np.hstack(xs),
    ("matmul", "stack by matrix"): lambda x, y: np.einsum("sij,jk->sik", x, y),
    ("matmul", "vector by matrix"): lambda x, y: np.einsum("i,ij->j", x, y),
    ("linear", "with bias"): lambda x, w, b: np.einsum("ni,oi->no", x, w) + b,
    ("linear", "without bias"): lambda x, w: np.einsum("ni,oi->no", x, w),
    ("conv2d", "3x3, bias"): lambda x, w, b: correlation(x, w, b),
    ("conv2d", "stride 2, padding 1"): lambda x, w: correlation(x, w, stride=(2, 2), padding=(1, 1)),
    ("conv2d", "3x2, stride (1, 2), padding (0, 1)"):
        lambda x, w, b: correlation(x, w, b, stride=(1, 2), padding=(0, 1)),
    ("conv2d", "and PReLU in place"): lambda x, w, b, a: rectified(correlation(x, w, b), a),
    ("conv2d", "and LReLU in place"): lambda x, w, b: rectified(correlation(x, w, b), 0.3),
    ("conv2d", "Winograd's, and PReLU in place"):
        lambda x, w, b, a: rectified(correlation(x, w, b, padding=(1, 1)), a),
    ("prelu", "a slope per channel, maps"): rectified, ("prelu", "a slope per channel, rows"): rectified,
    ("prelu", "one shared slope, maps"): rectified, ("relu", "maps"): lambda y: rectified(y, 0.0),
    ("leaky_relu", "slope 0.01"): lambda y: rectified(y, 0.01),
    ("leaky_relu", "slope 0.3"): lambda y: rectified(y, 0.3),
    ("max_pool2d", "2x2"): lambda x: pooled(x, 2, 2, 0, largest, -np.inf),
    ("max_pool2d", "3/2, padding 1, ceil"): lambda x: pooled(x, 3, 2, 1, largest, -np.inf),
    ("avg_pool2d", "2x2"): lambda x: pooled(x, 2, 2, 0, average, 0),
    ("avg_pool2d", "3/2, padding 1, ceil"): lambda x: pooled(x, 3, 2, 1, average, 0),
    ("spatial_pyramid_pool2d", "levels 3, 2, 1"): lambda x: pyramid(x, (3, 2, 1)),
    ("spatial_pyramid_pool2d", "a map smaller than the levels"): lambda x: pyramid(x, (4, 3)),
    ("local_response_norm", "5 channels at a time"): normalised,
    ("local_response_norm", "4 at a time, strong"): lambda x: normalised(x, 4, 0.9, 0.6, 2.0),
    ("dropout", "p = 0.5, one fixed mask"): dropped, ("softmax", "rows"): probabilities,
    ("log_softmax", "axis 1 of maps"): lambda z: np.log(probabilities(z)),
    ("cross_entropy", "4 rows, 5 classes"): lambda z: -np.log(probabilities(z)[np.arange(4), CLASSES]).mean(),
}
# fmt: on
