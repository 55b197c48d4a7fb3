"""Flatten: everything but the batch axis in one row, (N, C, H, W) -> (N, C H W).

A reshape, so its gradient is the reshape back (shaping.py).

>>> flatten(Tensor([[[1.0, 2.0], [3.0, 4.0]]])).shape
(1, 4)
"""

from __future__ import annotations

import math

from minidelve.ops.shaping import reshape
from minidelve.tensor import Tensor, refuse_bare_arrays


def flatten(x: Tensor) -> Tensor:
    """x (N, ...) as (N, product of the rest), where torch.flatten would join the images of the batch too.

    Raises ValueError for a tensor without axes.
    """
    refuse_bare_arrays("flatten", x)
    if x.ndim == 0:
        raise ValueError("flatten: x has no axes; expected a batch (N, ...)")
    return reshape(x, (x.shape[0], math.prod(x.shape[1:])))
