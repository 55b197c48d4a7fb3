"""The activation behind a conv layer, applied while the response is still in the cache.

As an op of its own PReLU (ops/prelu.py) reads y from memory and writes f beside it, and both stay there until backward.
Behind a convolution none of this is needed. The response is computed a few images at a time, and f takes its place
before the next ones come: y never reaches memory. And backward can do with f alone, as

    f = y      if y > 0
        a y    otherwise                                                  (1)

has y's sign wherever a > 0. "y > 0" may then read "f > 0" in the gradients of prelu.py, and y is f / a where it is
negative:

    dy    = df         if f > 0
            a df       otherwise                                          (dy)
    dE/da = sum of df y over y <= 0  =  1/a  sum of df f over f <= 0      (2), (3)

in each channel; a slope that the layer shares adds these over the channels.

A fixed slope (leaky_relu.py) needs the sign alone. ReLU's f is 0 where y is negative, and 0 counts as negative.
Where a learned slope is not clearly above 0 (or is huge), f may have lost y: `Rectifier.tells_y` is then False, and
conv2d leaves the activation to prelu.py.

On a GPU a piece is larger than the caches, so y is written and read once more. What is saved there is memory: one map
is kept for backward in place of two.

docs/measurements.md says what it buys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from minidelve.backend import array_module, float_dtype, kernels_for, to_device
from minidelve.tensor import Tensor

# For slopes from LEAST to 1 / LEAST, f / a gives y back, but for rounding. A smaller slope could round f to 0, a larger
# one make it infinite; within these bounds neither happens to responses of ordinary size.
LEAST = 2.0**-10


class InPlaceActivation:
    """f in place of y, and the way back, for arrays (..., C) whose channels lie side by side.

    a       PReLU's slopes (C,), or (1,) if the layer shares one; None for a fixed slope
    slope   the fixed slope, 0 for ReLU; None, with a None too, for no activation at all
    """

    def __init__(self, a: Any, slope: float | None):
        self.a, self.slope = a, slope

    def __bool__(self) -> bool:
        return self.a is not None or self.slope is not None

    def apply(self, y: Any, bias: Any = None) -> None:
        """Write f(y + bias) over y, bias (C,) or None: without activation y + bias."""
        rows = y.reshape(-1, y.shape[-1])
        if self and bias is not None:
            bias = array_module(rows).ascontiguousarray(bias, rows.dtype)
        if self.a is not None:
            kernels_for(rows).prelu_forward(rows, self.slopes(rows), bias, out=rows)  # (1)
        elif self.slope is not None:
            kernels_for(rows).leaky_relu_forward(rows, self.slope, bias, out=rows)
        elif bias is not None:
            rows += bias

    def gradients(self, df: Any, f: Any) -> tuple[Any, Any]:
        """(dy, da), a new array and sums over all rows of these images; (df itself, None) without activation."""
        if not self:
            return df, None
        df_rows, f_rows = (x.reshape(-1, x.shape[-1]) for x in (df, f))
        if self.slope is not None:
            return kernels_for(df).leaky_relu_backward(df_rows, f_rows, self.slope).reshape(df.shape), None
        a = self.slopes(df_rows)
        dy, sums = kernels_for(df).prelu_backward(df_rows, f_rows, a)  # (dy), and with f for y: sum of df f
        da = sums / a  # (2), (3)
        return dy.reshape(df.shape), da.sum(keepdims=True) if len(self.a) == 1 else da

    def slopes(self, rows: Any) -> Any:
        """One slope for each channel, as the kernels want them."""
        xp, a = array_module(rows), self.a
        return xp.ascontiguousarray(a.repeat(rows.shape[1]) if len(a) != rows.shape[1] else a, rows.dtype)


@dataclass(frozen=True)
class Rectifier:
    """The activation behind a conv layer, and whether its slopes allow it to be applied in place.

    a         PReLU's slopes (O,) or (1,); None for a fixed slope
    slope     the fixed slope, 0 for ReLU; None, with a None too, for no activation at all
    tells_y   whether f tells y's sign, and for learned slopes y itself
    """

    a: Tensor | None
    slope: float | None
    tells_y: bool

    def fits_in_place(self, dtype: Any) -> bool:
        """Whether f of this dtype, y's, can take y's place."""
        return self.tells_y and (self.a is None or float_dtype(self.a.dtype, dtype) == dtype)


def as_rectifier(activation: Tensor | Rectifier | float | None) -> Rectifier:
    """conv2d's argument as a Rectifier, its slopes read; TypeError for what is not an activation."""
    if isinstance(activation, Rectifier):
        return activation
    if isinstance(activation, Tensor):
        return Rectifier(activation, None, within_bounds(activation.data))
    if activation is None or isinstance(activation, Real):
        return Rectifier(None, activation, activation is None or activation >= 0)
    raise TypeError(
        f"conv2d: activation is a {type(activation).__name__}; expected PReLU's slopes as a Tensor, a number "
        "(0 for ReLU) or None"
    )


def look_at(activations: Sequence[Tensor | float | None]) -> list[Rectifier | None]:
    """The activations behind several layers, None for a layer without, with one look at all slopes that a GPU holds.

    To look into a GPU's memory is to wait until everything it was asked to do before is done. A network that does
    so once, at its beginning, keeps the GPU busy through all of its layers.
    """
    remote = [a for a in activations if isinstance(a, Tensor) and a.device == "cuda"]
    looked_at: dict[int, Rectifier] = {}
    if remote:
        slopes = to_device(array_module(remote[0].data).concatenate([a.data for a in remote]), "cpu")
        own = np.split(slopes, np.cumsum([a.size for a in remote])[:-1])
        looked_at = {id(a): Rectifier(a, None, within_bounds(slopes)) for a, slopes in zip(remote, own, strict=True)}
    return [None if f is None else looked_at.get(id(f)) or as_rectifier(f) for f in activations]


def within_bounds(a: Any) -> bool:
    """Whether f / a gives y back for each of these slopes."""
    return bool(((a >= LEAST) & (a <= 1 / LEAST)).all())
