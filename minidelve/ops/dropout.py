"""Dropout: while training, silence each unit with probability p (Srivastava et al. 2014).

    f = m x / (1 - p),   m = 0 with probability p, else 1        training
    f = x                                                        testing

Dividing by 1 - p ("inverted" dropout) keeps E[f] = x, so that testing needs no scaling.
The mask is a constant for the gradient:  dE/dx = m df / (1 - p).

The paper (section 3) drops 50% of fc1 and fc2 in its large networks. It does not say whether the 14-layer
network does.

>>> dropout(Tensor([1.0, 2.0]), p=0.5, training=False).data.tolist()
[1.0, 2.0]
"""

from __future__ import annotations

import numpy as np

from minidelve.backend import array_module, uniform
from minidelve.ops.arguments import check_generator, number
from minidelve.tensor import Function, Tensor, refuse_bare_arrays

_default_rng = np.random.default_rng()


class Dropout(Function):
    def forward(self, x, *, p, rng):
        keep = uniform(rng, like=x) >= p
        mask = array_module(x).asarray(keep / (1 - p), dtype=x.dtype)
        self.save(mask)
        return mask * x

    def backward(self, df):
        (mask,) = self.saved
        return mask * df


def dropout(x: Tensor, p: float, training: bool, rng: np.random.Generator | None = None) -> Tensor:
    """Zero each element of x with probability p and scale the rest so that E[x] is kept; x itself if not training.

    A seeded rng makes the draw repeatable. Raises ValueError unless 0 <= p < 1.
    """
    refuse_bare_arrays("dropout", x)
    if not 0 <= (p := number("dropout", "p", p)) < 1:
        raise ValueError(f"dropout: p is {p}; expected 0 <= p < 1")
    check_generator("dropout", rng)
    if not training or p == 0:
        return x
    return Dropout.apply(x, p=p, rng=_default_rng if rng is None else rng)
