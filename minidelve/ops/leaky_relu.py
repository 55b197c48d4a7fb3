"""Leaky ReLU: PReLU with one fixed, small slope (Maas et al. 2013; the paper's section 2.1).

    f(y) = y        if y > 0
           slope y  otherwise

    ∂f/∂y = 1 if y > 0, slope otherwise              dy = df * ∂f/∂y       (df is dE/df, dy is dE/dy)

>>> leaky_relu(Tensor([-100.0, 3.0])).data.tolist()
[-1.0, 3.0]
"""

from __future__ import annotations

from minidelve.backend import PER_NUMBER, array_module, in_shares, inverse, kernels_for, memory_order
from minidelve.tensor import Function, Tensor


class LeakyReLU(Function):
    def forward(self, y, *, slope):
        # The kernel runs through memory as it lies; .transpose(order) goes there, .transpose(back) to the user's axes.
        self.slope, self.order = slope, memory_order(y)
        self.back = inverse(self.order)
        y = in_order(y, self.order)
        self.save(y)
        f = array_module(y).empty_like(y)
        self.each(kernels_for(y).leaky_relu_forward, f, y)
        return f.transpose(self.back)

    def backward(self, df):
        (y,) = self.saved
        dy = array_module(y).empty_like(y)
        self.each(kernels_for(df, y).leaky_relu_backward, dy, in_order(df, self.order), y)
        return dy.transpose(self.back)

    def each(self, kernel, out, *arrays):
        """kernel(*arrays, slope, out) on all cores."""
        flat, out = [x.reshape(-1) for x in arrays], out.reshape(-1)
        work = PER_NUMBER * len(out)
        in_shares(lambda s: kernel(*(x[s] for x in flat), self.slope, out=out[s]), len(out), out, work=work)


def in_order(x, order):
    """x.transpose(order), C-contiguous (by asarray: ascontiguousarray would give a scalar an axis)."""
    return array_module(x).asarray(x.transpose(order), order="C")


def leaky_relu(y: Tensor, slope: float = 0.01) -> Tensor:
    """y where positive, slope * y elsewhere; any shape.  The paper's LReLU has slope 0.01."""
    return LeakyReLU.apply(y, slope=slope)
