"""ReLU: f(y) = max(0, y), the leaky ReLU whose slope is 0 (leaky_relu.py holds the gradient).

>>> y = Tensor([-2.0, 0.0, 3.0], requires_grad=True)
>>> relu(y).sum().backward()
>>> y.grad.tolist()                                  # 0 counts as negative
[0.0, 0.0, 1.0]
"""

from __future__ import annotations

from minidelve.ops.leaky_relu import leaky_relu
from minidelve.tensor import Tensor, refuse_bare_arrays


def relu(y: Tensor) -> Tensor:
    """max(0, y) elementwise, any shape."""
    refuse_bare_arrays("relu", y)
    return leaky_relu(y, slope=0.0)
