"""Which algorithm `conv2d(..., algorithm="auto")` takes.

The algorithms stand in the order in which they are asked. One is taken if it can compute the layer, which its own
file says (`cannot`), and if all of its rules hold: outside them it is slower or less exact. A rule names the
measurement, or the reason, that it rests on.

>>> layer = Layer(weight=(64, 64, 3, 3), stride=(1, 1), padding=(1, 1), size=(14, 14))
>>> choose(layer), choose(layer._replace(weight=(32, 32, 3, 3))), choose(layer._replace(strict=False))
('winograd', 'direct', 'im2col')
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from math import prod
from typing import NamedTuple

import numpy as np

from minidelve.backend.setting import Setting
from minidelve.ops.conv.direct import Direct2d
from minidelve.ops.conv.im2col import Conv2d
from minidelve.ops.conv.scaffold import Convolution, Layer
from minidelve.ops.conv.winograd import Winograd2d
from minidelve.ops.conv.winograd_tiles import places

ALGORITHMS: dict[str, type[Convolution]] = {"winograd": Winograd2d, "direct": Direct2d, "im2col": Conv2d}


class Rule(NamedTuple):
    """A condition for taking an algorithm."""

    algorithm: str
    words: str
    holds: Callable[[Layer], bool]
    because: str  # where it was measured: a section of docs/measurements.md, unless another page is named


def multiplications(layer: Layer) -> int:
    """Of im2col and of the direct algorithm, for each pair of channels and each image."""
    return prod(layer.weight[2:]) * prod(layer.size)


# fmt: off
RULES = (
    Rule("winograd", "factors are not rounded", lambda layer: layer.strict,
         "backend/precision.py: sums of large terms that cancel would lose most of a short factor's bits"),
    Rule("winograd", "float32", lambda layer: layer.dtype == np.float32,
         "What the constants rest on: it rounds more, and float64 is chosen for exact numbers"),
    Rule("winograd", "at least 64 channels come in and go out", lambda layer: min(layer.weight[:2]) >= 64,
         "Which convolution for which layer"),
    Rule("winograd", "less than half of the multiplications",
         lambda layer: places(layer.size, layer.weight[2]) < 0.5 * multiplications(layer),
         "What was tried: Winograd for lab14's wide maps"),
    Rule("direct", "on the CPU", lambda layer: layer.device == "cpu",
         "docs/gpu.md: a GPU's `correlate` is im2col inside"),
    Rule("direct", "factors are not rounded", lambda layer: layer.strict,
         "backend/precision.py: only im2col's products round them"),
    Rule("direct", "at most 2^20 weights", lambda layer: prod(layer.weight) <= 1 << 20,
         "Which convolution for which layer: W is copied to lie the other way"),
    Rule("direct", "stride 1, or dx is not wanted", lambda layer: layer.stride == (1, 1) or not layer.wants_dx,
         "Which convolution for which layer: dx would multiply by zeros"),
)
# fmt: on


_algorithm = Setting("auto")


def using_algorithm(name: str) -> AbstractContextManager[None]:
    """Inside this block conv2d's "auto" is this algorithm, for each layer that it can compute.

    Raises ValueError for another name. Not for several threads at once: the setting is the process's.
    """
    if name not in ("auto", *ALGORITHMS):
        raise ValueError(f"algorithm {name!r} is unknown; expected one of auto, {', '.join(ALGORITHMS)}")
    return _algorithm.using(name)


def asked() -> str:
    """What "auto" stands for at present: "auto" itself, or one algorithm."""
    return _algorithm.value


def choose(layer: Layer) -> str:
    """The algorithm that was asked for, if it can compute the layer; else the first that can and whose rules all hold.

    im2col has no rules.
    """
    if asked() in ALGORITHMS and ALGORITHMS[asked()].cannot(layer) is None:
        return asked()
    return next(
        name
        for name, algorithm in ALGORITHMS.items()
        if algorithm.cannot(layer) is None and all(rule.holds(layer) for rule in RULES if rule.algorithm == name)
    )
