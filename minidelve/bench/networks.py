"""Whole steps of a network, ours and PyTorch's: the same weights, images and work.

    training    forward, cross entropy, backward, momentum step; dropout on
    inference   forward alone, no gradients, dropout off

Before anything is timed, both sides answer to the same batch with dropout off: their logits and the gradients
of every parameter must agree, or there is no ratio.  PyTorch runs in both of its memory layouts, NCHW and
channels_last, and the better one of each round counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from minidelve import models, ops, optim
from minidelve.bench.timing import Side
from minidelve.bench.twin import sgd_for, twin_of
from minidelve.tensor import Tensor, no_grad

CLASSES = 1000
LR = 1e-5  # small: a diverging network would compute with infinities
AGREEMENT = 1e-3  # of logits, float32
# Of gradients: where rounding turns a maximum or a kink the other way, a whole term moves.  model_a's conv1 is
# 0.006 of its norm away from PyTorch's with im2col, 0.007 with Winograd (docs/measurements.md).
GRADIENT_AGREEMENT = 2e-2


class DifferentWork(RuntimeError):
    """Two sides that do not compute the same thing: no ratio of their times has a meaning."""


@dataclass(frozen=True)
class Job:
    """A network and its batch: name, number of images, their side in pixels, "training" or "inference"."""

    model: str
    batch: int
    size: int
    mode: str

    def __str__(self) -> str:
        return f"{self.model} {self.mode}, batch {self.batch}, {self.size} px"


def batch_of(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """Seeded random images, as a loader hands them out (NCHW whose memory is NHWC), and labels."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((job.batch, job.size, job.size, 3), dtype=np.float32)
    return x.transpose(0, 3, 1, 2), rng.integers(0, CLASSES, job.batch)


def our_side(job: Job) -> tuple[models.Network, Side]:
    """The network, and one step of it."""
    network = models.create(job.model, CLASSES)
    x, targets = batch_of(job)
    if job.mode == "inference":
        network.eval()
        return network, partial(_infer, network, x)
    return network, partial(_train, network, optim.SGD(network.parameters(), LR), x, targets)


def _infer(network: models.Network, x: np.ndarray) -> np.ndarray:
    with no_grad():
        return network(Tensor(x)).data


def _train(network: models.Network, optimizer: optim.SGD, x: np.ndarray, targets: np.ndarray) -> float:
    optimizer.zero_grad()
    loss = ops.cross_entropy(network(Tensor(x)), targets)
    loss.backward()
    optimizer.step()
    return loss.item()


def their_side(torch: Any, job: Job, network: models.Network, layout: str, compiled: bool = False) -> tuple[Any, Side]:
    """The twin of `network` in a memory layout, and one step of it."""
    memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    twin = twin_of(torch, network).to(memory_format=memory_format)
    x, targets = (torch.from_numpy(a) for a in batch_of(job))
    x = x.contiguous(memory_format=memory_format)
    call: Callable[..., Any] = torch.compile(twin) if compiled else twin
    if job.mode == "inference":
        twin.eval()

        def infer():
            with torch.no_grad():
                return call(x)

        return twin, infer
    optimizer = sgd_for(torch, twin, LR)

    def train():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(call(x), targets)
        loss.backward()
        optimizer.step()
        return loss.item()

    return twin, train


def check_same_work(torch: Any, job: Job, network: models.Network, twin: Any) -> float:
    """The largest relative difference of logits and gradients on the job's batch; DifferentWork above the bounds.

    Call it before either side has taken a step.
    """
    x, targets = batch_of(job)
    x, targets = x[:4], targets[:4]  # enough to tell; all of it would cost a step's memory on both sides
    modes = network.training, twin.training
    network.eval(), twin.eval()
    logits, theirs = network(Tensor(x)), twin(torch.from_numpy(x))
    pairs = [("the logits", AGREEMENT, logits.data, theirs.detach().numpy())]
    if job.mode == "training":
        ops.cross_entropy(logits, targets).backward()
        torch.nn.functional.cross_entropy(theirs, torch.from_numpy(targets)).backward()
        for (name, ours), other in zip(network.named_parameters(), twin.parameters(), strict=True):
            pairs.append((f"the gradient of {name}", GRADIENT_AGREEMENT, ours.grad, other.grad.numpy()))
            ours.grad = other.grad = None
    network.train(modes[0]), twin.train(modes[1])
    worst = 0.0
    for what, bound, ours, other in pairs:
        difference = relative_difference(ours, other)
        worst = max(worst, difference)
        if not difference <= bound:
            raise DifferentWork(f"{job}: {what} differ by {difference:.2g} of their size; expected {bound:g}")
    return worst


def relative_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """|ours - theirs| / |theirs|, Euclidean norms: a single unit at its kink does not decide."""
    size = np.linalg.norm(theirs)
    return float(np.linalg.norm(ours - theirs) / size) if size else float(np.linalg.norm(ours))
