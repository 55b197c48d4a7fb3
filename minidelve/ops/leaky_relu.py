"""Leaky ReLU: PReLU with one fixed, small slope (Maas et al. 2013; the paper's section 2.1).

    f(y) = y        if y > 0
           slope y  otherwise

Backward. With df = dE/df(y) and dy = dE/dy:

    ∂f/∂y = 1 if y > 0, slope otherwise        dy = df * ∂f/∂y

Like the paper we count y = 0 as negative, and so a NaN, as PReLU does; ReLU alone hands a NaN's df on.

>>> leaky_relu(Tensor([-100.0, 3.0])).data.tolist()
[-1.0, 3.0]
"""

from __future__ import annotations

from minidelve.backend import kernels_for
from minidelve.ops.arguments import number
from minidelve.ops.calling_kernels import over_numbers
from minidelve.tensor import Function, Tensor, refuse_bare_arrays


class LeakyReLU(Function):
    def forward(self, y, *, slope):
        self.slope = slope = number("leaky_relu", "slope", slope)
        self.save(y)
        return over_numbers(kernels_for(y).leaky_relu_forward, [y], slope)

    def backward(self, df):
        (y,) = self.saved
        return over_numbers(kernels_for(df, y).leaky_relu_backward, [df, y], self.slope)


def leaky_relu(y: Tensor, slope: float = 0.01) -> Tensor:
    """y where positive, slope * y elsewhere, for y of any shape. The default is the slope of the paper's LReLU."""
    refuse_bare_arrays("leaky_relu", y)
    return LeakyReLU.apply(y, slope=slope)
