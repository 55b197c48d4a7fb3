"""One thing to time, how large its arrays are, and the numbers in them.

The maps are those of small14 at 224 pixels, its second stage: 36 x 36, 128 channels. On a GPU there are more of them:
an array has to be several times as large as the L2 cache, or the cache is measured instead of the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidelve.backend import kernels_for, to_device, use
from minidelve.bench.timing import Side
from minidelve.bench.work import Work
from minidelve.ops.layout import channels_first

LEVELS = (6, 3, 2, 1)  # of the pyramid


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
    """One thing to time."""

    kind: str  # "kernel" or "op"
    name: str
    what: str
    ours: Side
    work: Work
    theirs: Callable[[Any], Side] | None = None  # theirs(torch) builds the same in PyTorch: a call for its arrays
    precision: str = "fp32"  # of its products


class Numbers:
    """Random numbers on a device, how large arrays are there, and its kernels.

    precision   that of the run, for PyTorch's side; ours is the caller's `using_precision`
    folder      of kernels; None for the one in use
    """

    def __init__(self, device: str, precision: str = "fp32", folder: str | None = None):
        self.device, self.precision, self.sizes = device, precision, SIZES[device]
        self.rng = np.random.default_rng(0)
        with use(folder) if folder else nullcontext():
            self.kernels = kernels_for(self.normal(1))

    def normal(self, *shape: int) -> Any:
        """float32, C-contiguous."""
        return to_device(self.rng.standard_normal(shape, dtype=np.float32), self.device)

    def maps(self, N: int, C: int, *spatial: int) -> Any:
        """(N, C, *spatial), channels last in memory, as a network holds it."""
        return channels_first(self.normal(N, *spatial, C))
