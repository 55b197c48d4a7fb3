"""Plain gradient descent: the loop from which every training has grown.

    a := a - eps dE/da      for every parameter a, again and again

E is computed from all the data each time. Momentum is in sgd.py; batches, schedules and the rest in training/.

>>> a = Tensor([3.0], requires_grad=True)
>>> descend(lambda: (a * a).sum(), [a], lr=0.25, steps=3)
[9.0, 2.25, 0.5625]
>>> a.data.tolist()
[0.375]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from minidelve.tensor import Tensor


def descend(loss_of: Callable[[], Tensor], parameters: Sequence[Tensor], lr: float, steps: int) -> list[float]:
    """Take so many steps downhill; the loss before each of them.

    loss_of      computes the loss, a tensor of one element, from the parameters as they are when it is called
    parameters   leaves that want a gradient; one without any part in the loss stays as it is
    lr           eps
    """
    losses = []
    for _ in range(steps):
        for a in parameters:
            a.grad = None  # backward() adds to what it finds
        loss = loss_of()
        loss.backward()
        for a in parameters:
            if a.grad is not None:
                a.data = a.data - lr * a.grad
        losses.append(loss.item())
    return losses
