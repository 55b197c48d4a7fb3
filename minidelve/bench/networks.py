"""Whole steps of a network, ours and PyTorch's: the same weights, images and work.

    training    forward, cross entropy, backward, momentum step; dropout on
    inference   forward alone, no gradients, dropout off

Ours is the step of `minidelve train` itself (train.py).  On a GPU both sides find the batch in its memory: loading is
not what is compared.  Ours then looks at the loss while backward runs; PyTorch's is not looked at at all, which is
the faster for it.

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

from minidelve import data, models, ops, optim
from minidelve.backend import to_device
from minidelve.backend.precision import using_precision
from minidelve.bench.timing import Side
from minidelve.bench.twin import allow_tf32, as_numpy, autocast, sgd_for, twin_of
from minidelve.tensor import Tensor, no_grad
from minidelve.training.config import Config
from minidelve.training.loop import train_step
from minidelve.training.run import Run

CLASSES = 1000
LR = 1e-5  # small: a diverging network would compute with infinities
# Steps to take before timing in mixed precision: loss scales begin at 2^16 on both sides, and every step that finds its
# own too large halves it and is left out.
SETTLING_STEPS = 12


@dataclass(frozen=True)
class Bounds:
    """By how much logits and gradients may differ, relative to their size."""

    logits: float
    gradients: float


# float32's rounding is 6e-8 of a number; logits come to 1e-6 (measured on two CPUs' libraries).  Of gradients: where
# rounding turns a maximum or a kink the other way, a whole term moves.  model_a's conv1 is 0.006 of its norm away from
# PyTorch's with im2col, 0.007 with Winograd (docs/measurements.md).
#
# Factors of 10 bits are rounded by up to 5e-4: logits come to 0.8e-3 (lab14), 0.9e-3 (small14), 1.0e-3 (model_a) of
# what float32 gives.  The same 5e-4 sends more units over their kinks, and a share p of them wrongly passing or holding
# back their gradient changes its norm by about the square root of p: conv1 is 0.07, 0.10 and 0.13 away, with us as with
# PyTorch, and as it rounds at other places, up to 1.4 times as far from each other.  0.3 is no fine test.  It finds a
# gradient that is lost, doubled or not divided by its scale; that both do the same work is shown in float32 first.
BOUNDS = {"fp32": Bounds(1e-3, 2e-2), "tf32": Bounds(1e-2, 0.3), "mixed": Bounds(1e-2, 0.3)}
CHECK_SCALE = 1024.0  # of the loss in mixed precision while comparing: small enough for float16, and not searched for


class DifferentWork(RuntimeError):
    """Two sides that do not compute the same thing: no ratio of their times has a meaning."""


@dataclass(frozen=True)
class Job:
    """A network and its batch: name, number of images, their side in pixels, "training" or "inference".

    Where and how: "cpu" or "cuda", and a precision of precision.py.
    """

    model: str
    batch: int
    size: int
    mode: str
    device: str = "cpu"
    precision: str = "fp32"

    def __str__(self) -> str:
        where = f", cuda, {self.precision}" if self.device == "cuda" else ""
        return f"{self.model} {self.mode}, batch {self.batch}, {self.size} px{where}"


def batch_of(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """Seeded random images, as a loader hands them out (NCHW whose memory is NHWC), and labels."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((job.batch, job.size, job.size, 3), dtype=np.float32)
    return x.transpose(0, 3, 1, 2), rng.integers(0, CLASSES, job.batch)


def our_side(job: Job) -> tuple[models.Network, Side]:
    """The network on the job's device, and one step of it."""
    network = models.create(job.model, CLASSES)
    network.to(job.device)
    x, targets = batch_of(job)
    x = to_device(x, job.device)
    if job.mode == "inference":
        network.eval()
        return network, _rounding(job, partial(_infer, network, x))
    return network, _rounding(job, partial(train_step, _run_of(job, network), x, targets, "the benchmark"))


def _rounding(job: Job, step: Side) -> Side:
    def rounding_step() -> Any:
        with using_precision(job.precision):
            return step()

    return rounding_step


def _infer(network: models.Network, x: np.ndarray) -> Any:
    with no_grad():
        return network(Tensor(x)).data


def _run_of(job: Job, network: models.Network) -> Run:
    """A training run as train.py would have it, as far as a step needs one."""
    config = Config(
        model=job.model, batch_size=job.batch, size=job.size, device=job.device, precision=job.precision, lr=LR
    )
    optimizer = optim.SGD(network.parameters(), LR)
    statistics = data.Statistics(np.zeros((job.size, job.size, 3), np.float32), 1.0)
    run = Run(config, network, optimizer, optim.MultiStepLR(optimizer, []), statistics, [], [])
    run.loss_scale = optim.LossScale() if job.precision == "mixed" else None
    return run


