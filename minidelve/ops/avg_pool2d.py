"""Average pooling: each window of a map becomes its mean.

    f[n, c, i, j] = 1/m  sum over (u, v) of x[n, c, i s + u - p, j s + v - p]

The zeros of the frame count (m = kh kw), as in Caffe and PyTorch; only a window that ceil_mode
lets hang over the frame has a smaller m.  f is linear with slope 1/m in each x of the window:

    dE/dx = sum over the windows that hold x of  df / m

>>> avg_pool2d(Tensor([[[[1.0, 2.0], [3.0, 6.0]]]]), 2).item()
3.0
"""

from __future__ import annotations

from minidelve.backend import array_module, in_shares, kernels_for
from minidelve.ops.geometry import Pair, pool_geometry
from minidelve.ops.layout import channels_first, channels_last
from minidelve.tensor import Function, Tensor


class AvgPool2d(Function):
    def forward(self, x, *, kernel, stride, padding, out_size):
        self.size, self.window = x.shape[2:], (kernel, stride, padding)
        kernels, x = kernels_for(x), channels_last(x)
        y = array_module(x).empty((len(x), *out_size, x.shape[3]), x.dtype)
        in_shares(lambda s: kernels.avg_pool_forward(x[s], *self.window, out_size, out=y[s]), len(x), x)
        return channels_first(y)

    def backward(self, df):
        kernels, df = kernels_for(df), channels_last(df)
        dx = array_module(df).empty((len(df), *self.size, df.shape[3]), df.dtype)
        in_shares(lambda s: kernels.avg_pool_backward(df[s], self.size, *self.window, out=dx[s]), len(df), df)
        return channels_first(dx)


def avg_pool2d(
    x: Tensor,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    ceil_mode: bool = False,
) -> Tensor:
    """The mean of each window of x (N, C, H, W); arguments and errors as for max_pool2d."""
    kernel, stride, padding, out = pool_geometry("avg_pool2d", x.shape, kernel_size, stride, padding, ceil_mode)
    return AvgPool2d.apply(x, kernel=kernel, stride=stride, padding=padding, out_size=out)
