"""@njit loops over C-contiguous arrays: the CPU default.

Threads do not belong here: a kernel runs on the thread that calls it, and the ops share out the images.
"""

from typing import TYPE_CHECKING

from kernels.numba_cpu.avg_pool import avg_pool_backward, avg_pool_forward
from kernels.numba_cpu.bin_max import bin_max_backward, bin_max_forward
from kernels.numba_cpu.im2col import col2im, im2col
from kernels.numba_cpu.leaky_relu import leaky_relu_backward, leaky_relu_forward
from kernels.numba_cpu.local_response_norm import local_response_norm_backward, local_response_norm_forward
from kernels.numba_cpu.max_pool import max_pool_backward, max_pool_forward
from kernels.numba_cpu.momentum import momentum_step
from kernels.numba_cpu.prelu import prelu_backward, prelu_forward
from kernels.numba_cpu.products import correlate, correlate_weight, matmul, products, transposed_products
from kernels.numba_cpu.winograd import gather_tiles, scatter_tiles

if TYPE_CHECKING:  # mypy compares this folder with the contract
    from kernels import numba_cpu
    from kernels.contract import Kernels

    _: Kernels = numba_cpu

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
