"""Layers: the ops of minidelve/ops with their parameters, under PyTorch's names.

Weights are initialized by the paper's equation (10), or by `init(weight, rng=rng)`; biases by 0. Called with a wrong
shape, a layer raises what its op raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from minidelve import ops
from minidelve.errors import shown
from minidelve.nn.init import he_normal_
from minidelve.nn.module import Module, Parameter
from minidelve.ops.arguments import check_generator
from minidelve.ops.geometry import Pair, as_pair
from minidelve.ops.layout import channels_first
from minidelve.tensor import Tensor

Initializer = Callable[..., object]  # fills a weight in place: init(weight, rng=...)


class Conv2d(Module):
    """2-D convolution of (N, in_channels, H, W): weight (out, in, kh, kw), bias (out,) or None.

    kernel_size, stride and padding are in pixels, an int or a pair (vertical, horizontal); ValueError for others.
    The weight's memory is (out, kh, kw, in), the order in which conv2d multiplies (ops/layout.py).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        *,
        bias: bool = True,
        rng: np.random.Generator | None = None,
        init: Initializer = he_normal_,
    ):
        check_sizes("Conv2d", bias, in_channels=in_channels, out_channels=out_channels)
        kernel = as_pair("Conv2d", "kernel_size", kernel_size, 1)
        self.stride, self.padding = as_pair("Conv2d", "stride", stride, 1), as_pair("Conv2d", "padding", padding, 0)
        self.weight = Parameter(channels_first(np.empty((out_channels, *kernel, in_channels), np.float32)))
        self.bias = Parameter(np.zeros(out_channels, np.float32)) if bias else None
        init(self.weight, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, OH, OW)."""
        return ops.conv2d(x, self.weight, self.bias, self.stride, self.padding)

    def extra(self) -> str:
        out, inn, kh, kw = self.weight.shape
        return f"{inn}, {out}, kernel_size=({kh}, {kw}), stride={self.stride}, padding={self.padding}"


class Linear(Module):
    """Fully connected layer: weight (out, in), bias (out,) or None."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: np.random.Generator | None = None,
        init: Initializer = he_normal_,
    ):
        check_sizes("Linear", bias, in_features=in_features, out_features=out_features)
        self.weight = Parameter(np.empty((out_features, in_features), np.float32))
        self.bias = Parameter(np.zeros(out_features, np.float32)) if bias else None
        init(self.weight, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in) -> (N, out)."""
        return ops.linear(x, self.weight, self.bias)

    def extra(self) -> str:
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}"


class PReLU(Module):
    """PReLU with learned slopes a: num_parameters=1 is shared by the layer, =C is one per channel.

    a starts at 0.25 and has no weight decay (paper, section 2.1).
    """

    keeps_shape = True

    def __init__(self, num_parameters: int = 1, init: float = 0.25):
        check_sizes("PReLU", num_parameters=num_parameters)
        self.a = Parameter(np.full(num_parameters, init, np.float32), weight_decay=False)

    def forward(self, y: Tensor) -> Tensor:
        """Any (N, C, ...), same shape out."""
        return ops.prelu(y, self.a)

    def extra(self) -> str:
        return str(len(self.a))


class ReLU(Module):
    """max(0, y)."""

    keeps_shape = True

    def forward(self, y: Tensor) -> Tensor:
        """Any shape, same shape out."""
        return ops.relu(y)


class LeakyReLU(Module):
    """y, or slope * y where y <= 0; the paper's LReLU has slope 0.01."""

    keeps_shape = True

    def __init__(self, slope: float = 0.01):
        if isinstance(slope, bool):
            raise TypeError(f"LeakyReLU: slope is {slope}; expected a number (nothing is written in place)")
        self.slope = slope

    def forward(self, y: Tensor) -> Tensor:
        """Any shape, same shape out."""
        return ops.leaky_relu(y, self.slope)

    def extra(self) -> str:
        return str(self.slope)


class _Pool2d(Module):
    def __init__(self, kernel_size: int | Pair, stride: int | Pair | None, padding: int | Pair, ceil_mode: bool):
        self.kernel_size = as_pair(type(self).__name__, "kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else as_pair(type(self).__name__, "stride", stride, 1)
        self.padding, self.ceil_mode = padding, ceil_mode

    def extra(self) -> str:
        return f"{self.kernel_size}, stride={self.stride}, padding={self.padding}, ceil_mode={self.ceil_mode}"


class MaxPool2d(_Pool2d):
    """The largest value of each window; stride defaults to kernel_size."""

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        *,
        ceil_mode: bool = False,
    ):
        super().__init__(kernel_size, stride, padding, ceil_mode)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, OH, OW)."""
        return ops.max_pool2d(x, self.kernel_size, self.stride, self.padding, ceil_mode=self.ceil_mode)


class AvgPool2d(_Pool2d):
    """The mean of each window; stride defaults to kernel_size."""

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        ceil_mode: bool = False,
    ):
        super().__init__(kernel_size, stride, padding, ceil_mode)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, OH, OW)."""
        return ops.avg_pool2d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode)


class SpatialPyramidPool2d(Module):
    """Maxima of n x n bins for each level n: a vector of C * sum n^2 from a map of any size."""

    def __init__(self, levels: Sequence[int]):
        self.levels = tuple(levels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C * sum n^2)."""
        return ops.spatial_pyramid_pool2d(x, self.levels)

    def extra(self) -> str:
        return str(self.levels)


class LocalResponseNorm(Module):
    """AlexNet's normalisation over `size` neighbouring channels; this paper's networks do not use it."""

    keeps_shape = True

    def __init__(self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...), same shape out."""
        return ops.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class Dropout(Module):
    """While training, zero units with probability p and scale the rest by 1 / (1 - p).

    `rng` is the layer's generator; training sets it anew each epoch, so that a run can be repeated.
    Raises ValueError unless 0 <= p < 1.
    """

    keeps_shape = True

    def __init__(self, p: float = 0.5, rng: np.random.Generator | None = None):
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: p is {p}; expected 0 <= p < 1")
        check_generator("Dropout", rng)
        self.p, self.rng = p, rng

    def forward(self, x: Tensor) -> Tensor:
        """Any shape, same shape out."""
        return ops.dropout(x, self.p, self.training, self.rng)

    def extra(self) -> str:
        return f"p={self.p}"


class Flatten(Module):
    """(N, ...) -> (N, product of the rest)."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C H W), channels slowest."""
        return ops.flatten(x)


def check_sizes(layer: str, bias: bool = True, **sizes: int) -> None:
    """TypeError or ValueError unless the sizes are integers of at least 1, and bias is True or False."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int | np.integer):
            raise TypeError(f"{layer}: {name} is {shown(size)}; expected an integer >= 1")
        if size < 1:
            raise ValueError(f"{layer}: {name} is {size}; expected an integer >= 1")
    if not isinstance(bias, bool | np.bool_):
        raise TypeError(f"{layer}: bias is {shown(bias)}; expected True or False")
