"""All that the commands print: results on stdout; on stderr, the progress of long work and remarks on the way.

    say(line)                              a result, or a line of a log
    note(line)                             a remark on the way
    for image in progress(images, n, "packing", "image"): ...

Work does not stop because nobody reads: where the reader of a pipe has gone (`| head`), it goes on in silence.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

T = TypeVar("T")
EVERY_SECONDS = 10.0  # between two plain lines


def say(text: str = "") -> None:
    """Print a result on stdout at once."""
    _print(text, sys.stdout)


def note(text: str) -> None:
    """Print a remark on stderr at once."""
    _print(text, sys.stderr)


def _print(text: str, stream: TextIO) -> None:
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        silence(stream)


def silence(stream: TextIO) -> None:
    """Discard what is still written to a stream whose reader has gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def progress(items: Iterable[T], total: int, what: str, unit: str = "batch") -> Iterator[T]:
    """Yield the items, showing on stderr how far we are and how long it may still take.

    A bar on a terminal, plain lines elsewhere (a log file, a pipe).
    """
    if sys.stderr.isatty():
        from tqdm import tqdm  # late: only a terminal needs it

        yield from tqdm(items, total=total, desc=what, leave=False, unit=unit)
        return
    first = spoken = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if done == 1:
            first = now  # the first item may include compiling kernels: the estimate leaves it out
        if now - spoken >= EVERY_SECONDS and done < total:
            left = f", about {duration((now - first) / (done - 1) * (total - done))} left" if done > 1 else ""
            note(f"{what}: {done}/{total}{left}")
            spoken = now


def duration(seconds: float) -> str:
    """Seconds as a person says them: 42 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
