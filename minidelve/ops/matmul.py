"""Matrix product f = x y, with NumPy's rules for vectors and for stacks of matrices.

    f_ij = sum_k x_ik y_kj

x_ik enters row i of f once for each j, with slope y_kj; y_kj enters column j once for each i, with slope x_ik:

    dE/dx_ik = sum_j df_ij y_kj          dx = df y^T
    dE/dy_kj = sum_i x_ik df_ij          dy = x^T df

A vector is a matrix of one row (on the left) or one column (on the right). A matrix that multiplies a whole
stack gets the sum of its gradients (`unbroadcast`).

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
        x, y = self.saved
        X = x[None, :] if x.ndim == 1 else x
        Y = y[:, None] if y.ndim == 1 else y
        dF = df[..., None] if y.ndim == 1 else df
        dF = dF[..., None, :] if x.ndim == 1 else dF
        dx = unbroadcast(dF @ Y.swapaxes(-1, -2), X.shape).reshape(x.shape) if self.needs[0] else None
        dy = unbroadcast(X.swapaxes(-1, -2) @ dF, Y.shape).reshape(y.shape) if self.needs[1] else None
        return dx, dy


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
