"""Learning-rate schedules. The paper: 1e-2, then 1e-3 and 1e-4 "when the error plateaus" (section 3).

Each schedule sets `optimizer.lr`; call step() once after every epoch. Both raise ValueError for arguments out of range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from minidelve.optim.sgd import SGD


class MultiStepLR:
    """Divide the rate by 10 after each milestone: milestones [12, 17] change epochs 13 and 18 (from 1).

    >>> from minidelve.nn import Linear
    >>> optimizer = SGD(Linear(1, 1).parameters(), lr=0.01)
    >>> schedule = MultiStepLR(optimizer, milestones=[1])
    >>> schedule.step()
    >>> round(optimizer.lr, 9)
    0.001
    """

    def __init__(self, optimizer: SGD, milestones: Sequence[int], gamma: float = 0.1):
        if list(milestones) != sorted(set(milestones)) or any(m < 1 for m in milestones):
            raise ValueError(f"milestones are {list(milestones)}; expected rising epoch numbers from 1, such as 12,17")
        self.optimizer, self.milestones, self.gamma = optimizer, list(milestones), gamma
        self.epoch, self.start = 0, optimizer.lr

    def step(self, error: float | None = None) -> None:
        """An epoch has ended (its error does not matter here)."""
        self.epoch += 1
        self.optimizer.lr = self.rate(self.epoch)

    def rate(self, epochs: int) -> float:
        """The rate after so many epochs."""
        return self.start * self.gamma ** sum(epochs >= milestone for milestone in self.milestones)

    def state_dict(self) -> dict:
        """What a checkpoint needs to go on from here."""
        return {"epoch": self.epoch, "start": self.start}

    def load_state_dict(self, state: dict) -> None:
        """Restore state_dict()."""
        self.epoch, self.start = state["epoch"], state["start"]


class ReduceLROnPlateau:
    """Divide the rate by 10 when the error has not improved for more than `patience` epochs in a row.

    threshold  by how many percentage points an error has to fall to count as an improvement (PyTorch's is
               a share of the error; a schedule of a loss wants a smaller one)
    min_lr     the rate never goes below; the paper stops at 1e-4
    """

    def __init__(
        self, optimizer: SGD, factor: float = 0.1, patience: int = 5, threshold: float = 0.1, min_lr: float = 1e-4
    ):
        if not 0 < factor < 1 or patience < 0:
            raise ValueError(f"plateau: factor {factor}, patience {patience}; expected 0 < factor < 1, patience >= 0")
        self.optimizer, self.factor, self.patience = optimizer, factor, patience
        self.threshold, self.min_lr = threshold, min_lr
        self.best, self.waited = math.inf, 0

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
