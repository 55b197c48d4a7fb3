"""Device memory: the computer's own, with a fence on both sides.

The fences and what `empty` gives out hold NaNs (as whole numbers: large negative ones), other NaNs for each piece of
memory.  So a number that a kernel forgets to write is a NaN, a number read outside an array is one too, and one
written outside an array changes a fence: `check_fences` looks at all of them after each launch.
"""

import os
import weakref
from itertools import count

import numpy as np

ALIGNMENT = 512  # bytes, as CuPy's pool
FENCE = 8192  # bytes on each side: a block's width
NAN, SERIALS = 0xFFF00000, 0x100000  # as float or double; the lower 20 bits are free and hold a piece's number

living = weakref.WeakSet()


class OutOfMemoryError(MemoryError):
    def __init__(self, size, total, limit=0):
        bound = f", limit set to: {limit:,} bytes" if limit else ""
        super().__init__(f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes{bound}).")


class MemoryPool:
    """Counts what is in use; total_bytes is the largest it was since free_all_blocks()."""

    def __init__(self):
        self._used = self._total = 0
        self._limit = int(os.environ.get("CUPY_GPU_MEMORY_LIMIT", 0))  # bytes; CuPy takes "90%" too

    def used_bytes(self):
        return self._used

    def total_bytes(self):
        return self._total

    def free_all_blocks(self):
        self._total = self._used

    def set_limit(self, size=None):
        self._limit = size or 0

    def _take(self, size):
        if self._limit and self._used + size > self._limit:
            raise OutOfMemoryError(size, self._used, self._limit)
        self._used += size
        self._total = max(self._total, self._used)


pool = MemoryPool()


class Memory:
    """A piece of device memory; free when no array holds it any more."""

    _serials = count()
    _taken = 0

    def __init__(self, size):
        rounded = -(-size // ALIGNMENT) * ALIGNMENT
        pool._take(rounded)
        self._taken = rounded
        filling = NAN | next(self._serials) % SERIALS
        room = np.full((size + 2 * FENCE + ALIGNMENT) // 4 + 1, filling, np.uint32).view(np.uint8)
        self._start = FENCE + -(room.ctypes.data + FENCE) % ALIGNMENT
        self._room = memoryview(room)
        self.size = size
        self.ptr = room.ctypes.data + self._start if size else 0
        self._before = self._fences()
        living.add(self)

    def _bytes(self, offset, size):
        return np.frombuffer(self._room, np.uint8, size, self._start + offset)

    def _fences(self):
        end = self._start + self.size
        return bytes(self._room[self._start - FENCE : self._start]), bytes(self._room[end : end + FENCE])

    def __del__(self):
        pool._used -= self._taken


class MemoryPointer:
    """An address in a Memory."""

    def __init__(self, mem, offset):
        self.mem = mem
        self.ptr = mem.ptr + offset


def check_fences(who):
    """Raise if anything was written beside a piece of memory."""
    for memory in list(living):
        now = memory._fences()
        if now != memory._before:
            where = "before" if now[0] != memory._before[0] else "behind"
            memory._before = now
            raise RuntimeError(f"{who} wrote {where} an array of {memory.size} bytes")


def check_range(who, address, size):
    """Raise if these bytes are not all of one piece of memory."""
    if not any(memory.ptr <= address and address + size <= memory.ptr + memory.size for memory in list(living)):
        raise RuntimeError(f"{who}: the {size} bytes at {address:#x} are not all of one array")
