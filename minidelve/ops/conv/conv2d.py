"""conv2d: the function. It checks its arguments, chooses an algorithm, and lets that compute.

The mathematics is in the algorithms' files: begin with im2col.py.

>>> import numpy as np
>>> x = Tensor(np.arange(9.0).reshape(1, 1, 3, 3))
>>> conv2d(x, Tensor(np.ones((1, 1, 2, 2)))).data.tolist()
[[[[8.0, 12.0], [20.0, 24.0]]]]
"""

from __future__ import annotations

from typing import Any

from minidelve.backend import float_dtype, precision
from minidelve.ops.conv.activation import Rectifier, as_rectifier
from minidelve.ops.conv.choice import ALGORITHMS, asked, choose
from minidelve.ops.conv.outliers import is_even
from minidelve.ops.conv.scaffold import Convolution, Layer
from minidelve.ops.geometry import Pair, as_pair, output_size
from minidelve.ops.layout import channels_last
from minidelve.ops.leaky_relu import leaky_relu
from minidelve.ops.prelu import prelu
from minidelve.tensor import Tensor, refuse_bare_arrays


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride=1,
    padding=0,
    algorithm: str = "auto",
    activation: Tensor | Rectifier | float | None = None,
) -> Tensor:
    """Convolve x (N, C, H, W) with weight (O, C, kh, kw), add bias (O,): (N, O, OH, OW).

    stride and padding are an int or a pair (vertical, horizontal);
    OH = floor((H + 2 padding - kh) / stride) + 1. As in other frameworks this is a correlation: the kernel
    is not flipped. Paper: section 2.2, equation (5).

    algorithm is "im2col", "direct" (padding below the kernel's size), "winograd" (stride 1, kernel 2x2 or 3x3) or
    "auto", the fastest of them for the shape (choice.py). All compute the same but for rounding; winograd rounds
    more, so float64 takes it only when asked, and "auto" leaves it where a number of x, of weight or of dE/dy stands
    out among the others (outliers.py).

    activation is the slope of a rectifier that is applied to the response before it reaches memory (activation.py): a
    Tensor a of shape (O,) or (1,) for prelu(y, a), a number for leaky_relu(y, slope), 0 for relu(y); or a Rectifier,
    which is one of these with its slopes read already. The result is that of the two ops.

    Raises ValueError when shapes do not fit or no output position is left, and when the algorithm cannot do it.
    """
    refuse_bare_arrays("conv2d", x, weight, optional=[bias])
    stride, padding, size = geometry_of(x, weight, bias, stride, padding)
    dtype = float_dtype(*(z.dtype for z in (x, weight, bias) if z is not None))
    layer = Layer(weight.shape, stride, padding, size, dtype, x.device, precision.is_strict(), x.requires_grad)
    function, careful = algorithm_for(layer, algorithm, x, weight)
    rectifier = as_rectifier(activation)
    a, slope = rectifier.a, rectifier.slope
    if a is not None and a.shape not in ((1,), weight.shape[:1]):
        raise ValueError(f"conv2d: activation has slopes of shape {a.shape}; expected (1,) or {weight.shape[:1]}")
    if not rectifier.fits_in_place(dtype):
        y = conv2d(x, weight, bias, stride, padding, algorithm)
        return prelu(y, a) if a is not None else leaky_relu(y, slope or 0.0)
    return function.apply(x, weight, bias, a, stride=stride, padding=padding, slope=slope, careful=careful)


def geometry_of(x: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any) -> tuple[Pair, Pair, Pair]:
    """(stride, padding, output size), as pairs. Raises ValueError for shapes that do not fit."""
    if x.ndim != 4 or weight.ndim != 4 or x.shape[1] != weight.shape[1] or 0 in weight.shape:
        raise ValueError(
            f"conv2d: x has shape {x.shape} and weight {weight.shape}; expected (N, C, H, W) and (O, C, kh, kw) "
            "with the same C"
        )
    if bias is not None and bias.shape != (len(weight),):
        raise ValueError(f"conv2d: bias has shape {bias.shape}; expected ({len(weight)},)")
    stride, padding = as_pair("conv2d", "stride", stride, 1), as_pair("conv2d", "padding", padding, 0)
    size = output_size(x.shape[2:], weight.shape[2:], stride, padding)
    if min(size) < 1:
        raise ValueError(
            f"conv2d: kernel {weight.shape[2:]} does not fit the map {x.shape[2:]} with padding {padding}; "
            "give a larger x or more padding"
        )
    return stride, padding, size


def algorithm_for(layer: Layer, name: str, x: Tensor, weight: Tensor) -> tuple[type[Convolution], bool]:
    """The algorithm of this name, and whether it is to be careful: whether it may look at the numbers of dE/dy too.

    Only where nobody has named an algorithm do numbers decide. Raises ValueError for one that is unknown or cannot
    compute the layer.
    """
    if name not in ("auto", *ALGORITHMS):
        raise ValueError(
            f"conv2d: algorithm {name!r} is unknown; expected 'auto', 'im2col', 'direct' or 'winograd'; there is "
            "no dilation"
        )
    careful, name = name == asked() == "auto", choose(layer) if name == "auto" else name
    if careful and name == "winograd" and not (is_even(channels_last(x.data)) and is_even(channels_last(weight.data))):
        name = "im2col"
    if why := ALGORITHMS[name].cannot(layer):
        raise ValueError(f"conv2d: {why}; use algorithm='auto'")
    return ALGORITHMS[name], careful
