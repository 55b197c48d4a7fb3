"""No ratio from different work: before anything is timed, both sides answer to the same batch with dropout off.

Their logits and the gradients of every parameter must agree, or there is no ratio.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from minidelve import models, ops, optim
from minidelve.backend import to_device
from minidelve.backend.precision import using_precision
from minidelve.bench.networks import Job, batch_of
from minidelve.bench.twin import allow_tf32, autocast, relative_difference
from minidelve.tensor import Tensor


class Bounds(NamedTuple):
    """By how much logits and gradients may differ, relative to their size."""

    logits: float
    gradients: float


# float32's rounding is 6e-8 of a number. Where it turns a maximum or a kink the other way, a whole term of a gradient
# moves.
#
# Factors of 10 bits are rounded by up to 5e-4, which sends more units over their kinks: a share p of them wrongly
# passing or holding back their gradient changes its norm by about the square root of p. So 0.3 is not a fine test. It
# finds a gradient that is lost, doubled or not divided by its scale; that both sides do the same work is shown in
# float32 first. The differences found are in docs/measurements.md ("What the constants rest on") and docs/gpu.md.
BOUNDS = {"fp32": Bounds(1e-3, 2e-2), "tf32": Bounds(1e-2, 0.3), "mixed": Bounds(1e-2, 0.3)}
SCALES = {"fp32": 1.0, "tf32": 1.0, "mixed": 1024.0}  # of the loss while comparing: small enough for float16
IMAGES = 4  # enough to tell; all of the batch would cost a step's memory on both sides


class DifferentWork(RuntimeError):
    """Two sides that do not compute the same thing: no ratio of their times has a meaning."""


def check_same_work(torch: Any, job: Job, network: models.Network, twin: Any) -> dict[str, float]:
    """The largest relative difference of logits and gradients on the job's batch; DifferentWork above the bounds.

    In tf32 and mixed precision both sides must first agree in float32, within its bounds: {"fp32": ..., "tf32": ...}.
    PyTorch is left in the job's precision. Call it before either side has taken a step.
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
    few = replace(job, batch=min(job.batch, IMAGES), precision=precision)
    answers = zip(_our_answers(few, network), _their_answers(torch, few, twin), strict=True)
    names = ["the logits", *(f"the gradient of {name}" for name, _ in network.named_parameters())]
    for what, pair in zip(names, answers, strict=False):  # of inference only the logits
        bound, difference = bounds.logits if what == names[0] else bounds.gradients, relative_difference(*pair)
        if not difference <= bound:  # NaN is not
            how = "" if job.precision == "fp32" else f" in {precision}"
            raise DifferentWork(f"{job}: {what} differ by {difference:.2g} of their size{how}; expected {bound:g}")
        worst = max(worst, difference)
    return worst


def _our_answers(job: Job, network: models.Network) -> list[Any]:
    """Our logits and, for training, gradients."""
    x, targets = batch_of(job)
    with using_precision(job.precision):
        logits = network(Tensor(to_device(x, job.device)))
        if job.mode == "inference":
            return [logits.data]
        loss = ops.cross_entropy(logits, targets)
        loss.backward(optim.LossScale(SCALES[job.precision]).gradient(loss))
    gradients = [parameter.grad / np.float32(SCALES[job.precision]) for parameter in network.parameters()]
    for parameter in network.parameters():
        parameter.grad = None
    return [logits.data, *gradients]


def _their_answers(torch: Any, job: Job, twin: Any) -> list[Any]:
    """The same of PyTorch."""
    x, targets = (torch.from_numpy(a).to(job.device) for a in batch_of(job))
    with torch.set_grad_enabled(job.mode == "training"), autocast(torch, job.device, job.precision):
        logits = twin(x)
        if job.mode == "inference":
            return [logits]
        loss = torch.nn.functional.cross_entropy(logits, targets)
    (SCALES[job.precision] * loss).backward()
    gradients = [parameter.grad / SCALES[job.precision] for parameter in twin.parameters()]
    twin.zero_grad()
    return [logits, *gradients]
