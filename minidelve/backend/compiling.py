"""What the user is told while Numba compiles the CPU's kernels: before it begins, on the way, when it cannot keep them.

Numba compiles a kernel when it is first called, and keeps it (kernels/numba_cpu/cache.py). A first run so waits for
some twenty kernels, at its first step and at its first validation; the next finds them.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from minidelve.backend.numba_settings import reason
from minidelve.progress import note

EVERY_SECONDS = 10.0  # between two lines on how far it is
FEW = 10  # kernels: with fewer on disk nearly all are still to come


class _Told:
    """What has been said in this process, so that it is said once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.compiled = 0
        self.next_line = 0.0
        self.trouble: set[bool] = set()  # with reading, with writing


_told = _Told()


def tell_of_compiling() -> None:
    """From now on say when a kernel is compiled, and when one cannot be read from disk or kept there."""
    from numba.core import event

    from kernels.numba_cpu.cache import TROUBLE

    class Listener(event.Listener):
        def on_start(self, event: Any) -> None:
            if event.kind != TROUBLE:
                _compiling(event.data["dispatcher"])

        def on_end(self, event: Any) -> None:
            if event.kind == TROUBLE:
                _cannot_keep(**event.data)

    listener = Listener()
    for kind in ("numba:compile", TROUBLE):
        event.register(kind, listener)


def _compiling(kernel: Any) -> None:
    """Before a function is compiled: ours, or one of Numba's own that ours call."""
    if not kernel.py_func.__module__.startswith("kernels."):
        return
    with _told.lock:
        _told.compiled += 1
        count, now = _told.compiled, time.monotonic()
        if count > 1 and now < _told.next_line:
            return
        _told.next_line = now + EVERY_SECONDS
    if count > 1:
        note(f"compiling kernels: {count - 1} done")
        return
    folder = kernel.stats.cache_path
    if folder is None:
        note("compiling kernels, about half a minute at each start: no place to keep them, see `minidelve doctor`")
    elif sum(1 for _ in Path(folder).glob("*.nbc")) < FEW:
        note("compiling kernels, once, about half a minute")
    else:
        note("compiling kernels that no run before needed, once, a few seconds")


def _cannot_keep(path: str, error: Exception, writing: bool) -> None:
    with _told.lock:
        if writing in _told.trouble:
            return
        _told.trouble.add(writing)
    why = getattr(error, "strerror", None) or reason(error)
    if writing:
        note(f"compiled kernels cannot be kept in {path} ({why}); work goes on, and the next start compiles again")
    else:
        note(f"a compiled kernel in {path} is damaged ({why}) and is compiled again; `minidelve doctor` says more")
