"""Leaky ReLU: PReLU with one fixed, small slope (Maas et al. 2013; the paper's section 2.1).

    f(y) = y        if y > 0
           slope y  otherwise

    df(y)/dy = 1 if y > 0, slope otherwise           dE/dy = df * that

>>> leaky_relu(Tensor([-100.0, 3.0])).data.tolist()
[-1.0, 3.0]
"""

from __future__ import annotations

from minidelve.backend import array_module, kernels_for
from minidelve.tensor import Function, Tensor


class LeakyReLU(Function):
    def forward(self, y, *, slope):
        self.slope = slope
        y, self.axes = in_memory_order(y)
        self.save(y)
        return kernels_for(y).leaky_relu_forward(y, slope).transpose(self.axes)

    def backward(self, df):
        (y,) = self.saved
        # df in the order of y's memory, so that the kernel runs through both side by side
        df = array_module(df).asarray(df.transpose(inverse(self.axes)), order="C")
        return kernels_for(df, y).leaky_relu_backward(df, y, self.slope).transpose(self.axes)


def in_memory_order(y):
    """(y with its axes sorted from far to near in memory, hence C-contiguous; the axes that sort them back).

    y.transpose(order) goes to the order of memory, .transpose(inverse(order)) back to the user's.
    """
    order = sorted(range(y.ndim), key=lambda axis: (-abs(y.strides[axis]), axis))
    # asarray, as ascontiguousarray would give a scalar an axis
    return array_module(y).asarray(y.transpose(order), order="C"), inverse(order)


def inverse(axes):
    """The permutation that undoes `axes`."""
    return tuple(sorted(range(len(axes)), key=lambda i: axes[i]))


def leaky_relu(y: Tensor, slope: float = 0.01) -> Tensor:
    """y where positive, slope * y elsewhere; any shape.  The paper's LReLU has slope 0.01."""
    return LeakyReLU.apply(y, slope=slope)
