"""Parametric ReLU: a leaky ReLU that learns its leak.

He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", arXiv 1502.01852, section 2.1.
The paper's letters: y goes in, f(y) comes out, a is learned.

Shapes.  y, f, df, dy: (N, C, *spatial)     a, da: (C,), or (1,) if channel-shared

Forward, elementwise, c the channel:

    f(y) = y      if y > 0
           a_c y  otherwise                                          (1)

Backward.  Write df for dE/df(y), dy for dE/dy and da for dE/da.  The chain rule needs two local
slopes:

    ∂f/∂y   = 1 if y > 0,  a_c otherwise        dy = df * ∂f/∂y      (dy)
    ∂f/∂a_c = 0 if y > 0,  y   otherwise                             (3)

Every position of channel c, in all N images, used the same a_c, so their
contributions add up:

    dE/da_c = sum over n and positions of  df * (3)                  (2)

One slope shared by the layer is the same a in every channel: sum (2) over c too.

f has no slope at y = 0; like the paper we count 0 as negative.

>>> y, a = Tensor([[-2.0, 3.0]], requires_grad=True), Tensor([0.25, 0.25], requires_grad=True)
>>> prelu(y, a).sum().backward()
>>> y.grad.tolist(), a.grad.tolist()
([[0.25, 1.0]], [-2.0, 0.0])
"""

from __future__ import annotations

from minidelve.backend import PER_NUMBER, array_module, empty_like, in_shares, kernels_for
from minidelve.ops.layout import from_rows, rows_of_channels
from minidelve.ops.pieces import total
from minidelve.tensor import Function, Tensor


class PReLU(Function):
    def forward(self, y, a):
        self.y_shape, self.shared = y.shape, a.shape != y.shape[1:2]
        # Kernels see (positions, C) and (C,) of one dtype: a shared slope is the same number in each channel.
        xp = array_module(y, a)
        dtype = xp.result_type(y, a)
        y = rows_of_channels(y).astype(dtype, copy=False)
        a = xp.ascontiguousarray(a.repeat(y.shape[1]) if self.shared else a, dtype)
        self.save(y, a)
        kernels, f = kernels_for(y, a), empty_like(y)
        work = PER_NUMBER * y.size
        in_shares(lambda rows: kernels.prelu_forward(y[rows], a, out=f[rows]), len(y), y, work=work)  # (1)
        return from_rows(f, self.y_shape)

    def backward(self, df):
        y, a = self.saved
        df = rows_of_channels(df)
        kernels, dy = kernels_for(df, y, a), empty_like(y)

        def gradient(rows):
            return kernels.prelu_backward(df[rows], y[rows], a, out=dy[rows])[1]  # (dy), (3)

        da = total(in_shares(gradient, len(y), y, work=PER_NUMBER * y.size))  # (2)
        return from_rows(dy, self.y_shape), da.sum(keepdims=True) if self.shared else da


def prelu(y: Tensor, a: Tensor) -> Tensor:
    """Apply PReLU to y (N, C, *spatial) with slopes a: (C,) per channel or (1,) shared.

    Paper: section 2.1, equations (1) to (3).  Raises ValueError when a has neither shape.
    """
    if y.ndim < 2 or a.shape not in ((1,), y.shape[1:2]):
        raise ValueError(f"prelu: a has shape {a.shape}; expected (1,) or {y.shape[1:2]} for y {y.shape}")
    return PReLU.apply(y, a)
