"""lab14 here and in PyTorch: the same numbers, at what speed and in how much memory?

    python examples/compare_with_pytorch.py parity     50 steps from the same weights and batches
    python examples/compare_with_pytorch.py speed      training steps in turn, median of 7 pairs
    python examples/compare_with_pytorch.py memory     peak memory of each, in a process of its own

Needs PyTorch (pip install torch).  All three use batches of 64 images of 56 pixels, 20 classes.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

THREADS = os.environ.get("OMP_NUM_THREADS", "2")
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = THREADS  # before NumPy, Numba and PyTorch read them

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import minidelve as md  # noqa: E402

CLASSES = 20


class Pyramid(torch.nn.Module):
    """Spatial pyramid pooling as PyTorch would write it; its adaptive bins are the paper's."""

    def __init__(self, levels: tuple[int, ...]):
        super().__init__()
        self.levels = levels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> (N, C * sum n^2)."""
        return torch.cat([F.adaptive_max_pool2d(x, n).flatten(1) for n in self.levels], dim=1)


def twin_of(network: md.models.Network, dtype: torch.dtype) -> torch.nn.Sequential:
    """The same layers in PyTorch with the same weights; dropout is left to the caller's train() or eval()."""
    layers: list[torch.nn.Module] = []
    for layer in network:
        match layer:
            case md.nn.Conv2d():
                out, inn, *kernel = layer.weight.shape
                layers.append(torch.nn.Conv2d(inn, out, tuple(kernel), layer.stride, layer.padding))
            case md.nn.Linear():
                layers.append(torch.nn.Linear(layer.weight.shape[1], layer.weight.shape[0]))
            case md.nn.PReLU():
                layers.append(torch.nn.PReLU(len(layer.a)))
            case md.nn.MaxPool2d():
                layers.append(torch.nn.MaxPool2d(layer.kernel_size, layer.stride))
            case md.nn.SpatialPyramidPool2d():
                layers.append(Pyramid(layer.levels))
            case md.nn.Dropout():
                layers.append(torch.nn.Dropout(layer.p))
    twin = torch.nn.Sequential(*layers).to(dtype)
    with torch.no_grad():
        for theirs, ours in zip(twin.parameters(), network.parameters(), strict=True):
            theirs.copy_(torch.from_numpy(np.ascontiguousarray(ours.data)))
    return twin


def sgd_for(twin: torch.nn.Module, lr: float) -> torch.optim.SGD:
    """PyTorch's SGD with the paper's constants, and no weight decay on PReLU's slopes."""
    slopes = [p for m in twin.modules() if isinstance(m, torch.nn.PReLU) for p in m.parameters()]
    rest = [p for p in twin.parameters() if not any(p is slope for slope in slopes)]
    groups = [{"params": rest, "weight_decay": 5e-4}, {"params": slopes, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=lr, momentum=0.9)


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
    twin = twin_of(network, getattr(torch, dtype)).eval()
    ours, theirs = md.optim.SGD(network.parameters(), lr), sgd_for(twin, lr)
    for x, t in batches(steps, dtype, batch, size):
        our_step(network, ours, x, t)
        their_step(twin, theirs, torch.from_numpy(x), torch.from_numpy(t))
    differences = [
        np.abs(p.data - q.detach().numpy()).max() / np.abs(q.detach().numpy()).max()
        for p, q in zip(network.parameters(), twin.parameters(), strict=True)
    ]
    return float(np.max(differences))  # np.max, as Python's max can hide a NaN


def training_steps() -> dict[str, Callable[[], float]]:
    """One training step of each side, ready to be called: ours, theirs in both memory layouts."""
    ((x, t),) = batches(1, "float32")
    network = md.models.create("lab14", CLASSES)
    optimizer = md.optim.SGD(network.parameters(), 1e-3)
    steps: dict[str, Callable[[], float]] = {"minidelve": partial(our_step, network, optimizer, x, t)}
    for name, layout in (("torch NCHW", torch.contiguous_format), ("torch channels_last", torch.channels_last)):
        twin = twin_of(network, torch.float32).to(memory_format=layout)
        inputs = torch.from_numpy(x).contiguous(memory_format=layout), torch.from_numpy(t)
        steps[name] = partial(their_step, twin, sgd_for(twin, 1e-3), *inputs)
    return steps


def speed(pairs: int = 7, steps: int = 10, warm_up: int = 5) -> None:
    """Images per second of each, in turn, and the ratio to the better of PyTorch's layouts pair by pair."""
    torch.set_num_threads(int(THREADS))
    sides = training_steps()
    for step in sides.values():
        for _ in range(warm_up):
            step()
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(pairs):
        for name, step in sides.items():
            start = time.perf_counter()
            for _ in range(steps):
                step()
            rates[name].append(64 * steps / (time.perf_counter() - start))
    for name, values in rates.items():
        print(f"{name:20} {statistics.median(values):7.0f} img/s   ({min(values):.0f} to {max(values):.0f})")
    ratios = [a / max(b, c) for a, b, c in zip(*rates.values(), strict=True)]
    print(f"ratio to the better  {statistics.median(ratios):7.2f}         ({min(ratios):.2f} to {max(ratios):.2f})")


OURS_ALONE = """
import resource, numpy as np, minidelve as md
rng = np.random.default_rng(0)
network = md.models.create("lab14", 20)
optimizer = md.optim.SGD(network.parameters(), 1e-3)
x = rng.standard_normal((64, 56, 56, 3), dtype=np.float32).transpose(0, 3, 1, 2)
t = rng.integers(0, 20, 64)
for _ in range(10):
    optimizer.zero_grad()
    md.cross_entropy(network(md.Tensor(x)), t).backward()
    optimizer.step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def memory() -> None:
    """Peak resident memory of a process that takes ten training steps; ours without PyTorch in it."""
    commands = {"minidelve": [sys.executable, "-c", OURS_ALONE]}
    commands |= {name: [sys.executable, __file__, "peak", name] for name in ("torch NCHW", "torch channels_last")}
    for name, command in commands.items():
        output = subprocess.run(command, capture_output=True, text=True, check=True)
        print(f"{name:20} {output.stdout.strip()} MB")


def peak(name: str) -> None:
    """Take ten steps of one side; print this process's peak resident memory in MB."""
    step = training_steps()[name]
    for _ in range(10):
        step()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["parity"]:
            for dtype in ("float64", "float32"):
                print(f"{dtype}: largest relative difference after 50 steps {parity(dtype):.2g}")
        case ["speed"]:
            speed()
        case ["memory"]:
            memory()
        case ["peak", name]:
            peak(name)
        case _:
            print(__doc__)
            sys.exit(2)