def their_side(torch: Any, job: Job, network: models.Network, layout: str, compiled: bool = False) -> tuple[Any, Side]:
    """The twin of `network` in a memory layout, and one step of it."""
    memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    twin = twin_of(torch, network).to(device=job.device, memory_format=memory_format)
    x, targets = (torch.from_numpy(a).to(job.device) for a in batch_of(job))
    x = x.contiguous(memory_format=memory_format)
    call: Callable[..., Any] = torch.compile(twin) if compiled else twin
    allow_tf32(torch, job.precision)
    if job.mode == "inference":
        twin.eval()

        def infer():
            with torch.no_grad(), autocast(torch, job.device, job.precision):
                return call(x)

        return twin, infer
    optimizer = sgd_for(torch, twin, LR)
    scaler = torch.amp.GradScaler(job.device, enabled=job.precision == "mixed")  # hands everything on if not enabled

    def train():
        optimizer.zero_grad()
        with autocast(torch, job.device, job.precision):
            loss = torch.nn.functional.cross_entropy(call(x), targets)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss.detach()

    return twin, train


def settle(job: Job, step: Side) -> None:
    """Take the steps after which a loss scale has found its size; none where there is none."""
    for _ in range(SETTLING_STEPS if job.precision == "mixed" and job.mode == "training" else 0):
        step()


def check_same_work(torch: Any, job: Job, network: models.Network, twin: Any) -> dict[str, float]:
    """The largest relative difference of logits and gradients on the job's batch; DifferentWork above the bounds.

    In tf32 and mixed precision both sides must first agree in float32, within its bounds: {"fp32": ..., "tf32": ...}.
    PyTorch is left in the job's precision.  Call it before either side has taken a step.
    """
    modes = network.training, twin.training
    network.eval(), twin.eval()
    try:
        return {p: _check(torch, job, p, network, twin) for p in dict.fromkeys(("fp32", job.precision))}
    finally:
        network.train(modes[0]), twin.train(modes[1])


def _check(torch: Any, job: Job, precision: str, network: models.Network, twin: Any) -> float:
    worst, bounds = 0.0, BOUNDS[precision]
    allow_tf32(torch, precision)
    answers = _answers(job, precision, network), _their_answers(torch, job, precision, twin)
    names = ["the logits", *(f"the gradient of {name}" for name, _ in network.named_parameters())]
    for what, (ours, theirs) in zip(names, zip(*answers, strict=True), strict=False):  # of inference only the logits
        bound = bounds.logits if what == "the logits" else bounds.gradients
        difference = relative_difference(ours, theirs)
        worst = max(worst, difference)
        if not difference <= bound:
            how = "" if job.precision == "fp32" else f" in {precision}"
            raise DifferentWork(f"{job}: {what} differ by {difference:.2g} of their size{how}; expected {bound:g}")
    return worst


def _few(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """Enough images to tell; all of the batch would cost a step's memory on both sides."""
    x, targets = batch_of(job)
    return x[:4], targets[:4]


def _answers(job: Job, precision: str, network: models.Network) -> list[Any]:
    """Our logits and, for training, gradients."""
    x, targets = _few(job)
    scale = CHECK_SCALE if precision == "mixed" else 1.0
    with using_precision(precision):
        logits = network(Tensor(to_device(x, job.device)))
        if job.mode == "inference":
            return [logits.data]
        loss = ops.cross_entropy(logits, targets)
        loss.backward(optim.LossScale(scale).gradient(loss))
    gradients = [parameter.grad / np.float32(scale) for parameter in network.parameters()]
    for parameter in network.parameters():
        parameter.grad = None
    return [logits.data, *gradients]


def _their_answers(torch: Any, job: Job, precision: str, twin: Any) -> list[Any]:
    """The same of PyTorch."""
    x, targets = (torch.from_numpy(a).to(job.device) for a in _few(job))
    scale = CHECK_SCALE if precision == "mixed" else 1.0
    with torch.set_grad_enabled(job.mode == "training"):
        with autocast(torch, job.device, precision):
            logits = twin(x)
            if job.mode == "inference":
                return [logits]
            loss = torch.nn.functional.cross_entropy(logits, targets)
        (scale * loss).backward()
    gradients = [parameter.grad / scale for parameter in twin.parameters()]
    twin.zero_grad()
    return [logits, *gradients]


def relative_difference(ours: Any, theirs: Any) -> float:
    """|ours - theirs| / |theirs|, Euclidean norms: a single unit at its kink does not decide."""
    ours, theirs = as_numpy(ours), as_numpy(theirs)
    size = np.linalg.norm(theirs)
    return float(np.linalg.norm(ours - theirs) / size) if size else float(np.linalg.norm(ours))
