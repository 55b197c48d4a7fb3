"""Softmax and its logarithm.

    softmax_i     = exp(z_i) / sum_j exp(z_j)
    log_softmax_i = z_i - log sum_j exp(z_j)

Neither changes when a constant is added to all z, and the paper's section 2.2 warns of what exp does to large z.
Subtracting the maximum costs nothing, and then exp cannot overflow.

Backward, with s = softmax and f the output:

    d log_softmax_i / dz_k = [i = k] - s_k             dz_k = df_k - s_k sum_i df_i
    d softmax_i / dz_k     = s_i ([i = k] - s_k)       dz_k = s_k (df_k - sum_i df_i s_i)

[i = k] is 1 if i = k, else 0.

>>> softmax(Tensor([[1000.0, 1000.0]])).data.tolist()
[[0.5, 0.5]]
"""

from __future__ import annotations

import numpy as np

from minidelve.backend import array_module
from minidelve.errors import shown
from minidelve.tensor import Function, Tensor, refuse_bare_arrays


class Softmax(Function):
    def forward(self, z, *, axis):
        self.axis = axis
        e = array_module(z).exp(z - z.max(axis=axis, keepdims=True))
        s = e / e.sum(axis=axis, keepdims=True)
        self.save(s)
        return s

    def backward(self, df):
        (s,) = self.saved
        return s * (df - (df * s).sum(axis=self.axis, keepdims=True))


class LogSoftmax(Function):
    def forward(self, z, *, axis):
        self.axis = axis
        f = log_probabilities(z, axis)
        self.save(f)
        return f

    def backward(self, df):
        (f,) = self.saved
        return df - array_module(f).exp(f) * df.sum(axis=self.axis, keepdims=True)


def log_probabilities(z, axis):
    """log softmax of a raw array."""
    xp = array_module(z)
    z = z - z.max(axis=axis, keepdims=True)
    return z - xp.log(xp.exp(z).sum(axis=axis, keepdims=True))


def softmax(z: Tensor, axis: int = 1) -> Tensor:
    """Probabilities from scores z along `axis`: the classes of (N, classes) and (N, classes, H, W), whatever z.ndim is.

    PyTorch's has no fixed default; without `dim` it warns, and takes another axis for z of three axes.
    """
    return Softmax.apply(z, axis=check_axis("softmax", z, axis))


def log_softmax(z: Tensor, axis: int = 1) -> Tensor:
    """Logarithms of the probabilities along `axis` (as softmax's); exact where softmax(z) would underflow to 0."""
    return LogSoftmax.apply(z, axis=check_axis("log_softmax", z, axis))


def check_axis(op: str, z: Tensor, axis: int) -> int:
    """The axis itself. Raises TypeError if it is no integer, ValueError if z has no such axis, or nothing along it."""
    refuse_bare_arrays(op, z)
    if not isinstance(axis, (int, np.integer)):
        raise TypeError(f"{op}: axis is {shown(axis)}; expected an integer")
    if not -z.ndim <= axis < z.ndim or z.shape[axis] == 0:
        raise ValueError(f"{op}: z of shape {z.shape} has no elements along axis {axis}; expected some")
    return axis
