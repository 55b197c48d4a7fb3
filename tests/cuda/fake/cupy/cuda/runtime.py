"""The parts of CUDA's runtime that tell what is there."""

from cupy import _memory
from cupy.cuda import stream

_TOTAL = 2**33  # bytes
CUDA_R_32F, CUDA_R_64F, CUDA_R_16F = 0, 1, 2


class CUDARuntimeError(RuntimeError):
    pass


def getDeviceCount():
    return 1


def getDeviceProperties(device):
    if device != 0:
        raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
    return {"name": b"a CPU in place of a GPU", "totalGlobalMem": _TOTAL, "major": 9, "minor": 0,
            "multiProcessorCount": 1, "warpSize": 32, "maxThreadsPerBlock": 1024, "sharedMemPerBlock": 49152,
            "l2CacheSize": 2**20, "clockRate": 10**6, "memoryClockRate": 10**6, "memoryBusWidth": 64}  # fmt: skip


def memGetInfo():
    """(free, total) bytes."""
    return _TOTAL - _memory.pool.total_bytes(), _TOTAL


def deviceSynchronize():
    """Wait for the default stream; the fake does not know the others."""
    stream.get_current_stream().synchronize()
