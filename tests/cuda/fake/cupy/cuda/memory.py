"""Device memory, by CuPy's names: ../_memory.py."""

from cupy._memory import Memory, MemoryPointer, MemoryPool, OutOfMemoryError  # noqa: F401
