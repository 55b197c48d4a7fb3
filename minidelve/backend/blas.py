"""BLAS and Python while several cores compute side by side: one thread a product, and no waiting for Python's lock."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from minidelve.progress import note

# Between a thread's asking for Python's lock and its getting it (docs/measurements.md, "What the constants rest on").
SWITCH_SECONDS = 1e-4


@cache
def libraries() -> list[Any]:
    """The BLAS libraries of this process; each has get_num_threads() and set_num_threads(n).

    None of them where threadpoolctl is missing or does not know the system, which is said once: results are the
    same, but several cores that each use all cores wait for each other.
    """
    try:
        from threadpoolctl import ThreadpoolController

        return ThreadpoolController().select(user_api="blas").lib_controllers
    except Exception as error:  # it reads the list of loaded libraries, each system's in its own way
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        note(f"note: BLAS keeps its own number of threads, which is slow ({why}); pip install --upgrade threadpoolctl")
        return []


class _Limits:
    """What BLAS and Python were set to before the first thread came in that runs shares."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.interval = sys.getswitchinterval()
        self.blas: list[tuple[Any, int]] = []

    def enter(self) -> None:
        with self.lock:
            if self.users == 0:
                self.interval = sys.getswitchinterval()
                self.blas = [(library, library.get_num_threads()) for library in libraries()]
                try:
                    sys.setswitchinterval(SWITCH_SECONDS)
                    for library, _ in self.blas:
                        library.set_num_threads(1)
                except BaseException:  # Ctrl-C: whoever does not come in leaves nothing changed
                    self.restore()
                    raise
            self.users += 1

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                self.restore()

    def restore(self) -> None:
        sys.setswitchinterval(self.interval)
        for library, threads in self.blas:
            library.set_num_threads(threads)


_limits = _Limits()


@contextmanager
def side_by_side() -> Iterator[None]:
    """Inside this block, BLAS has one thread, and Python's lock is handed over sooner than it usually is.

    A share spends nearly all of its time in compiled code without the lock. When it comes back for the few lines of
    Python between two kernels, it should not wait.

    Two of the user's own threads may be here at once: the last to leave restores what the first one found.
    """
    _limits.enter()
    try:
        yield
    finally:
        _limits.leave()


def restore_after_fork() -> None:
    """In a forked child the threads that came in are gone, and so is whoever held the lock."""
    global _limits
    if _limits.users:
        _limits.restore()
    _limits = _Limits()
