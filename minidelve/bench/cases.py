"""Every kernel and every op of the paper's networks, with the work it does at least.

`flops` counts products and additions of a matrix product, `bytes` what must be read and written once if
nothing is done twice.  A case's rate is measured against the machine's limit of the kind that binds it: flops
against sgemm, bytes against a copy.  So a share of 1 is what no implementation of the same arithmetic can pass
(Winograd convolution does other arithmetic, and can).

The maps are those of small14 at 224 pixels, its second stage: 36 x 36, 128 channels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from minidelve import ops
from minidelve.backend import empty_like, kernels_for
from minidelve.bench.timing import Side
from minidelve.ops.layout import channels_first
from minidelve.ops.spatial_pyramid_pool2d import pyramid_bins
from minidelve.tensor import Tensor

BATCH, SIDE, CHANNELS = 16, 36, 128
LAST = 64, 18, 256  # small14's last map, of a batch of 64, on its way into the pyramid
LEVELS = (6, 3, 2, 1)
FLOAT = 4


@dataclass(frozen=True)
class Case:
    """One thing to time.  theirs(torch) builds the same in PyTorch: (call, its result as arrays), or None."""

    kind: str  # "kernel" or "op"
    name: str
    what: str
    ours: Side
    flops: float = 0.0
    bytes: float = 0.0
    theirs: Callable[[Any], Side] | None = None


KERNELS = (
    "im2col", "col2im", "gather_tiles", "scatter_tiles", "products", "transposed_products", "correlate",
    "correlate_weight", "max_pool_forward", "max_pool_backward", "avg_pool_forward", "avg_pool_backward",
    "bin_max_forward", "bin_max_backward", "prelu_forward", "prelu_backward", "leaky_relu_forward",
    "leaky_relu_backward", "local_response_norm_forward", "local_response_norm_backward",
)  # fmt: skip
OPS = (
    "conv2d 2x2", "conv2d 3x3", "prelu", "relu", "max_pool2d", "spatial_pyramid_pool2d", "linear", "momentum step",
)  # fmt: skip


def cases(kind: str, names: Collection[str]) -> Iterator[Case]:
    """The cases of a kind, "kernel" or "op", that have one of these names."""
    rng = np.random.default_rng(0)
    found = kernel_cases(rng) if kind == "kernel" else op_cases(rng)
    return (case for case in found if case.name in names)


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Random numbers, float32."""
    return rng.standard_normal(shape, dtype=np.float32)


