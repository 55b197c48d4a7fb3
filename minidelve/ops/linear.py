"""Fully connected layer: y = x W^T + b.

A convolution whose receptive field is the whole input. Its gradients are therefore the same three transposes,
with x (N, in) and W (out, in):

    y[n, o]     = sum_i x[n, i] W[o, i] + b[o]                             (5)

    dE/dx[n, i] = sum_o df[n, o] W[o, i]           dx = df W               (dx)
    dE/dW[o, i] = sum_n df[n, o] x[n, i]           dW = df^T x             (dW)
    dE/db[o]    = sum_n df[n, o]                                           (db)

Every core takes a share of the units o through both passes. dx is the sum of what the cores find.

>>> linear(Tensor([[1.0, 2.0]]), Tensor([[3.0, 4.0]]), Tensor([5.0])).data.tolist()
[[16.0]]
"""

from __future__ import annotations

from minidelve.backend import array_module, device_of, in_shares, kernels_for, matmul
from minidelve.backend.precision import is_strict
from minidelve.ops.pieces import total
from minidelve.tensor import Function, Tensor, refuse_bare_arrays

# From this many images on, a CPU reads W once and in its own order; below, BLAS is faster (docs/measurements.md).
FEW = 4


class Linear(Function):
    def forward(self, x, W, b):
        self.save(x, W)
        xp, kernels = array_module(x, W), kernels_for(x, W)
        W = xp.ascontiguousarray(W)
        y = xp.empty((len(x), len(W)), x.dtype)
        own = len(x) >= FEW and is_strict() and device_of(x) == "cpu"
        columns = xp.ascontiguousarray(x.T) if own else None

        def respond(units):
            if columns is None:
                part = matmul(x, W[units].T)
            else:
                part = kernels.products(W[None, units], columns[None])[0].T  # y^T = W x^T
            y[:, units] = part if b is None else part + b[units]  # (5)

        in_shares(respond, len(W), x, work=x.size * len(W))
        return y

    def backward(self, df):
        x, W = self.saved
        xp = array_module(df, x)
        dW = xp.empty_like(W, df.dtype) if self.needs[1] else None
        db = df.sum(axis=0) if self.needs[2] else None  # (db)

        def gradients(units):
            if dW is not None:
                matmul(df[:, units].T, x, out=dW[units])  # (dW)
            return matmul(df[:, units], W[units]) if self.needs[0] else None  # (dx), the part of these units

        return total(in_shares(gradients, len(W), x, work=x.size * len(W))), dW, db


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (N, in) @ weight (out, in)^T + bias (out,): (N, out). Paper: section 2.2, equation (5).

    Raises ValueError when the shapes do not fit.
    """
    refuse_bare_arrays("linear", x, weight, optional=[bias])
    if x.ndim != 2 or weight.ndim != 2 or x.shape[1] != weight.shape[1]:
        raise ValueError(f"linear: x has shape {x.shape} and weight {weight.shape}; expected (N, in) and (out, in)")
    if bias is not None and bias.shape != (len(weight),):
        raise ValueError(f"linear: bias has shape {bias.shape}; expected ({len(weight)},)")
    return Linear.apply(x, weight, bias)
