"""minidelve: "Delving Deep into Rectifiers" (He et al. 2015) as a small, readable, fast framework.

Start reading with minidelve/ops/prelu.py; docs/reading_order.md says how to go on.
"""

__version__ = "0.1.0"

from minidelve import interrupts as interrupts  # first: Ctrl-C may be pressed in the second that the rest takes

# isort: split
from typing import TYPE_CHECKING

from minidelve import models, nn, optim, testing
from minidelve.analysis.graph import graph
from minidelve.backend import use
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
from minidelve.pytorch_names import knowing_pytorch, names_of
from minidelve.tensor import Function, Tensor, no_grad

if TYPE_CHECKING:
    import os

    from minidelve.evaluation.trained_run import TrainedRun


@knowing_pytorch
def load(run: "str | os.PathLike[str]", device: str = "cpu") -> "TrainedRun":
    """The trained run of a folder or of an .npz file; minidelve/evaluation/trained_run.py says what it can do."""
    from minidelve.evaluation import trained_run  # late: it loads Pillow, which networks do not need

    return trained_run.load(run, device)


__all__ = [
    "Function",
    "Tensor",
    "avg_pool2d",
    "concat",
    "conv2d",
    "cross_entropy",
    "dropout",
    "flatten",
    "graph",
    "leaky_relu",
    "linear",
    "load",
    "local_response_norm",
    "log_softmax",
    "max_pool2d",
    "maximum",
    "minimum",
    "models",
    "nn",
    "no_grad",
    "optim",
    "prelu",
    "relu",
    "softmax",
    "spatial_pyramid_pool2d",
    "testing",
    "use",
]

__getattr__ = names_of(__name__)
