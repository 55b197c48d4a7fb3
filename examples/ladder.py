"""From the plainest code to what minidelve runs: conv2d and PReLU, rung by rung.

    python examples/ladder.py            7 turns, about two minutes
    python examples/ladder.py 1 6        one turn, with maps of 6 x 6

On the second stage of small14 at 224 pixels: 16 images of 128 maps of 36 x 36, and a 2 x 2 convolution to 128.
Each rung goes forward and backward, to the same gradients. All take turns. Printed are the median, the
smallest and the largest time, and each rung's speed relative to the first.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import numpy as np

import minidelve as md
from minidelve import ops
from minidelve.bench.timing import Spread, interleaved
from minidelve.ops.layout import channels_first

SIDE = int(sys.argv[2]) if len(sys.argv) > 2 else 36
SHAPE, OUT = (16, SIDE, SIDE, 128), 128
rng = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


x, weight = channels_first(normal(*SHAPE)), channels_first(normal(OUT, 2, 2, SHAPE[3]) / 16)
slopes = np.full(OUT, 0.25, np.float32)
df_conv = channels_first(normal(SHAPE[0], SHAPE[1] - 1, SHAPE[2] - 1, OUT))
df_prelu = channels_first(normal(*SHAPE))


@contextmanager
def setting(**values: float) -> Iterator[None]:
    """Constants of the ops and kernels for the time of a call: setting(COLS_BYTES=1 << 40)."""
    home = {"COLS_BYTES": "minidelve.ops.conv.im2col", "STREAM_BYTES": "kernels.numba_cpu.prelu"}
    with ExitStack() as stack:
        for name, value in values.items():
            stack.enter_context(patch.object(sys.modules[home[name]], name, value))
        yield


def gradients(f: Callable[..., md.Tensor], df: np.ndarray, *arrays: np.ndarray) -> list[np.ndarray]:
    """Forward, and back from df."""
    leaves = [md.Tensor(array, requires_grad=True) for array in arrays]
    f(*leaves).backward(df)
    return [leaf.grad for leaf in leaves]


def conv(algorithm: str, **settings: float) -> list[np.ndarray]:
    with setting(**settings):
        return gradients(lambda x, w: ops.conv2d(x, w, algorithm=algorithm), df_conv, x, weight)


def conv_pixel_by_pixel() -> list[np.ndarray]:
    """Equation (5) as it stands: a loop over images and positions, and back again."""
    images, W = x.transpose(0, 2, 3, 1), weight.transpose(0, 2, 3, 1).reshape(OUT, -1)
    df, dx, dW = df_conv.transpose(0, 2, 3, 1), np.zeros(SHAPE, np.float32), np.zeros_like(W)
    y = np.empty(df.shape, np.float32)
    for n, i, j in np.ndindex(df.shape[:3]):
        field = images[n, i : i + 2, j : j + 2].reshape(-1)
        y[n, i, j] = W @ field
        dW += np.outer(df[n, i, j], field)
        dx[n, i : i + 2, j : j + 2] += (df[n, i, j] @ W).reshape(2, 2, -1)
    return [channels_first(dx), channels_first(dW.reshape(OUT, 2, 2, -1))]


def with_reference(work: Callable[[], list[np.ndarray]]) -> Callable[[], list[np.ndarray]]:
    def run() -> list[np.ndarray]:
        with md.use("reference"):
            return work()

    return run


def prelu(**settings: float) -> list[np.ndarray]:
    with setting(**settings):
        return gradients(ops.prelu, df_prelu, x, slopes)


def prelu_of_elementary_ops() -> list[np.ndarray]:
    """max(0, y) + a min(0, y), each op a node of the graph."""

    def f(y: md.Tensor, a: md.Tensor) -> md.Tensor:
        return ops.maximum(y, 0.0) + a.reshape(1, OUT, 1, 1) * ops.minimum(y, 0.0)

    return gradients(f, df_prelu, x, slopes)


def conv_and_prelu(in_place: bool) -> list[np.ndarray]:
    def f(x: md.Tensor, w: md.Tensor, a: md.Tensor) -> md.Tensor:
        return ops.conv2d(x, w, activation=a) if in_place else ops.prelu(ops.conv2d(x, w), a)

    return gradients(f, df_conv, x, weight, slopes)


LADDERS = {
    "conv2d": {
        "a NumPy product a pixel": conv_pixel_by_pixel,
        "im2col in NumPy (reference kernels)": with_reference(lambda: conv("im2col")),
        "im2col compiled, the cols of a share at once": lambda: conv("im2col", COLS_BYTES=1 << 40),
        "  ... 1 MiB of cols at a time": lambda: conv("im2col"),
        "direct: no cols": lambda: conv("direct"),
        "Winograd": lambda: conv("winograd"),
    },
    "PReLU": {
        "elementary ops": prelu_of_elementary_ops,
        "NumPy's where (reference kernels)": with_reference(prelu),
        "one compiled pass, ordinary stores": lambda: prelu(STREAM_BYTES=math.inf),
        "  ... streaming stores": prelu,
    },
    "conv2d and PReLU": {
        "one after the other": lambda: conv_and_prelu(in_place=False),
        "PReLU in place": lambda: conv_and_prelu(in_place=True),
    },
}


def main(turns: int = 7) -> None:
    """Print the ladders."""
    for name, rungs in LADDERS.items():
        expected = list(rungs.values())[0]()
        for rung in rungs.values():
            for gradient, other in zip(rung(), expected, strict=True):
                assert np.linalg.norm(gradient - other) < 1e-3 * np.linalg.norm(other)
        times = list(interleaved(rungs, turns, seconds=0.2))
        first = Spread.of([t[next(iter(rungs))] for t in times]).median
        print(f"\n{name}, forward and backward")
        for rung in rungs:
            spread = Spread.of([1e3 * t[rung] for t in times])
            print(
                f"  {rung:<46}{spread.median:9.2f} ms  ({spread.low:.2f} to {spread.high:.2f})"
                f"  x {1e3 * first / spread.median:.1f}"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
