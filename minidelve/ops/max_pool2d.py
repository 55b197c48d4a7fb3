"""Max pooling: each window of a map becomes its largest value.

    f[n, c, i, j] = max over (u, v) of x[n, c, i s + u - p, j s + v - p]

Positions outside the map do not take part. A small change of x moves f only where x is the maximum. So with
(u*, v*) the first maximum's place in its window, its tap,

    df[n, c, i, j] goes to x[n, c, i s + u* - p, j s + v* - p]

and adds up where windows overlap.

>>> x = Tensor([[[[-1.0, -5.0], [-2.0, -3.0]]]], requires_grad=True)
>>> y = max_pool2d(x, 2)
>>> y.sum().backward()
>>> y.item(), x.grad.tolist()
(-1.0, [[[[1.0, 0.0], [0.0, 0.0]]]])
"""

from __future__ import annotations

import numpy as np

from minidelve.backend import kernels_for
from minidelve.ops.calling_kernels import empty_map, over_images
from minidelve.ops.geometry import Pair, pool_geometry
from minidelve.tensor import Function, Tensor, refuse_bare_arrays

MOST_TAPS = 32767  # the kernels note a tap as int16, in half the memory of a float32 f


class MaxPool2d(Function):
    def forward(self, x, *, kernel, stride, padding, out_size):
        self.size, self.window = x.shape[2:], (kernel, stride, padding)
        f, taps = empty_map(x, out_size), empty_map(x, out_size, np.int16)
        over_images(kernels_for(x).max_pool_forward, [x], *self.window, out_size, out=(f, taps))
        self.save(taps)
        return f

    def backward(self, df):
        (taps,) = self.saved
        dx = empty_map(df, self.size)
        return over_images(kernels_for(df, taps).max_pool_backward, [df, taps], self.size, *self.window, out=dx)


def max_pool2d(
    x: Tensor,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    *,
    ceil_mode: bool = False,
) -> Tensor:
    """The largest value of each window of x (N, C, H, W); stride defaults to kernel_size.

    ceil_mode lets the last window hang over the edge, as Caffe does. Raises ValueError for an empty map, a
    window that does not fit or has more than 32,767 taps, and a padding of more than half the window.
    """
    refuse_bare_arrays("max_pool2d", x)
    kernel, stride, padding, out = pool_geometry("max_pool2d", x.shape, kernel_size, stride, padding, ceil_mode)
    if kernel[0] * kernel[1] > MOST_TAPS:
        raise ValueError(f"max_pool2d: kernel {kernel} has more than {MOST_TAPS} taps; try x.max(axis=(2, 3))")
    return MaxPool2d.apply(x, kernel=kernel, stride=stride, padding=padding, out_size=out)
