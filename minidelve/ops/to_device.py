"""t.to(device): the same numbers on another device.

A copy of every number, so its gradient is the copy back.

>>> x = Tensor([1.0, 2.0], requires_grad=True)
>>> x.to("cpu") is x
True
"""

from __future__ import annotations

from minidelve.backend import device_of, to_device
from minidelve.tensor import Function, Tensor


class ToDevice(Function):
    takes = "any"

    def forward(self, x, *, device):
        self.home = device_of(x)
        return to_device(x, device)

    def backward(self, df):
        return to_device(df, self.home)


def to(x: Tensor, device: str) -> Tensor:
    """This tensor on "cpu" or "cuda"; gradients flow back through the move.

    A leaf moved to another device is a new tensor made from it. Raises RuntimeError
    when CUDA cannot be used, ValueError for an unknown device.
    """
    return x if device == x.device else ToDevice.apply(x, device=device)


def cpu(x: Tensor) -> Tensor:
    """x.to("cpu"): this tensor on the CPU, itself if it is there."""
    return to(x, "cpu")
