"""Parametric ReLU: a leaky ReLU that learns its leak.

He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", arXiv 1502.01852, section 2.1.
The paper's letters: y goes in, f(y) comes out, a is learned.

Shapes. y, f, df, dy: (N, C, *spatial)     a, da: (C,), or (1,) if channel-shared

Forward, elementwise, c the channel:

    f(y) = y      if y > 0
           a_c y  otherwise                                          (1)

Backward. Write df for dE/df(y), dy for dE/dy and da for dE/da. The chain rule needs two local slopes:

    ∂f/∂y   = 1 if y > 0,  a_c otherwise        dy = df * ∂f/∂y      (dy)
    ∂f/∂a_c = 0 if y > 0,  y   otherwise                             (3)

Every position of channel c, in all N images, used the same a_c, so their contributions add up:

    da_c = sum over n and positions of  df * (3)                     (2)

A slope that the layer shares is the same a in every channel, and sums (2) over c too.

f has no derivative at y = 0; like the paper we count 0 as negative.

>>> y, a = Tensor([[-2.0, 3.0]], requires_grad=True), Tensor([0.25, 0.25], requires_grad=True)
>>> prelu(y, a).sum().backward()
>>> y.grad.tolist(), a.grad.tolist()
([[0.25, 1.0]], [-2.0, 0.0])
"""

from __future__ import annotations

from minidelve.backend import kernels_for
from minidelve.ops.broadcasting import unbroadcast
from minidelve.ops.calling_kernels import in_kernels_order, over_positions, per_channel
from minidelve.tensor import Function, Tensor, refuse_bare_arrays


class PReLU(Function):
    def forward(self, y, a):
        y = in_kernels_order(y)
        self.save(y, a)
        return over_positions(kernels_for(y, a).prelu_forward, [y], per_channel(a, y))  # (1)

    def backward(self, df):
        y, a = self.saved
        dy, da = over_positions(kernels_for(df, y, a).prelu_backward, [df, y], per_channel(a, y))  # (dy), (2), (3)
        return dy, unbroadcast(da, a.shape)  # a shared slope: (2) summed over c too


def prelu(y: Tensor, a: Tensor) -> Tensor:
    """Apply PReLU to y (N, C, *spatial) with slopes a: (C,), one for each channel, or (1,), shared.

    Paper: section 2.1, equations (1) to (3). Raises ValueError when a has neither shape, and for a y without channels.
    """
    refuse_bare_arrays("prelu", y, a)
    if y.ndim < 2:
        raise ValueError(f"prelu: y has shape {y.shape}; expected (N, C, ...), such as y.reshape(1, -1)")
    if y.shape[1] == 0 or a.shape not in ((1,), y.shape[1:2]):
        raise ValueError(f"prelu: a has shape {a.shape}; expected (1,) or {y.shape[1:2]} for y {y.shape}")
    return PReLU.apply(y, a)
