"""Average pooling: each window of a map becomes its mean.

    f[n, c, i, j] = 1/m  sum over (u, v) of x[n, c, i s + u - p, j s + v - p]

The zeros of the frame count, m = kh kw, as in Caffe and PyTorch. Only a window that ceil_mode lets hang over
the frame has a smaller m. f is linear, with slope 1/m in each x of the window:

    dE/dx = sum over the windows that hold x of  df / m

>>> avg_pool2d(Tensor([[[[1.0, 2.0], [3.0, 6.0]]]]), 2).item()
3.0
"""

from __future__ import annotations

from minidelve.backend import kernels_for
from minidelve.ops.calling_kernels import empty_map, over_images
from minidelve.ops.geometry import Pair, pool_geometry
from minidelve.tensor import Function, Tensor, refuse_bare_arrays


class AvgPool2d(Function):
    def forward(self, x, *, kernel, stride, padding, out_size):
        self.size, self.window = x.shape[2:], (kernel, stride, padding)
        f = empty_map(x, out_size)
        return over_images(kernels_for(x).avg_pool_forward, [x], *self.window, out_size, out=f)

    def backward(self, df):
        dx = empty_map(df, self.size)
        return over_images(kernels_for(df).avg_pool_backward, [df], self.size, *self.window, out=dx)


def avg_pool2d(
    x: Tensor,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    ceil_mode: bool = False,
) -> Tensor:
    """The mean of each window of x (N, C, H, W); arguments and errors are those of max_pool2d."""
    refuse_bare_arrays("avg_pool2d", x)
    kernel, stride, padding, out = pool_geometry("avg_pool2d", x.shape, kernel_size, stride, padding, ceil_mode)
    return AvgPool2d.apply(x, kernel=kernel, stride=stride, padding=padding, out_size=out)
