"""PReLU with two slopes: a line that bends at 0, both of its halves learned.

PReLU (He et al., arXiv 1502.01852, section 2.1) learns the slope below 0; above, it is 1. Here both are learned. The
paper's letters: y goes in, f(y) comes out.

Shapes. y, f, df, dy: (N, C, *spatial)     slopes and their gradient: (2, C), or (2, 1) if channel-shared;
                                           (C,) or (1,) for a PReLU of the paper, with 1 above 0
Forward, elementwise, c the channel:

    f(y) = b_c y  if y > 0
           a_c y  otherwise                                          (1)

slopes[0] is a, slopes[1] is b.

Backward. Write df for dE/df(y). There are three local slopes, and two of them belong to sums:

    ∂f/∂y   =        ...                         dy   =  ...
    ∂f/∂a_c =        ...                         da_c =  ...
    ∂f/∂b_c =        ...                         db_c =  ...

f has no derivative at y = 0; we count 0 as negative.
"""

from __future__ import annotations

import numpy as np

from minidelve.backend import kernels_for
from minidelve.ops.broadcasting import unbroadcast
from minidelve.ops.calling_kernels import in_kernels_order, over_positions, per_channel
from minidelve.tensor import Function, Tensor, refuse_bare_arrays


class PReLU(Function):
    def forward(self, y, a):
        raise NotImplementedError("lab 3: PReLU.forward")

    def backward(self, df):
        raise NotImplementedError("lab 3: PReLU.backward")


def prelu(y: Tensor, a: Tensor) -> Tensor:
    """Apply PReLU to y (N, C, *spatial) with slopes a: (2, C) or (2, 1), below 0 and above; or PReLU's, (C,) or (1,).

    Raises ValueError when a has none of these shapes, and for a y without channels.
    """
    refuse_bare_arrays("prelu", y, a)
    if y.ndim < 2:
        raise ValueError(f"prelu: y has shape {y.shape}; expected (N, C, ...), such as y.reshape(1, -1)")
    C = y.shape[1]
    if C == 0 or a.shape not in ((2, C), (2, 1), (C,), (1,)):
        raise ValueError(f"prelu: a has shape {a.shape}; expected (2, {C}), (2, 1), ({C},) or (1,) for y {y.shape}")
    return PReLU.apply(y, a)
