"""Memory of the CPU that a GPU can copy from and to while the CPU goes on."""

import ctypes


class PinnedMemoryPointer(bytearray):
    """A bytearray, as numpy.frombuffer must see its bytes; with CuPy's address and size."""

    ptr = property(lambda self: ctypes.addressof((ctypes.c_char * len(self)).from_buffer(self)))

    def size(self):
        return len(self)


def alloc_pinned_memory(size):
    return PinnedMemoryPointer(max(1, size))
