"""The device that is not there, under the number 0."""

from cupy.cuda import runtime


class Device:
    def __init__(self, device=None):
        self.id = 0 if device is None else int(device)
        if self.id != 0:
            raise runtime.CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")

    compute_capability = "90"
    mem_info = property(lambda self: runtime.memGetInfo())
    attributes = property(lambda self: {"MultiProcessorCount": 1})

    def synchronize(self):
        runtime.deviceSynchronize()


def get_cublas_handle():
    return 1
