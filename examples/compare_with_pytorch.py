"""lab14 here and in PyTorch: the same numbers after 50 steps from the same weights and batches?

    python examples/compare_with_pytorch.py

Needs PyTorch (pip install torch); takes some minutes. Batches of 64 images of 56 pixels, 20 classes. Speed
and memory beside PyTorch are measured by `minidelve bench networks --against torch`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

import minidelve as md
from minidelve.bench.twin import sgd_for, twin_of

CLASSES = 20


def our_step(network: md.models.Network, optimizer: md.optim.SGD, x: np.ndarray, t: np.ndarray) -> float:
    """Forward, backward, update."""
    optimizer.zero_grad()
    loss = md.cross_entropy(network(md.Tensor(x)), t)
    loss.backward()
    optimizer.step()
    return loss.item()


def their_step(twin: torch.nn.Module, optimizer: torch.optim.SGD, x: torch.Tensor, t: torch.Tensor) -> float:
    """Forward, backward, update."""
    optimizer.zero_grad()
    loss = F.cross_entropy(twin(x), t)
    loss.backward()
    optimizer.step()
    return loss.item()


def batches(count: int, dtype: str, batch: int = 64, size: int = 56) -> list[tuple[np.ndarray, np.ndarray]]:
    """Seeded random images, as a loader hands them out: NCHW whose memory is NHWC."""
    rng = np.random.default_rng(0)
    return [
        (
            rng.standard_normal((batch, size, size, 3)).astype(dtype).transpose(0, 3, 1, 2),
            rng.integers(0, CLASSES, batch),
        )
        for _ in range(count)
    ]


def parity(dtype: str, steps: int = 50, batch: int = 64, size: int = 56, lr: float = 3e-5) -> float:
    """Train both without dropout; the largest |ours - theirs| / max |theirs| of any parameter.

    The rate is small because both start on noise without dropout, where larger steps are chaotic: in
    float32 one rounding that moves one unit over its kink is then doubled at every step.
    """
    network = md.models.create("lab14", CLASSES)
    rng = np.random.default_rng(5)
    for name, parameter in network.named_parameters():
        if name.endswith(".bias"):  # they begin at 0, beside which there is no relative difference
            parameter.data = 0.1 * rng.standard_normal(parameter.shape)
        parameter.data = parameter.data.astype(dtype)
    network.eval()
    twin = twin_of(torch, network, dtype).eval()
    ours, theirs = md.optim.SGD(network.parameters(), lr), sgd_for(torch, twin, lr)
    for x, t in batches(steps, dtype, batch, size):
        our_step(network, ours, x, t)
        their_step(twin, theirs, torch.from_numpy(x), torch.from_numpy(t))
    differences = [
        np.abs(p.data - q.detach().numpy()).max() / np.abs(q.detach().numpy()).max()
        for p, q in zip(network.parameters(), twin.parameters(), strict=True)
    ]
    return float(np.max(differences))  # np.max, as Python's max can hide a NaN


if __name__ == "__main__":
    for dtype in ("float64", "float32"):
        print(f"{dtype}: largest relative difference after 50 steps {parity(dtype):.2g}")
