"""The conv layers of lab14, small14 and model_a, each by every algorithm, beside PyTorch.

    python examples/conv_layers.py                one core, all three networks
    python examples/conv_layers.py lab14 2        lab14 alone, two cores
    python examples/conv_layers.py rules          layers on both sides of each rule of minidelve/ops/conv/choice.py

Prints milliseconds of forward + backward for each different layer (the first layer's input wants no gradient).
All take turns and the median of 9 turns counts, since other work on the machine comes and goes. Needs PyTorch
(pip install torch).
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable

THREADS = sys.argv[2] if len(sys.argv) > 2 else "1"
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = THREADS  # before NumPy, Numba and PyTorch read them

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.nn.functional import conv2d as their_conv2d  # noqa: E402

import minidelve as md  # noqa: E402

BATCH_AND_SIZE = {"lab14": (32, 56), "small14": (4, 224), "model_a": (1, 224)}
# x, weight, stride, padding
RULES = [
    *(((16, C, 28, 28), (C, C, 3, 3), 1, 1) for C in (32, 48, 64, 96)),  # channels
    *(((16, C, 13, 13), (C, C, 2, 2), 1, 0) for C in (32, 48, 64, 96)),
    *(((16, 128, size, size), (128, 128, 2, 2), 1, 0) for size in (13, 15, 17)),  # 0.44, 0.51, 0.56 of the products
    ((16, 512, 7, 7), (512, 512, 2, 2), 1, 0),  # 2^20 weights
    ((16, 1024, 7, 7), (1024, 1024, 1, 1), 1, 0),
    ((16, 256, 7, 7), (256, 256, 5, 5), 1, 2),  # more
    ((16, 1024, 7, 7), (2048, 1024, 1, 1), 1, 0),
    ((16, 1024, 7, 7), (1024, 1024, 2, 2), 1, 0),
    ((16, 64, 28, 28), (64, 64, 3, 3), 2, 1),  # stride 2, dx wanted
    ((16, 64, 28, 28), (64, 64, 5, 5), 2, 2),
    ((16, 3, 56, 56), (32, 3, 7, 7), 2, 3),  # and not
]
TURNS = 9
ALGORITHMS = ("auto", "im2col", "direct", "winograd")


def layers(name: str) -> list[tuple[tuple[int, ...], md.nn.Conv2d]]:
    """The different conv layers of a network (or of RULES), each with the shape of its input."""
    if name == "rules":
        return [(x, md.nn.Conv2d(w[1], w[0], w[2:], stride, padding)) for x, w, stride, padding in RULES]
    batch, size = BATCH_AND_SIZE[name]
    x = md.Tensor(np.zeros((batch, 3, size, size), np.float32))
    found = {}
    with md.no_grad():
        for layer in md.models.create(name, 20):
            if isinstance(layer, md.nn.Conv2d):
                found.setdefault((x.shape, layer.weight.shape), layer)
            elif isinstance(layer, md.nn.Linear | md.nn.Flatten):
                break
            x = layer(x)
    return [(shape, layer) for (shape, _), layer in found.items()]


def ours(x: np.ndarray, layer: md.nn.Conv2d, df: np.ndarray, algorithm: str) -> Callable[[], object]:
    """Forward and backward by one of our algorithms."""
    image = md.Tensor(x, requires_grad=x.shape[1] > 3)

    def run() -> None:
        y = md.conv2d(image, layer.weight, layer.bias, layer.stride, layer.padding, algorithm)
        y.backward(df)
        image.grad = layer.weight.grad = layer.bias.grad = None

    return run


def theirs(
    x: np.ndarray, layer: md.nn.Conv2d, df: np.ndarray, memory_format: torch.memory_format
) -> Callable[[], object]:
    """Forward and backward by PyTorch."""
    image, weight, gradient = (
        torch.from_numpy(np.ascontiguousarray(v)).to(memory_format=memory_format) for v in (x, layer.weight.data, df)
    )
    bias = torch.from_numpy(layer.bias.data)
    wanted = [weight.requires_grad_(), bias.requires_grad_()]
    if x.shape[1] > 3:
        wanted.append(image.requires_grad_())

    def run() -> None:
        y = their_conv2d(image, weight, bias, layer.stride, layer.padding)
        torch.autograd.grad(y, wanted, gradient)

    return run


def candidates(shape: tuple[int, ...], layer: md.nn.Conv2d) -> dict[str, Callable[[], object]]:
    """Everything that can compute this layer, by name."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((shape[0], *shape[2:], shape[1]), np.float32).transpose(0, 3, 1, 2)
    y = layer(md.Tensor(x))
    df = rng.standard_normal((y.shape[0], *y.shape[2:], y.shape[1]), np.float32).transpose(0, 3, 1, 2)
    runs = {}
    for algorithm in ALGORITHMS:
        run = ours(x, layer, df, algorithm)
        try:
            run()
        except ValueError:  # this algorithm cannot do this layer
            continue
        runs[algorithm] = run
    runs["NCHW"] = theirs(x, layer, df, torch.contiguous_format)
    runs["ch. last"] = theirs(x, layer, df, torch.channels_last)
    return runs


def main(names: list[str]) -> None:
    """Print the table."""
    torch.set_num_threads(int(THREADS))
    columns = (*ALGORITHMS, "NCHW", "ch. last")
    print(f"{THREADS} core(s), ms forward + backward".ljust(48), *(f"{column:>9}" for column in columns))
    for name in names:
        for shape, layer in layers(name):
            runs = candidates(shape, layer)
            times: dict[str, list[float]] = {column: [] for column in runs}
            for _ in range(TURNS):
                for column, run in runs.items():
                    start = time.perf_counter()
                    run()
                    times[column].append(1e3 * (time.perf_counter() - start))
            medians = {column: f"{statistics.median(turns):.2f}" for column, turns in times.items()}
            row = [medians.get(column, "-").rjust(9) for column in columns]
            print(f"{name:8} x {shape!s:20} w {layer.weight.shape!s:16}".ljust(48), *row, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:2] or list(BATCH_AND_SIZE))
