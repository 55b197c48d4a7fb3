"""Plain NumPy, a line per equation: the definition of correct for the other folders.

What is written for speed, in place of the plainest form, does not belong here.
"""

from typing import TYPE_CHECKING

from kernels.reference.avg_pool import avg_pool_backward, avg_pool_forward
from kernels.reference.bin_max import bin_max_backward, bin_max_forward
from kernels.reference.im2col import col2im, im2col
from kernels.reference.leaky_relu import leaky_relu_backward, leaky_relu_forward
from kernels.reference.local_response_norm import local_response_norm_backward, local_response_norm_forward
from kernels.reference.max_pool import max_pool_backward, max_pool_forward
from kernels.reference.momentum import momentum_step
from kernels.reference.prelu import prelu_backward, prelu_forward
from kernels.reference.products import correlate, correlate_weight, matmul, products, transposed_products
from kernels.reference.winograd import gather_tiles, scatter_tiles

if TYPE_CHECKING:  # mypy compares this folder with the contract
    from kernels import reference
    from kernels.contract import Kernels

    _: Kernels = reference

__all__ = [
    "avg_pool_backward",
    "avg_pool_forward",
    "bin_max_backward",
    "bin_max_forward",
    "col2im",
    "correlate",
    "correlate_weight",
    "gather_tiles",
    "im2col",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "local_response_norm_backward",
    "local_response_norm_forward",
    "matmul",
    "max_pool_backward",
    "max_pool_forward",
    "momentum_step",
    "prelu_backward",
    "prelu_forward",
    "products",
    "scatter_tiles",
    "transposed_products",
]
