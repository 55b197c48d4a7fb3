"""Functions of tensors that have a gradient, an op a file: derivation, then forward and backward side by side.

Functions of tensors and their derivations belong here. Layers and their parameters are in nn/, loops over single
numbers in kernels/. Importing this room gives Tensor its operators and methods.
"""

import numpy as np

from minidelve.backend import device_of
from minidelve.ops.avg_pool2d import avg_pool2d
from minidelve.ops.concat import concat
from minidelve.ops.conv import conv2d
from minidelve.ops.cross_entropy import cross_entropy
from minidelve.ops.dropout import dropout
from minidelve.ops.elementwise import (
    absolute,
    add,
    divide,
    exp,
    log,
    maximum,
    minimum,
    multiply,
    negate,
    power,
    sqrt,
    subtract,
)
from minidelve.ops.flatten import flatten
from minidelve.ops.leaky_relu import leaky_relu
from minidelve.ops.linear import linear
from minidelve.ops.local_response_norm import local_response_norm
from minidelve.ops.matmul import matmul
from minidelve.ops.max_pool2d import max_pool2d
from minidelve.ops.prelu import prelu
from minidelve.ops.reductions import argmax, max, mean, min, std, sum, var
from minidelve.ops.relu import relu
from minidelve.ops.shaping import getitem, permute, reshape, transpose, view
from minidelve.ops.softmax import log_softmax, softmax
from minidelve.ops.spatial_pyramid_pool2d import spatial_pyramid_pool2d
from minidelve.ops.to_device import cpu, to
from minidelve.pytorch_names import TENSOR, knowing_pytorch, missing, names_of
from minidelve.tensor import Tensor, as_array

METHODS = {
    "__add__": add,
    "__radd__": add,
    "__sub__": subtract,
    "__rsub__": lambda y, x: subtract(x, y),
    "__mul__": multiply,
    "__rmul__": multiply,
    "__truediv__": divide,
    "__rtruediv__": lambda y, x: divide(x, y),
    "__pow__": power,
    "__matmul__": matmul,
    "__rmatmul__": lambda y, x: matmul(x, y),
    "__neg__": negate,
    "__getitem__": getitem,
    "sum": sum,
    "mean": mean,
    "max": max,
    "min": min,
    "var": var,
    "std": std,
    "argmax": argmax,
    "exp": exp,
    "log": log,
    "sqrt": sqrt,
    "abs": absolute,
    "__abs__": absolute,
    "reshape": reshape,
    "view": view,
    "transpose": transpose,
    "permute": permute,
    "T": property(transpose),
    "to": to,
    "cpu": cpu,
}
for _name, _function in METHODS.items():
    setattr(Tensor, _name, knowing_pytorch(_function) if callable(_function) else _function)


def _missing_attribute(tensor, name):
    """Called for an attribute that a Tensor does not have."""
    raise missing(type(tensor).__name__, name, dir(Tensor), TENSOR)


for _name in ("__init__", "backward", "numpy", "tolist"):
    setattr(Tensor, _name, knowing_pytorch(getattr(Tensor, _name)))
Tensor.__getattr__ = _missing_attribute  # type: ignore[attr-defined]


def _comparison(compare):
    """Comparisons look at the numbers only: a boolean tensor outside the graph. Integers are compared exactly."""

    def method(x, y):
        try:
            y = as_array(y, beside=x.dtype if x.dtype.kind == "f" else np.dtype(float))
        except TypeError:
            if hasattr(y, "dtype"):
                raise
            return NotImplemented  # Python asks y, then says what it says of any two things
        device_of(x.data, y)
        return Tensor(compare(x.data, y))

    return method


for _name, _ufunc in {
    "__lt__": np.less,
    "__le__": np.less_equal,
    "__gt__": np.greater,
    "__ge__": np.greater_equal,
    "__eq__": np.equal,
    "__ne__": np.not_equal,
}.items():
    setattr(Tensor, _name, _comparison(_ufunc))

__all__ = [
    "absolute",
    "add",
    "avg_pool2d",
    "concat",
    "conv2d",
    "cross_entropy",
    "divide",
    "dropout",
    "exp",
    "flatten",
    "getitem",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log",
    "log_softmax",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "multiply",
    "negate",
    "power",
    "prelu",
    "relu",
    "reshape",
    "softmax",
    "spatial_pyramid_pool2d",
    "sqrt",
    "std",
    "subtract",
    "sum",
    "transpose",
    "var",
]

for _name in __all__:
    globals()[_name] = knowing_pytorch(globals()[_name])
__getattr__ = names_of(__name__)
