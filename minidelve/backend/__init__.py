"""Where an array lives and what serves it there: devices, kernels, threads, streams, memory, what of CUDA is there.

Only this room imports `kernels` and `cupy`. No mathematics of the network belongs here: that is `ops/`.
"""

from minidelve.backend.arrays import array_module, device_of, empty_like, inverse, memory_order, to_device, uniform
from minidelve.backend.cuda import cuda_state, cupy_module
from minidelve.backend.implementations import (
    DEVICE_OF,
    KERNEL_DTYPES,
    available,
    can_run,
    chosen,
    kernels_for,
    use,
)
from minidelve.backend.memory import readable
from minidelve.backend.precision import matmul
from minidelve.backend.sharing import can_share, in_shares
from minidelve.backend.threads import PER_NUMBER

__all__ = [
    "DEVICE_OF",
    "KERNEL_DTYPES",
    "PER_NUMBER",
    "array_module",
    "available",
    "can_run",
    "can_share",
    "chosen",
    "cuda_state",
    "cupy_module",
    "device_of",
    "empty_like",
    "in_shares",
    "inverse",
    "kernels_for",
    "matmul",
    "memory_order",
    "readable",
    "to_device",
    "uniform",
    "use",
]
