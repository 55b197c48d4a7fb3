"""Every kernel and every op of the paper's networks: their names, and the cases that time them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from minidelve.bench.case import Case, Numbers
from minidelve.bench.kernel_cases import kernel_cases
from minidelve.bench.op_cases import op_cases

KERNELS = (
    "im2col", "col2im", "gather_tiles", "scatter_tiles", "matmul", "products", "transposed_products", "correlate",
    "correlate_weight", "max_pool_forward", "max_pool_backward", "avg_pool_forward", "avg_pool_backward",
    "bin_max_forward", "bin_max_backward", "prelu_forward", "prelu_backward", "leaky_relu_forward",
    "leaky_relu_backward", "local_response_norm_forward", "local_response_norm_backward",
)  # fmt: skip
OPS = (
    "conv2d 2x2", "conv2d 3x3", "prelu", "relu", "max_pool2d", "spatial_pyramid_pool2d", "linear", "momentum step",
)  # fmt: skip


def cases(
    kind: str, names: Collection[str], device: str = "cpu", precision: str = "fp32", folder: str | None = None
) -> Iterator[Case]:
    """The cases of a kind, "kernel" or "op", that have one of these names.

    precision   that of the run, for PyTorch's side; ours is the caller's `using_precision`
    folder      of kernels to time; None for the one in use
    """
    numbers = Numbers(device, precision, folder)
    found = kernel_cases(numbers) if kind == "kernel" else op_cases(numbers)
    return (case for case in found if case.name in names)
