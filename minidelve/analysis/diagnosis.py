"""When a loss is NaN or infinite: which layer was the first whose output is not finite?"""

from __future__ import annotations

import numpy as np

from minidelve import nn
from minidelve.backend import array_module
from minidelve.tensor import Tensor, no_grad


def first_nonfinite_layer(network: nn.Sequential, x: Tensor) -> str:
    """Run the layers again one by one; the name of the first with an output that is not finite.

    A weight that is not finite is named as well: the layer's step went wrong before its output did.
    """
    with no_grad(), np.errstate(all="ignore"):
        for name, layer in network.named_children():
            x = layer(x)
            if not bool(array_module(x.data).isfinite(x.data).all()):
                bad = [n for n, p in layer.named_parameters() if not bool(array_module(p.data).isfinite(p.data).all())]
                return f"{name} ({type(layer).__name__})" + (f", whose {bad[0]} is not finite either" if bad else "")
    beside = (n for n, p in network.named_parameters() if not bool(array_module(p.data).isfinite(p.data).all()))
    if found := next(beside, None):  # an auxiliary classifier, which the layers above do not run through
        return f"none, but {found} is not finite"
    return "none: every layer is finite, its cross entropy is not"
