"""The device: one, whose default stream is never behind (stream.py says what is)."""

from cupy.cuda import cublas, driver, memory, pinned_memory, runtime, stream  # noqa: F401
from cupy.cuda.device import Device, get_cublas_handle  # noqa: F401
from cupy.cuda.memory import Memory, MemoryPointer, MemoryPool  # noqa: F401
from cupy.cuda.pinned_memory import PinnedMemoryPointer, alloc_pinned_memory  # noqa: F401
from cupy.cuda.stream import Event, Stream, get_current_stream, get_elapsed_time  # noqa: F401


def is_available():
    return True
