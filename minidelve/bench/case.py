"""A thing to time, and the numbers that it works on.

`flops` counts products and additions of a matrix product, `bytes` what must be read and written once if
nothing is done twice.  A case's rate is measured against the machine's limit of the kind that binds it: flops
against sgemm, bytes against a copy.  So a share of 1 is what no implementation of the same arithmetic can pass
(Winograd convolution does other arithmetic, and can).

The maps are those of small14 at 224 pixels, its second stage: 36 x 36, 128 channels.  On a GPU there are more of them:
an array has to be several times as large as its L2 cache (50 MB on an H100), else it is not memory that is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidelve.backend import kernels_for, to_device, use
from minidelve.bench.timing import Side

LEVELS = (6, 3, 2, 1)


@dataclass(frozen=True)
class Sizes:
    """Of arrays: maps are (batch, side, channels)."""

    maps: tuple[int, int, int]
    last: tuple[int, int, int]  # the last map before the pyramid
    fc: tuple[int, int]  # rows and units of a fully connected layer
    weights: int  # that the momentum step moves

    def __str__(self) -> str:
        batch, side, channels = self.maps
        return f"{batch} x {side} x {side} x {channels}"


SIZES = {
    "cpu": Sizes((16, 36, 128), (64, 18, 256), (64, 4096), 16 << 20),
    "cuda": Sizes((128, 36, 128), (512, 18, 256), (128, 4096), 64 << 20),  # 85 and 170 MB, 268 MB of weights
}


@dataclass(frozen=True)
class Case:
    """One thing to time.  theirs(torch) builds the same in PyTorch: (call, its result as arrays), or None.

    rounds   whether its products are in the precision of the run (precision.py), else in float32
    """

    kind: str  # "kernel" or "op"
    name: str
    what: str
    ours: Side
    flops: float = 0.0
    bytes: float = 0.0
    theirs: Callable[[Any], Side] | None = None
    rounds: bool = False


class Numbers:
    """Random numbers on a device, how large arrays are there, and its kernels."""

    def __init__(self, device: str, precision: str = "fp32", folder: str | None = None):
        self.device, self.precision, self.sizes = device, precision, SIZES[device]
        self.rng = np.random.default_rng(0)
        with use(folder) if folder else nullcontext():
            self.kernels = kernels_for(self.slopes(1))

    def normal(self, *shape: int) -> Any:
        """float32, C-contiguous."""
        return to_device(self.rng.standard_normal(shape, dtype=np.float32), self.device)

    def slopes(self, count: int) -> Any:
        """PReLU's, as they begin."""
        return to_device(np.full(count, 0.25, np.float32), self.device)
