"""CUDA C in .cu files, compiled and launched by CuPy: the GPU default.

A kernel is a .cu file, and a .py file that launches it. CUDA in Python belongs in numba_cuda.
"""

from typing import TYPE_CHECKING

from kernels.cupy_cuda.avg_pool import avg_pool_backward, avg_pool_forward
from kernels.cupy_cuda.bin_max import bin_max_backward, bin_max_forward
from kernels.cupy_cuda.im2col import col2im, im2col
from kernels.cupy_cuda.leaky_relu import leaky_relu_backward, leaky_relu_forward
from kernels.cupy_cuda.local_response_norm import local_response_norm_backward, local_response_norm_forward
from kernels.cupy_cuda.max_pool import max_pool_backward, max_pool_forward
from kernels.cupy_cuda.momentum import momentum_step
from kernels.cupy_cuda.prelu import prelu_backward, prelu_forward
from kernels.cupy_cuda.products import correlate, correlate_weight, matmul, products, transposed_products
from kernels.cupy_cuda.winograd import gather_tiles, scatter_tiles

if TYPE_CHECKING:  # mypy compares this folder with the contract
    from kernels import cupy_cuda
    from kernels.contract import Kernels

    _: Kernels = cupy_cuda

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
