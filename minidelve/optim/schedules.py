"""Learning-rate schedules. The paper: 1e-2, then 1e-3 and 1e-4 "when the error plateaus" (section 3).

A schedule changes `optimizer.lr`, also one that was set by hand; call step() once after every epoch. Both raise
ValueError for arguments out of range, and TypeError for what is no SGD.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from minidelve.errors import shown
from minidelve.optim.sgd import SGD
from minidelve.pytorch_names import SCHEDULE, knowing_pytorch, missing


class Schedule:
    """What sets an optimizer's rate, epoch after epoch."""

    optimizer: SGD

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Called for a name that is not there: AttributeError with the cure."""
            raise missing(type(self).__name__, name, dir(self), SCHEDULE)


def stepped(start: float, milestones: Iterable[int], epochs: int, gamma: float = 0.1) -> float:
    """The rate that began as `start`, after so many epochs: multiplied by gamma once for each milestone passed."""
    return start * gamma ** sum(epochs >= milestone for milestone in milestones)


class MultiStepLR(Schedule):
    """Multiply the rate by gamma after each milestone: milestones [12, 17] change epochs 13 and 18 (from 1).

    >>> from minidelve.nn import Linear
    >>> optimizer = SGD(Linear(1, 1).parameters(), lr=0.01)
    >>> schedule = MultiStepLR(optimizer, milestones=[1])
    >>> schedule.step()
    >>> round(optimizer.lr, 9)
    0.001
    """

    milestones: list[int]
    gamma: float
    epoch: int
    start: float

    @knowing_pytorch
    def __init__(self, optimizer: SGD, milestones: Iterable[int], gamma: float = 0.1):
        check_optimizer("MultiStepLR", optimizer)
        epochs = list(milestones) if isinstance(milestones, Iterable) else [milestones]
        if epochs != sorted({m for m in epochs if is_epoch(m)}) or not isinstance(milestones, Iterable):
            given = epochs if isinstance(milestones, Iterable) else milestones
            raise ValueError(f"milestones are {shown(given)}; expected rising epoch numbers from 1, such as [12, 17]")
        if isinstance(gamma, bool) or not isinstance(gamma, Real) or not 0 < gamma < math.inf:
            raise ValueError(f"MultiStepLR: gamma is {shown(gamma)}; expected a number above 0")
        self.optimizer, self.milestones, self.gamma = optimizer, epochs, gamma
        self.epoch, self.start = 0, optimizer.lr

    @knowing_pytorch
    def step(self, error: float | None = None) -> None:
        """An epoch has ended (its error does not matter here)."""
        self.epoch += 1
        if self.epoch in self.milestones:
            self.optimizer.lr *= self.gamma

    def rate(self, epochs: int) -> float:
        """The rate after so many epochs of a run in which nobody sets it by hand."""
        return stepped(self.start, self.milestones, epochs, self.gamma)

    def state_dict(self) -> dict:
        """What a checkpoint needs to go on from here: the optimizer's state has the rate."""
        return {"epoch": self.epoch, "start": self.start}

    def load_state_dict(self, state: dict) -> None:
        """Restore state_dict()."""
        self.epoch, self.start = state["epoch"], state["start"]


class ReduceLROnPlateau(Schedule):
    """Multiply the rate by `factor` when the error has not improved for more than `patience` epochs in a row.

    threshold  by how many percentage points an error has to fall to count as an improvement (PyTorch's is
               a share of the error; a schedule of a loss wants a smaller one)
    min_lr     the rate never goes below; the paper stops at 1e-4
    """

    @knowing_pytorch
    def __init__(
        self, optimizer: SGD, *, factor: float = 0.1, patience: int = 5, threshold: float = 0.1, min_lr: float = 1e-4
    ):
        check_optimizer("ReduceLROnPlateau", optimizer)
        for name, value in (("factor", factor), ("patience", patience), ("threshold", threshold), ("min_lr", min_lr)):
            if isinstance(value, bool) or not isinstance(value, Real):
                raise TypeError(f"ReduceLROnPlateau: {name} is {shown(value)}; expected a number")
        if not 0 < factor < 1 or patience < 0:
            raise ValueError(f"plateau: factor {factor}, patience {patience}; expected 0 < factor < 1, patience >= 0")
        self.optimizer, self.factor, self.patience = optimizer, factor, patience
        self.threshold, self.min_lr = threshold, min_lr
        self.best, self.waited = math.inf, 0

    @knowing_pytorch
    def step(self, error: float) -> None:
        """An epoch has ended with this validation error (in percent, as `threshold` is)."""
        error = float(error)
        if error < self.best - self.threshold:
            self.best, self.waited = error, 0
            return
        self.waited += 1
        if self.waited > self.patience:
            floor = min(self.min_lr, self.optimizer.lr)  # a rate that began below min_lr stays where it is
            self.optimizer.lr = max(self.optimizer.lr * self.factor, floor)
            self.waited = 0

    def state_dict(self) -> dict:
        """What a checkpoint needs to go on from here."""
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state: dict) -> None:
        """Restore state_dict()."""
        self.best, self.waited = state["best"], state["waited"]


def check_optimizer(schedule: str, optimizer: SGD) -> None:
    """TypeError unless it is an SGD."""
    if not isinstance(optimizer, SGD):
        raise TypeError(f"{schedule}: got a {type(optimizer).__name__}; expected an SGD, whose rate it divides")


def is_epoch(number: object) -> bool:
    """Whether it is an epoch's number, from 1."""
    return isinstance(number, Integral) and not isinstance(number, bool) and int(number) >= 1
