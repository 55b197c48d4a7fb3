"""What a launch that fails raises."""


class CUDADriverError(RuntimeError):
    pass