def kernel_cases(rng: np.random.Generator) -> Iterator[Case]:
    """The functions of kernels/, on raw channels-last arrays.

    They run on one core: each op's share of the work is one such call.
    """
    x = normal(rng, BATCH, SIDE, SIDE, CHANNELS)
    k, size = kernels_for(x), x.nbytes
    make = partial(Case, "kernel")
    shape = f"{BATCH} x {SIDE} x {SIDE} x {CHANNELS}"

    window = (2, 2), (1, 1), (0, 0)
    cols = k.im2col(x, *window)
    yield make("im2col", f"2x2, {shape}", lambda: k.im2col(x, *window, out=cols), bytes=size + cols.nbytes)
    dx = np.empty_like(x)
    yield make(
        "col2im", f"2x2, {shape}", lambda: k.col2im(cols, (SIDE, SIDE), *window, out=dx), bytes=size + cols.nbytes
    )

    from minidelve.ops.winograd import matrices  # small14's tiles: 4 x 4 inputs, 3 x 3 outputs

    AT, BT, _ = matrices(3, 2, np, x.dtype)
    counts = (-(-SIDE // 3), -(-SIDE // 3))
    tiles = k.gather_tiles(x, BT, 3, (0, 0), counts)
    yield make(
        "gather_tiles",
        f"4x4 tiles, {shape}",
        lambda: k.gather_tiles(x, BT, 3, (0, 0), counts, out=tiles),
        bytes=size + tiles.nbytes,
    )
    yield make(
        "scatter_tiles",
        f"3x3 tiles, {shape}",
        lambda: k.scatter_tiles(tiles, AT, 3, (0, 0), (SIDE, SIDE), counts, out=dx),
        bytes=size + tiles.nbytes,
    )
    square = normal(rng, len(tiles), CHANNELS, CHANNELS)
    result = k.products(tiles, square)
    flops = 2.0 * tiles.size * CHANNELS
    yield make(
        "products",
        f"{len(tiles)} of {tiles.shape[1]} x {CHANNELS} x {CHANNELS}",
        lambda: k.products(tiles, square, out=result),
        flops=flops,
    )
    yield make(
        "transposed_products",
        f"{len(tiles)} of {CHANNELS} x {tiles.shape[1]} x {CHANNELS}",
        lambda: k.transposed_products(tiles, result, square, False),
        flops=flops,
    )

    W = normal(rng, 4 * CHANNELS, CHANNELS)
    f = k.correlate(x, W, *window)
    flops = 2.0 * f.size * len(W)
    yield make("correlate", f"2x2, {shape}", lambda: k.correlate(x, W, *window, out=f), flops=flops)
    yield make("correlate_weight", f"2x2, {shape}", lambda: k.correlate_weight(x, f, *window, W, False), flops=flops)

    pool = (2, 2), (2, 2), (0, 0)
    y, taps = k.max_pool_forward(x, *pool, (SIDE // 2, SIDE // 2))
    yield make(
        "max_pool_forward",
        f"2x2/2, {shape}",
        lambda: k.max_pool_forward(x, *pool, y.shape[1:3]),
        bytes=size + y.nbytes + taps.nbytes,
    )
    yield make(
        "max_pool_backward",
        f"2x2/2, {shape}",
        lambda: k.max_pool_backward(y, taps, (SIDE, SIDE), *pool),
        bytes=size + y.nbytes + taps.nbytes,
    )

    average = k.avg_pool_forward(x, *pool, y.shape[1:3])
    yield make(
        "avg_pool_forward",
        f"2x2/2, {shape}",
        lambda: k.avg_pool_forward(x, *pool, y.shape[1:3]),
        bytes=size + average.nbytes,
    )
    yield make(
        "avg_pool_backward",
        f"2x2/2, {shape}",
        lambda: k.avg_pool_backward(average, (SIDE, SIDE), *pool),
        bytes=size + average.nbytes,
    )

    bins = pyramid_bins((SIDE, SIDE), LEVELS)
    f, argmax = k.bin_max_forward(x, bins)
    yield make(
        "bin_max_forward",
        f"{LEVELS}, {shape}",
        lambda: k.bin_max_forward(x, bins),
        bytes=size + f.nbytes + argmax.nbytes,
    )
    yield make(
        "bin_max_backward",
        f"{LEVELS}, {shape}",
        lambda: k.bin_max_backward(f, argmax, (SIDE, SIDE)),
        bytes=size + f.nbytes + argmax.nbytes,
    )

    rows, a = x.reshape(-1, CHANNELS), np.full(CHANNELS, 0.25, np.float32)
    df, out = normal(rng, *rows.shape), empty_like(rows)
    yield make("prelu_forward", shape, lambda: k.prelu_forward(rows, a, out=out), bytes=2 * size)
    yield make("prelu_backward", shape, lambda: k.prelu_backward(df, rows, a, out=out), bytes=3 * size)
    yield make("leaky_relu_forward", shape, lambda: k.leaky_relu_forward(rows, 0.01), bytes=2 * size)
    yield make("leaky_relu_backward", shape, lambda: k.leaky_relu_backward(df, rows, 0.01), bytes=3 * size)
    norm = 5, 1e-4, 0.75
    _, sums = k.local_response_norm_forward(rows, *norm, 1.0)
    yield make(
        "local_response_norm_forward",
        shape,
        lambda: k.local_response_norm_forward(rows, *norm, 1.0),
        bytes=3 * size,
    )
    yield make(
        "local_response_norm_backward",
        shape,
        lambda: k.local_response_norm_backward(df, rows, sums, *norm),
        bytes=4 * size,
    )


def op_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Ops forward and backward, as a network calls them, beside PyTorch's."""
    map_ = Map(rng, BATCH, SIDE, CHANNELS)
    size = map_.x.nbytes
    weight = channels_first(normal(rng, CHANNELS, 2, 2, CHANNELS))
    products = 2.0 * BATCH * SIDE * SIDE * CHANNELS * CHANNELS
    yield map_.case(
        "conv2d 2x2",
        lambda x, w: ops.conv2d(x, w, None, 1, (0, 0)),
        lambda t, x, w: t.nn.functional.conv2d(x, w),
        [weight],
        flops=3 * products * 4 * (35 / 36) ** 2,
    )
    weight = channels_first(normal(rng, CHANNELS, 3, 3, CHANNELS))
    yield map_.case(
        "conv2d 3x3",
        lambda x, w: ops.conv2d(x, w, None, 1, 1),
        lambda t, x, w: t.nn.functional.conv2d(x, w, padding=1),
        [weight],
        flops=3 * products * 9,
    )
    slopes = np.full(CHANNELS, 0.25, np.float32)
    yield map_.case("prelu", ops.prelu, lambda t, x, a: t.nn.functional.prelu(x, a), [slopes], bytes=5 * size)
    yield map_.case("relu", ops.relu, lambda t, x: t.relu(x), [], bytes=5 * size)
    yield map_.case(
        "max_pool2d",
        lambda x: ops.max_pool2d(x, 2),
        lambda t, x: t.nn.functional.max_pool2d(x, 2),
        [],
        bytes=2.5 * size,
    )
    last = Map(rng, *LAST)
    yield last.case(
        "spatial_pyramid_pool2d",
        lambda x: ops.spatial_pyramid_pool2d(x, LEVELS),
        pyramid,
        [],
        bytes=2 * last.x.nbytes,
    )
    yield linear_case(rng)
    yield momentum_case(rng)


def pyramid(torch: Any, x: Any) -> Any:
    """The same bins by PyTorch's adaptive pooling."""
    pool = torch.nn.functional.adaptive_max_pool2d
    return torch.cat([pool(x, n).flatten(1) for n in LEVELS], dim=1)


class Map:
    """A map that ops are applied to, forward and backward, here and in PyTorch (channels_last, its faster layout)."""

    def __init__(self, rng: np.random.Generator, batch: int, side: int, channels: int):
        self.rng = rng
        self.x = channels_first(normal(rng, batch, side, side, channels))

    def case(self, name: str, ours: Callable, theirs: Callable, others: list[np.ndarray], **work: float) -> Case:
        """forward(x, *others), then back from a random cotangent."""
        inputs = [self.x, *others]
        shape = ours(*map(Tensor, inputs)).data
        df = self.rng.standard_normal(shape.shape, dtype=np.float32)
        if df.ndim == 4:
            df = channels_first(np.ascontiguousarray(df.transpose(0, 2, 3, 1)))

        def our_pass():
            leaves = [Tensor(value, requires_grad=True) for value in inputs]
            ours(*leaves).backward(df)
            return [leaf.grad for leaf in leaves]

        def their_pass(torch):
            tensors = [torch.from_numpy(value).requires_grad_() for value in inputs]
            cotangent = torch.from_numpy(df)

            def run():
                for tensor in tensors:
                    tensor.grad = None
                theirs(torch, *tensors).backward(cotangent)
                return [tensor.grad.numpy() for tensor in tensors]

            return run

        what = f"{' x '.join(map(str, self.x.shape))}, forward and backward"
        return Case("op", name, what, our_pass, theirs=their_pass, **work)


def linear_case(rng: np.random.Generator) -> Case:
    """fc2 of the full-size networks: 4096 -> 4096 on a batch of 64."""
    x, w, df = normal(rng, 64, 4096), normal(rng, 4096, 4096), normal(rng, 64, 4096)

    def ours():
        leaves = Tensor(x, requires_grad=True), Tensor(w, requires_grad=True)
        ops.linear(*leaves).backward(df)
        return [leaf.grad for leaf in leaves]

    def theirs(torch):
        tensors = [torch.from_numpy(value).requires_grad_() for value in (x, w)]

        def run():
            for tensor in tensors:
                tensor.grad = None
            torch.nn.functional.linear(*tensors).backward(torch.from_numpy(df))
            return [tensor.grad.numpy() for tensor in tensors]

        return run

    return Case(
        "op", "linear", "64 x 4096 -> 4096, forward and backward", ours, flops=6.0 * 64 * 4096**2, theirs=theirs
    )


def momentum_case(rng: np.random.Generator, count: int = 16 << 20) -> Case:
    """The update of a parameter array: a, D and the gradient read, a and D written."""
    from minidelve import nn, optim

    start, gradient = normal(rng, count), normal(rng, count)
    parameter = nn.Parameter(start.copy())
    parameter.grad = gradient
    optimizer = optim.SGD([parameter], 1e-6)

    def ours():
        optimizer.step()
        return [parameter.data]

    def theirs(torch):
        tensor = torch.nn.Parameter(torch.from_numpy(start.copy()))
        tensor.grad = torch.from_numpy(gradient)
        sgd = torch.optim.SGD([tensor], 1e-6, momentum=0.9, weight_decay=5e-4)

        def run():
            sgd.step()
            return [tensor.detach().numpy()]

        return run

    return Case("op", "momentum step", f"{count:,} weights", ours, bytes=5.0 * FLOAT * count, theirs=theirs)
