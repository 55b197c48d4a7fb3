"""Splitting a batch over the cores: each thread takes a share of the images through a whole op.

A matrix product can use all cores by itself, but then the cores meet at the end of every product, and on a machine
that runs anything else they wait for the slowest each time (docs/measurements.md, "What the constants rest on"). So
the batch is cut into one share per core, each share runs through all of the op on its own, with BLAS limited to one
thread, and the cores meet once an op. That is for an op called alone; a network is cut once for all of its conv layers
(parallel/shares.py), and the ops inside find themselves on one core.

The kernels of kernels/numba_cpu run on the thread that calls them: all parallelism is here.

The number of threads is what `using` set, else NUMBA_NUM_THREADS, else OMP_NUM_THREADS, else the number of cores this
process may use. More threads cut a batch into more shares, and a sum over shares then adds the same numbers in another
order: results agree to rounding. In a deterministic run they are the same to the bit: everything is cut into the same
DETERMINISTIC_SHARES, however many threads there are to take them.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from typing import Any, TypeVar

import numpy as np

from minidelve.backend import blas
from minidelve.backend.numba_settings import is_count
from minidelve.interrupts import ends_process

T = TypeVar("T")

# Multiply-adds; fewer take less time than waking another core (docs/measurements.md, "What the constants rest on").
SMALL_WORK = 1 << 20
PER_NUMBER = 16  # of a long array that is read or written once, in multiply-adds of a product
DETERMINISTIC_SHARES = 8  # enough for a laptop's cores, few enough for sizeable products


class _Settings:
    """What the user asked for; None and False until then."""

    threads: int | None = None
    deterministic = False


_settings = _Settings()


@contextmanager
def using(threads: int | None = None, deterministic: bool = False) -> Iterator[None]:
    """Inside this block, compute on `threads` cores; None leaves their number as it is.

    deterministic   the same bits for any number of cores

    Not for several threads at once: the settings are the process's. ValueError below 1.
    """
    if threads is not None and threads < 1:
        raise ValueError(f"threads is {threads}; expected at least 1")
    before = _settings.threads, _settings.deterministic
    of_blas = [(library, library.get_num_threads()) for library in blas.libraries()] if threads else []
    try:
        _settings.deterministic = deterministic
        if threads:
            _use(threads, [(library, threads) for library, _ in of_blas])
        yield
    finally:
        _settings.deterministic = before[1]
        if threads:
            _use(before[0], of_blas)


def _use(threads: int | None, libraries: list[tuple[Any, int]]) -> None:
    _settings.threads = threads
    _pool.cache_clear()  # its size is that of the first call
    for library, count in libraries:
        library.set_num_threads(count)


def is_deterministic() -> bool:
    """Whether a result must not depend on the number of threads."""
    return _settings.deterministic


def thread_count() -> int:
    """How many cores to use."""
    return _settings.threads or _default_thread_count()


def usable_cores() -> int:
    """How many cores this process may use, as far as the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _default_thread_count() -> int:
    for variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        if is_count(value := os.environ.get(variable, "")):
            return int(value)
    return usable_cores()


def shares(count: int) -> list[slice]:
    """range(count) in contiguous slices of nearly equal length, one per thread; none is empty.

    Which images a share holds depends on these two numbers only (in a deterministic run on `count` alone),
    and so does the order of every sum.
    """
    parts = max(1, min(DETERMINISTIC_SHARES if _settings.deterministic else thread_count(), count))
    return [slice(i * count // parts, (i + 1) * count // parts) for i in range(parts)]


def in_shares(function: Callable[[slice], T], count: int, work: float = math.inf) -> list[T]:
    """[function(share) for each of shares(count)], side by side, BLAS single-threaded within.

    Inside a share the core's work is not divided again: there it is [function(all)]; and so it is for less than
    SMALL_WORK multiply-adds in all.
    """
    if _inside.share:
        return [function(slice(0, count))]
    if work < SMALL_WORK:
        with blas.side_by_side():
            return [_alone(function, slice(0, count))]
    parts = shares(count)
    if len(parts) == 1 and thread_count() > 1 and not _settings.deterministic:
        return [function(parts[0])]  # one image, or one unit: let BLAS have all cores
    hands = max(1, min(thread_count(), len(parts)))

    def several(first: int) -> list[T]:
        """Every hands-th share from the first on, one after the other: a thread's work."""
        return [_alone(function, part) for part in parts[first::hands]]

    with blas.side_by_side():
        others: list[Future[list[T]]] = []
        try:
            for first in range(1, hands):  # in the caller's context: np.errstate holds for every share
                others.append(_pool().submit(copy_context().run, several, first))
            mine = several(0)
        finally:
            _wait_for(others)  # nobody may still be writing when an error or Ctrl-C leaves this function
        by_hand = [mine, *(other.result() for other in others)]
    return [by_hand[i % hands][i // hands] for i in range(len(parts))]


def _wait_for(others: list[Future[Any]]) -> None:
    try:
        _wait_unless_ending(others)
    except BaseException:  # Ctrl-C came while this thread waited
        _wait_unless_ending(others)
        raise


def _wait_unless_ending(others: list[Future[Any]]) -> None:
    """When the process ends, nobody looks at the arrays; and a share may be compiling its kernels for half a minute."""
    if not ends_process():
        wait(others)


class _Inside(threading.local):
    share = False


_inside = _Inside()


def _alone(function: Callable[[slice], T], share: slice) -> T:
    """function(share), in which nothing is divided again."""
    try:
        _inside.share = True
        return function(share)
    finally:
        _inside.share = False


def matmul(x: Any, y: Any) -> Any:
    """x (n, k) @ y (k, m), its columns (or rows, if there are more) split over the threads."""
    n, m = x.shape[0], y.shape[1]
    out = np.empty((n, m), np.result_type(x, y))
    if _inside.share:
        return np.matmul(x, y, out=out)
    work = n * m * x.shape[1] if max(n, m) > 1 else 0
    if m >= n:
        in_shares(lambda part: np.matmul(x, y[:, part], out=out[:, part]), m, work)
    else:
        in_shares(lambda part: np.matmul(x[part], y, out=out[part]), n, work)
    return out


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, thread_count() - 1), thread_name_prefix="minidelve")


def _after_fork() -> None:
    """In a forked child only the thread that forked lives on: not the pool's, nor one that held BLAS back."""
    _pool.cache_clear()
    if not _inside.share:
        blas.restore_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
