"""All that the commands print: results on stdout; on stderr, the progress of long work and remarks on the way.

    say(line)                              a result, or a line of a log
    note(line)                             a remark on the way
    for image in progress(images, n, "packing", "image"): ...

Printing never ends the work. Where the reader of a pipe has gone (`| head`), it goes on in silence. Where a stream
cannot be written for another reason, such as a full disk, one line on the other stream says so. What the encoding
of a stream lacks is shown by its code, such as \\u732b.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
Track = Callable[[Iterable[Any], int, str], Iterable[Any]]  # (items, how many, what) -> the items, shown or not
EVERY_SECONDS = 10.0  # between two plain lines
NAMES = {"stdout": "standard output", "stderr": "standard error"}
_lost: dict[str, Any] = {}  # the stream of each name that nothing is written to any more
_said: set[str] = set()


def say(text: str = "") -> None:
    """Print a result on stdout at once."""
    _print(text + "\n", "stdout")


def note(text: str) -> None:
    """Print a remark on stderr at once."""
    _print(text + "\n", "stderr")


def note_once(text: str) -> None:
    """Print a remark on stderr, the first time that it is made."""
    if text not in _said:
        _said.add(text)
        note(text)


def is_terminal() -> bool:
    """Whether remarks go to a person's screen, on which a bar can move."""
    try:
        return sys.stderr is not _lost.get("stderr") and bool(sys.stderr.isatty())
    except (AttributeError, ValueError):  # no stream, one that is closed, or an object of the caller's
        return False


def open_closed_streams() -> None:
    """Open the null device where stdin, stdout or stderr is closed (`2>&-`): the next file would take its place.

    A library that prints to stderr would then print into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one


def _print(text: str, name: str) -> None:
    """Write text to the stream of that name, whatever state it is in."""
    stream = getattr(sys, name)
    if stream is None or stream is _lost.get(name):  # None: closed from the start, or a program without a console
        return
    try:
        try:
            _write(stream, text)
        except UnicodeEncodeError:
            encoding = getattr(stream, "encoding", None) or "ascii"
            lacks = f"{NAMES[name]} ({encoding}) cannot show some characters"
            note_once(f"minidelve: {lacks}; their codes stand in their place")
            _write(stream, text.encode(encoding, "backslashreplace").decode(encoding))
    except Exception as error:  # a full disk, a terminal that was closed, whatever an object of the caller's raises
        _lose(stream, name, error)


def _write(stream: Any, text: str) -> None:
    try:
        if not os.get_blocking(stream.fileno()):
            os.set_blocking(stream.fileno(), True)  # a pipe that is full would refuse the rest of a long text
    except (OSError, ValueError, AttributeError):
        pass  # not a file of the system
    stream.write(text)
    if flush := getattr(stream, "flush", None):
        flush()


def _lose(stream: Any, name: str, error: Exception) -> None:
    """Write nothing to the stream any more, and say so unless its reader has left."""
    _lost[name] = stream
    nobody_reads = isinstance(error, BrokenPipeError)
    try:
        number = stream.fileno()
        if nobody_reads or number in (1, 2):  # else it is a file of the caller's, who may have plans for it
            discard(number)
    except (OSError, ValueError, AttributeError):
        pass  # not a file of the system
    if not nobody_reads:
        reason = getattr(error, "strerror", None) or error or type(error).__name__
        other = "stdout" if name == "stderr" else "stderr"
        _print(f"minidelve: {NAMES[name]} cannot be written ({reason}); the work goes on without it\n", other)


def discard(number: int) -> None:
    """Let the open file of that number be the null device: what it still holds would fail again when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


class _Screen:
    """stderr as a bar may write to it."""

    def write(self, text: str) -> None:
        _print(text, "stderr")

    def flush(self) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)  # its width and its encoding


def bar(**options: Any) -> Any:
    """tqdm(**options), on a terminal or in a notebook; None elsewhere, and where there is no tqdm."""
    notebook = is_notebook()
    if not notebook and not is_terminal():
        return None
    try:
        from tqdm import tqdm  # late: only a person's screen needs it
    except ImportError:
        return None
    return notebook_bar(**options) if notebook else tqdm(file=_Screen(), **options)


def is_notebook() -> bool:
    """Whether a notebook's cell is running: IPython was loaded by a kernel, not by a terminal."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


def notebook_bar(**options: Any) -> Any:
    """The notebook's own bar, which is a widget; one of text where ipywidgets is not installed."""
    from tqdm import notebook, tqdm

    try:
        return notebook.tqdm(**options)
    except ImportError:
        return tqdm(file=sys.stdout, **options)


def progress(items: Iterable[T], total: int, what: str, unit: str = "batch") -> Iterator[T]:
    """Yield the items, showing on stderr how far we are and how long it may still take.

    A bar on a terminal and in a notebook, plain lines elsewhere (a log file, a pipe).
    """
    moving = bar(iterable=items, total=total, desc=what, leave=False, unit=unit)
    if moving is not None:
        yield from moving
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


def show_images(images: Iterable[T], total: int, what: str) -> Iterator[T]:
    """The Track of the commands: `progress` of images."""
    return progress(images, total, what, unit="image")


def untracked(items: Iterable[T], total: int, what: str) -> Iterable[T]:
    """The Track that shows nothing: the items as they are."""
    return items


def duration(seconds: float) -> str:
    """Seconds as a person says them: 42 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
