"""How the kernels of this folder are compiled.

nogil      Python's lock is let go while a kernel runs: the threads of minidelve/backend/threads.py compute side by side
error_model, boundscheck  C's: a kernel's loop bounds are its proof that no index leaves its array

Not parallel: the ops give each core its share of the images and call the kernel on each, so a kernel stays on
the thread that calls it, and two calls may always run side by side.
Not fastmath: a NaN must stay a NaN (a diverging run is found by it), and sums keep their order.
Machine code is kept on disk (cache.py), so only the first run ever waits for the compiler.
Options never depend on the environment: Numba's cache would not see the difference. Nor does it
see an edit of a callee in another file, so a kernel's helpers live in the kernel's own file.
"""

from numba import njit

from kernels.numba_cpu.cache import KernelCache

OPTIONS = {"nogil": True, "error_model": "numpy", "boundscheck": False}


def compiled(function):
    """Compile a loop nest that stays on the thread that calls it."""
    kernel = njit(**OPTIONS)(function)
    if kernel is function:  # NUMBA_DISABLE_JIT
        return function
    try:
        kernel._cache = KernelCache(function)
    except Exception:  # a read-only installation and no home: no place for a cache, compile each time
        return kernel
    return kernel
