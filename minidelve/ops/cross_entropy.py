"""Cross entropy of a softmax: how surprised the network is by the right class, in nats.

    E = -1/N sum_n log softmax(z_n)[t_n]            t_n the right class of row n

The term of row n depends on z_n alone, through the entry t_n of its log softmax, whose gradient (softmax.py) gives

    dE/dz[n, k] = 1/N (softmax(z_n)[k] - [k = t_n])           [k = t] is 1 if k = t, else 0

the predicted distribution minus the true one.

A network that has learned nothing gives every class the same probability: E = ln(classes).

>>> import numpy as np
>>> round(cross_entropy(Tensor([[0.0] * 10]), np.array([3])).item(), 4)     # ln 10
2.3026
"""

from __future__ import annotations

from typing import Any

from minidelve.backend import array_module, to_device
from minidelve.ops.softmax import log_probabilities
from minidelve.tensor import Function, Tensor, as_array, refuse_bare_arrays


class CrossEntropy(Function):
    def forward(self, z, *, targets):
        self.rows, self.targets = array_module(z).arange(len(z)), targets
        f = log_probabilities(z, axis=1)
        self.save(f)
        return -f[self.rows, targets].mean()

    def backward(self, df):
        (f,) = self.saved
        dz = array_module(f).exp(f)
        dz[self.rows, self.targets] -= 1
        return dz * (df / len(dz))


def cross_entropy(logits: Tensor, targets: Any) -> Tensor:
    """Mean cross entropy of logits (N, classes) against targets: integer array (N,) of class numbers.

    Raises TypeError for targets other than integers, ValueError for another shape, an empty batch
    or a class that does not exist.
    """
    refuse_bare_arrays("cross_entropy", logits)
    try:
        targets = as_array(targets).copy()  # backward needs it
    except TypeError as error:
        raise TypeError(f"cross_entropy: targets: {error}") from error
    if logits.ndim != 2 or targets.shape != logits.shape[:1] or 0 in logits.shape:
        raise ValueError(
            f"cross_entropy: logits have shape {logits.shape} and targets {targets.shape}; expected (N, classes) "
            "and (N,) with N >= 1"
        )
    if targets.dtype.kind not in "iu":
        raise TypeError(f"cross_entropy: targets are {targets.dtype}; expected integers, the number of the right class")
    classes = logits.shape[1]
    if bool(((targets < 0) | (targets >= classes)).any()):
        wrong = targets[(targets < 0) | (targets >= classes)][0]
        raise ValueError(f"cross_entropy: target {wrong} names no class; expected 0 to {classes - 1}")
    # Checked where they lay: to look into the device's memory is to wait for all that is under way there.
    return CrossEntropy.apply(logits, targets=to_device(targets, logits.device))
