"""Ctrl-C, SIGTERM and SIGHUP: whenever they come, one line and exit code 128 + signal, and nothing is lost.

    while minidelve is loaded    the process ends at once: nothing has begun that could be lost (only where the process
                                 is the command `minidelve`, not a program that imports us)
    while a command works        KeyboardInterrupt, which unwinds it: what is not finished is removed, the rest is kept
    while that unwinds           nothing, lest the clearing up be cut short; after PATIENCE seconds the process ends
    when the command is done     nothing: the process ends, with the command's own exit code

Clearing up that has not ended after ENOUGH seconds will not: the process ends then without another signal. Files that
it leaves unfinished are removed by the next command that writes there.

Python drops an exception that is raised where nobody can catch it: in a function that compiled code calls back, as
llvmlite's does, or in a __del__. So a thread calls the handler again and again until the interrupt has arrived: it is
raised anew unless the main thread is unwinding by then.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # Windows lacks the third, the others the last
REPLACED = (signal.SIG_DFL, signal.default_int_handler)  # not a SIG_IGN, which nohup and `&` in a script leave
PATIENCE = 3.0  # seconds that clearing up may take before another Ctrl-C ends it
ENOUGH = 12.0  # seconds that it may take at most
AGAIN = 0.5  # seconds until an interrupt that has not arrived is raised anew


class _Stop:
    """The signal that ends this process, and what becomes of it."""

    def __init__(self) -> None:
        self.number = 0  # of the signal; 0 while none has come
        self.since = 0.0  # when it came
        self.told = False  # whether its line is printed
        self.working = False  # whether a command can be unwound
        self.command = 0  # how many there have been: a program may call main() again
        self.owns_process = False  # whether this process is `minidelve`, and not a program that calls main()
        self.earlier: dict[int, Any] = {}  # the handlers before ours
        self.anew = False  # whether it is our own thread that calls the handler
        self.lock = _thread.allocate_lock()  # held while `working` ends, and while our thread calls

    def handle(self, number: int, frame: Any) -> None:
        """The handler of all signals."""
        anew, self.anew = self.anew, False
        if not self.working:
            if not anew:
                self._outside(number, frame)
        elif not is_unwinding():
            if not self.number:
                self.number, self.since = number, time.monotonic()
                with suppress(RuntimeError):  # no thread is to be had: then it may have to be pressed again
                    _thread.start_new_thread(self._insist, (self.command,))
            raise KeyboardInterrupt
        elif not anew and time.monotonic() - self.since > PATIENCE:
            self._end_now(number)

    def _outside(self, number: int, frame: Any) -> None:
        """Before the command begins, or when it is done."""
        if self.owns_process:
            self._end_now(number)
        elif callable(earlier := self.earlier.get(number)):
            earlier(number, frame)

    def _end_now(self, number: int) -> None:
        """End the process, whatever it is doing."""
        if not self.told and sys.stderr is not None:
            with suppress(OSError):
                os.write(2, f"minidelve: {in_words(number)}\n".encode())
        os._exit(128 + number)

    def _insist(self, command: int) -> None:
        """Call the handler until the interrupt has arrived; and see to it that the process ends then."""
        while True:
            time.sleep(AGAIN)
            with self.lock:
                if not self.working or self.command != command:
                    break
                if self.owns_process and time.monotonic() - self.since > ENOUGH:
                    self._end_now(self.number)
                self.anew = True
                _thread.interrupt_main(signal.Signals(self.number))
        if self.owns_process:
            time.sleep(PATIENCE)
            self._end_now(self.number)  # a thread is still at work, which Python waits for

    def begin(self) -> None:
        """From here on an interrupt is raised."""
        self.command += 1
        self.number, self.told, self.working = 0, False, True

    def end(self) -> None:
        """From here on it is not."""
        with self.lock:
            self.working = False


_stop = _Stop()


def run(work: Callable[[], int], tell: Callable[[str], None]) -> int:
    """What work() returns; after an interrupt, of which `tell` is given the line, 128 + its signal."""
    _install()
    try:
        code = _run(work, tell)
        for number in _stop.earlier if _stop.owns_process else ():
            signal.signal(number, signal.SIG_IGN)
        return code
    finally:
        if not _stop.owns_process:
            _restore()


def _run(work: Callable[[], int], tell: Callable[[str], None]) -> int:
    try:
        with dropped_interrupts_unseen():
            _stop.begin()
            code = work()
            _stop.end()
    except KeyboardInterrupt as stop:
        number = _stop.number or signal.SIGINT
        code = 128 + number
        tell(f"minidelve: {in_words(number)}" + (f"; {stop}" if str(stop) else ""))
        _stop.told = True
        _stop.end()
    except BaseException:  # a fault of ours, which keeps its traceback, or the end of --help
        _stop.end()
        raise
    return code


def in_words(number: int) -> str:
    """What a user is told of a signal: "interrupted", or "ended by SIGTERM"."""
    return "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"


def ends_process() -> bool:
    """Whether an interrupt has come after which this process only clears up: no result is needed any more."""
    return _stop.owns_process and _stop.number != 0


def is_unwinding() -> bool:
    """Whether the code that runs clears up after an interrupt, or on the way out."""
    error = sys.exc_info()[1]
    while error is not None:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            return True
        error = error.__context__
    return False


@contextmanager
def dropped_interrupts_unseen() -> Iterator[None]:
    """Inside this block, Python shows no traceback of an interrupt that it drops: it will be raised anew."""
    earlier = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            earlier(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = earlier


def is_our_command() -> bool:
    """Whether Python was started as `minidelve` or as `python -m minidelve`."""
    started = sys.argv[0] if getattr(sys, "argv", None) else ""
    if started == "-m":  # what it says while the package of a module is imported
        pairs = zip(sys.orig_argv, sys.orig_argv[1:])
        return any(option.endswith("m") and name.partition(".")[0] == "minidelve" for option, name in pairs)
    return os.path.basename(started) in ("minidelve", "minidelve.exe", "minidelve-script.py")


def _install() -> None:
    """Put our handler in the place of Python's and the system's; a handler of the program's own stays."""
    for name in NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) in REPLACED:
            try:
                _stop.earlier[number] = signal.signal(number, _stop.handle)
            except ValueError:  # this is not the main thread, and signals are that one's
                return


def _restore() -> None:
    for number, handler in _stop.earlier.items():
        signal.signal(number, handler)
    _stop.earlier.clear()


if is_our_command():
    _stop.owns_process = True
    _install()
