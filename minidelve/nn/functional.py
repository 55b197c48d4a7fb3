"""The ops under the name that PyTorch's users import them by: `from minidelve.nn import functional as F`.

They are the functions of minidelve itself, with their arguments: F.relu is minidelve.relu.
"""

from minidelve.ops import (
    avg_pool2d,
    concat,
    conv2d,
    cross_entropy,
    dropout,
    flatten,
    leaky_relu,
    linear,
    local_response_norm,
    log_softmax,
    max_pool2d,
    maximum,
    minimum,
    prelu,
    relu,
    softmax,
    spatial_pyramid_pool2d,
)
from minidelve.pytorch_names import names_of

__all__ = [
    "avg_pool2d",
    "concat",
    "conv2d",
    "cross_entropy",
    "dropout",
    "flatten",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log_softmax",
    "max_pool2d",
    "maximum",
    "minimum",
    "prelu",
    "relu",
    "softmax",
    "spatial_pyramid_pool2d",
]

__getattr__ = names_of(__name__)
