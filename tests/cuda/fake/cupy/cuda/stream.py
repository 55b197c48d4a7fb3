"""Streams and events.  Copies beside the computation happen as late as they may.

Kernels and all else on the default stream are done when they are asked for.  But two kinds of copies wait until
somebody waits for them, as a GPU that is behind would let them:

    x.set(array, stream=s)           on a non-blocking stream s: array is read, and x written, only then
    x.get(out=array, blocking=False) array is written only then (with what x held when it was asked for)

So a buffer that is written again too early, a batch that is used without waiting for its copy, or a result that is
read without waiting, gives wrong numbers here each time, not once in a while.  An array that is let go of while its
copy is under way raises: on a GPU another array could have its memory by then.
"""

import time
from itertools import count

_addresses = count(0x1000)


class Event:
    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self._timed, self._time = not disable_timing, None
        self._stream, self._position = None, 0  # recorded behind so many copies of the stream

    @property
    def done(self):
        """False once for what still waits: whoever asks again and again sees it happen."""
        done = self._stream is None or self._stream._finished >= self._position
        self.synchronize()
        return done

    def record(self, stream=None):
        self._stream = get_current_stream() if stream is None else stream
        self._position = self._stream._finished + len(self._stream._waiting)
        self._time = time.perf_counter()

    def synchronize(self):
        if self._stream is not None:
            self._stream._run(self._position)


def get_elapsed_time(start_event, end_event):
    """Milliseconds between two events."""
    for event in (start_event, end_event):
        if not event._timed or event._time is None:
            raise RuntimeError("cudaErrorInvalidResourceHandle: an event without timing, or never recorded")
    return 1000 * (end_event._time - start_event._time)


class Stream:
    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.ptr = 0 if null else next(_addresses)
        self.is_non_blocking = non_blocking
        self._finished, self._waiting = 0, []

    @property
    def done(self):
        done = not self._waiting
        self.synchronize()
        return done

    def record(self, event=None):
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event):
        if not isinstance(event, Event):
            raise TypeError(f"wait_event: expected an Event, got {type(event).__name__}")
        if self.is_non_blocking:
            self._later(event.synchronize)
        else:
            event.synchronize()

    def synchronize(self):
        self._run(self._finished + len(self._waiting))

    def _later(self, copy):
        self._waiting.append(copy)

    def _run(self, position):
        """All copies up to this one."""
        while self._finished < position:
            self._finished += 1
            self._waiting.pop(0)()


Stream.null = Stream(null=True)


def get_current_stream(device_id=-1):
    return Stream.null
