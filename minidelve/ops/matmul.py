"""Matrix product f = x y, with NumPy's rules for vectors and for stacks of matrices.

    f_ij = sum_k x_ik y_kj

x_ik enters row i of f once for each j, with slope y_kj; y_kj enters column j once for each i, with slope x_ik:

    dE/dx_ik = sum_j df_ij y_kj          dx = df y^T
    dE/dy_kj = sum_i x_ik df_ij          dy = x^T df

A vector is a matrix of one row (on the left) or one column (on the right). Where one matrix multiplies a whole
stack, its gradients come back to it through `unbroadcast`.

>>> x, y = Tensor([[1.0, 2.0]], requires_grad=True), Tensor([[3.0], [4.0]], requires_grad=True)
>>> (x @ y).sum().backward()
>>> x.grad.tolist(), y.grad.tolist()
([[3.0, 4.0]], [[1.0], [2.0]])
"""

from __future__ import annotations

from typing import Any

from minidelve.ops.broadcasting import pair, unbroadcast
from minidelve.tensor import Function, Tensor


class MatMul(Function):
    takes = "numbers"

    def forward(self, x, y):
        self.save(x, y)
        return x @ y

    def backward(self, df):
        x, y = self.matrices()
        df = self.as_matrices(df)
        dx = df @ y.swapaxes(-1, -2) if self.needs[0] else None
        dy = x.swapaxes(-1, -2) @ df if self.needs[1] else None
        return self.as_given(dx, dy)

    def matrices(self):
        """x and y, a vector among them as a matrix of one row or one column."""
        x, y = self.saved
        return x[None, :] if x.ndim == 1 else x, y[:, None] if y.ndim == 1 else y

    def as_matrices(self, df):
        """df as the product of these matrices has it."""
        x, y = self.saved
        df = df[..., None] if y.ndim == 1 else df
        return df[..., None, :] if x.ndim == 1 else df

    def as_given(self, *gradients):
        """The gradients of these matrices in the shapes of x and y; None stays None."""
        return tuple(
            None if d is None else (d if d.shape == m.shape else unbroadcast(d, m.shape)).reshape(given.shape)
            for d, m, given in zip(gradients, self.matrices(), self.saved)
        )


def matmul(x: Any, y: Any) -> Tensor:
    """x @ y: (..., n, k) @ (..., k, m) -> (..., n, m); a 1-D operand is a row or a column.

    Raises ValueError when the inner lengths differ or the stacks do not broadcast.
    """
    x, y = pair(x, y)
    inner_fit = x.ndim > 0 and y.ndim > 0 and x.shape[-1] == y.shape[max(y.ndim - 2, 0)]
    stacks_fit = all(m == n or 1 in (m, n) for m, n in zip(x.shape[-3::-1], y.shape[-3::-1]))
    if not (inner_fit and stacks_fit):
        raise ValueError(f"matmul: shapes {x.shape} and {y.shape} do not fit; expected (..., n, k) @ (..., k, m)")
    return MatMul.apply(x, y)
