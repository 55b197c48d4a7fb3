"""Where an array lives and what serves it there: devices, kernels, threads, streams, memory, CUDA.

Only this room imports `kernels` and `cupy`. The mathematics of the network does not belong here, but in ops/.
"""

from minidelve.backend.arrays import array_module, device_of, empty_like, inverse, memory_order, to_device, uniform
from minidelve.backend.cuda import cuda_state, cupy_module
from minidelve.backend.dtypes import as_taken, float_dtype, held
from minidelve.backend.foreign import capsule, native
from minidelve.backend.implementations import (
    DEVICE_OF,
    KERNEL_DTYPES,
    available,
    can_run,
    chosen,
    kernels_for,
    use,
    watching_kernels,
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
    "as_taken",
    "available",
    "can_run",
    "can_share",
    "capsule",
    "chosen",
    "cuda_state",
    "cupy_module",
    "device_of",
    "empty_like",
    "float_dtype",
    "held",
    "in_shares",
    "inverse",
    "kernels_for",
    "matmul",
    "memory_order",
    "native",
    "readable",
    "to_device",
    "uniform",
    "use",
    "watching_kernels",
]
