"""Whole steps of a network, ours and PyTorch's: the same weights, images and work.

    training    forward, cross entropy, backward, momentum step; dropout on
    inference   forward alone, no gradients, dropout off

Ours is the step of `minidelve train` itself. On a GPU both sides find the batch in its memory: loading is not compared.
Ours then looks at the loss while backward runs; PyTorch's is never looked at, which makes it faster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from minidelve import data, models, optim
from minidelve.backend import to_device
from minidelve.backend.precision import using_precision
from minidelve.backend.threads import thread_count
from minidelve.bench.timing import Side
from minidelve.bench.twin import allow_tf32, autocast, sgd_for, twin_of
from minidelve.tensor import Tensor, no_grad
from minidelve.training.config import Config
from minidelve.training.loop import train_step
from minidelve.training.state import Run

CLASSES = 1000
LR = 1e-5  # small: a diverging network would compute with infinities
# Steps to take before timing in mixed precision: loss scales begin at 2^16 on both sides, and every step that finds its
# own too large halves it and is left out.
SETTLING_STEPS = 12


@dataclass(frozen=True)
class Job:
    """A network and its batch: name, number of images, their side in pixels, "training" or "inference".

    Where and how: "cpu" or "cuda", and a precision of backend/precision.py.
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
    images, targets = batch_of(job)
    x = to_device(images, job.device)
    if job.mode == "inference":
        network.eval()
        step = partial(_infer, network, x)
    else:
        step = partial(train_step, _run_of(job, network), x, targets, "the benchmark")

    def rounding_step() -> Any:
        with using_precision(job.precision):
            return step()

    return network, rounding_step


def _infer(network: models.Network, x: Any) -> Any:
    with no_grad():
        return network(Tensor(x)).data


def _run_of(job: Job, network: models.Network) -> Run:
    """A run of `minidelve train`, as far as a step needs one."""
    config = Config(
        model=job.model, batch_size=job.batch, size=job.size, device=job.device, precision=job.precision, lr=LR
    )
    optimizer = optim.SGD(network.parameters(), LR)
    statistics = data.Statistics(np.zeros((job.size, job.size, 3), np.float32), 1.0)
    run = Run(config, network, optimizer, optim.MultiStepLR(optimizer, []), statistics, [], [])
    run.loss_scale = optim.LossScale() if job.precision == "mixed" else None
    return run


def their_side(torch: Any, job: Job, network: models.Network, layout: str, compiled: bool = False) -> tuple[Any, Side]:
    """The twin of `network` in a memory layout, "NCHW" or "channels_last", and one step of it."""
    memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    twin = twin_of(torch, network).to(device=job.device, memory_format=memory_format)
    x, targets = (torch.from_numpy(a).to(job.device) for a in batch_of(job))
    x = x.contiguous(memory_format=memory_format)
    call: Callable[..., Any] = compiled_twin(torch, twin, job.device) if compiled else twin
    allow_tf32(torch, job.precision)
    if job.mode == "inference":
        twin.eval()

        def infer() -> Any:
            with torch.no_grad(), autocast(torch, job.device, job.precision):
                return call(x)

        return twin, infer
    optimizer = sgd_for(torch, twin, LR)
    scaler = torch.amp.GradScaler(job.device, enabled=job.precision == "mixed")  # hands everything on if not enabled

    def train() -> Any:
        optimizer.zero_grad()
        with autocast(torch, job.device, job.precision):
            loss = torch.nn.functional.cross_entropy(call(x), targets)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss.detach()

    return twin, train


def compiled_twin(torch: Any, twin: Any, device: str) -> Any:
    """The twin, to be compiled at its first call, on the CPU for the number of threads that ours takes now."""
    torch.compiler.reset()  # it compiles the forward of one class some times, and then no more
    return torch.compile(twin, options={"cpp.threads": thread_count()} if device == "cpu" else None)


def settle(job: Job, step: Side) -> None:
    """Take the steps in which a loss scale finds its size; no steps without a loss scale."""
    for _ in range(SETTLING_STEPS if job.precision == "mixed" and job.mode == "training" else 0):
        step()
