"""What the user is told while Numba compiles the CPU's kernels: before it begins, on the way, when it cannot keep them.

Numba compiles a kernel when it is first called, and keeps it (kernels/numba_cpu/cache.py). A first run so waits for
some twenty kernels, at its first step and at its first validation; the next finds them.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

from minidelve.backend.numba_settings import reason
from minidelve.progress import note

EVERY_SECONDS = 10.0  # between two lines on how far it is
AT_EACH_START = "at each start (there is no place to keep them: see `minidelve doctor`)"


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
    if not kernel.py_func.__module__.startswith("kernels.numba_cpu."):
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
    kept = kernel.stats.cache_path is not None
    note(f"compiling kernels, {'once' if kept else AT_EACH_START}, up to a minute")


def _cannot_keep(path: str, error: Exception, writing: bool) -> None:
    with _told.lock:
        if writing in _told.trouble:
            return
        _told.trouble.add(writing)
    why = getattr(error, "strerror", None) or reason(error)
    if writing:
        note(f"compiled kernels cannot be kept in {path} ({why}); work goes on, and the next start compiles again")
    else:
        note(f"{path} is damaged ({why}): its kernel is compiled again; `minidelve doctor` looks at the others")


def cache_folder() -> Path | None:
    """Where Numba keeps the compiled kernels that are loaded; None where it finds no place, or they are not loaded."""
    modules = [vars(module) for name, module in sys.modules.items() if name.startswith("kernels.numba_cpu.")]
    stats = [getattr(value, "stats", None) for names in modules for value in names.values()]
    folders = {Path(path) for one in stats if (path := getattr(one, "cache_path", None))}
    return min(folders, default=None)


def kept_kernels(folder: Path) -> tuple[int, list[str]]:
    """How many compiled kernels lie there, and the names of the files that are damaged, sorted."""
    from kernels.numba_cpu.cache import can_be_read, files_of

    code, indexes = files_of(folder)
    return len(code), sorted(path.name for path in [*code, *indexes] if not can_be_read(path))
