"""Loss scaling: gradients that float16 can hold (Micikevicius et al., arXiv 1710.03740, section 3.2).

In mixed precision (backend/precision.py) the gradient dE/dy of a layer's response is a factor of two products, so it is
rounded to float16, in which everything below 3e-8 is 0 and everything below 6e-5 has lost digits. Backward is linear
in what it begins with:

    dE/dE = 1  gives  dE/da;     dE/dE = s  gives  s dE/da                 at every layer                      (s)

So backward begins with a large s, and all the gradients on its way are s times as large. Those of the weights, which
are float32, are divided by s before the momentum step. s is a power of two, so neither changes a digit.

The largest s that does no harm depends on the network and the moment, so it is searched for. If a gradient is not
finite, s was too large (or the run diverges): s is halved and this step is left out. After GROWTH_STEPS good steps in
a row s is doubled.

>>> import numpy as np
>>> from minidelve.nn import Parameter
>>> scale, a = LossScale(1024.0), Parameter(np.ones(1, np.float32))
>>> a.grad = np.float32([512.0])
>>> scale.unscale([a]), a.grad.tolist()
(True, [0.5])
>>> a.grad = np.float32([np.inf])
>>> scale.unscale([a]), scale.scale
(False, 512.0)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minidelve.backend import array_module, device_of
from minidelve.tensor import Tensor

FIRST = 2.0**16  # if that is too large, the first few steps find out: each halves it
LEAST, MOST = 1.0, 2.0**24  # 2^24 lifts float16's least number to that of a gradient of 2e-15
GROWTH_STEPS = 1000  # a step lost to a scale that was too large should be rare


class LossScale:
    """s, and how it is found.

    loss.backward(scale.gradient(loss))
    if scale.unscale(parameters):
        optimizer.step()
    """

    def __init__(self, scale: float = FIRST):
        self.scale, self.good_steps = float(scale), 0

    def gradient(self, loss: Tensor) -> Any:
        """What backward begins with: s, of the loss's shape and on its device."""
        return array_module(loss.data).full_like(loss.data, self.scale)

    def unscale(self, parameters: Iterable[Tensor]) -> bool:
        """Divide every gradient by s in place and adapt s; False if one is not finite and the step must be left out.

        Raises FloatingPointError when gradients are not finite even at the lowest scale, LEAST.
        """
        gradients = [p.grad for p in parameters if p.grad is not None]
        for gradient in gradients:
            gradient *= gradient.dtype.type(1 / self.scale)
        if all_finite(gradients):
            self.good_steps += 1
            if self.good_steps % GROWTH_STEPS == 0:
                self.scale = min(2 * self.scale, MOST)
            return True
        if self.scale <= LEAST:
            raise FloatingPointError(f"gradients are not finite even with a loss scale of {self.scale:g}")
        self.scale, self.good_steps = self.scale / 2, 0
        return False

    def state_dict(self) -> dict[str, float]:
        """For a checkpoint."""
        return {"scale": self.scale, "good_steps": self.good_steps}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Restore what state_dict() gave."""
        self.scale, self.good_steps = float(state["scale"]), int(state["good_steps"])


def all_finite(arrays: list[Any]) -> bool:
    """Whether no number of any array is infinite or NaN; the device is waited for once."""
    if not arrays:
        return True
    if device_of(*arrays) == "cpu":
        return all(bool(np.isfinite(x).all()) for x in arrays)
    xp = array_module(*arrays)
    return bool(xp.stack([xp.isfinite(x).all() for x in arrays]).all())
