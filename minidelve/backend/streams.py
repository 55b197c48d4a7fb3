"""Streams: batches brought to the device ahead of time, small results fetched without waiting, its clock.

A GPU works through *streams*, queues of copies and kernels that Python fills and does not wait for. Whatever is in
one stream runs in order; two streams run side by side unless one is told to wait for an *event* of the other. The
machine is busy as long as Python stays ahead of it, so three things are to be avoided in a training step: looking at
a result at once, copying from ordinary memory (the driver copies that itself, piece by piece), and copying between
two steps what could be copied during one.

`upload_ahead` therefore copies batch 3 while the step on batch 2 runs, on a stream of its own:

    Python    | launch step 1 | pack 3 | launch step 2 | pack 4 | launch step 3 ...
    copies    [copy 2]                 . [copy 3]                . [copy 4]
    compute        [---- step 1 -------]->[---- step 2 ----------]->[---- step 3 ...
                                       a b

    pack    the host's copy into one of two page-locked ("pinned") buffers, from where the device reads by itself
    a       copy 3 waits for step 1: the memory it goes to may have served that step
    b       step 2 waits for copy 2, which is long done

Why a. CuPy's pool gives freed memory out again at once, though kernels that use it may still be queued. That is
right within one stream, whose order protects them; the pool keeps a stock for each stream. A batch is taken from the
*compute* stream's stock, since that is where it will be read and where its memory may go afterwards; only the copy
stream is a stranger there, and has to wait until all that was queued before is done. (Taken from the copy stream's
stock, the memory of batch 2 could be overwritten by copy 4 while step 2 still reads it.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from itertools import cycle
from types import ModuleType
from typing import Any

import numpy as np

from minidelve.backend.arrays import device_of, inverse, memory_order
from minidelve.backend.cuda import cupy_module


def upload_ahead(batches: Iterable[tuple[Any, ...]], device: str) -> Generator[tuple[Any, ...], None, None]:
    """The batches with their images, the first array of each, on the device; on CUDA one batch ahead of its use.

    What else is in a batch stays as it is: labels are few, and `cross_entropy` looks at them on the CPU. The images
    keep their order in memory (data/feeding/loader.py: channels last). A batch belongs to the one who takes it.

    Closing the generator early (contextlib.closing) leaves no copy under way and closes `batches` too.
    """
    if device == "cpu":
        yield from batches
        return
    uploads = _Uploads(cupy_module())
    try:
        for batch in batches:
            uploads.send(*batch)
            if len(uploads.waiting) > 1:
                yield uploads.receive()
        if uploads.waiting:
            yield uploads.receive()
    finally:
        uploads.copies.synchronize()  # else the pool could give away what is still being written
        if isinstance(batches, Generator):
            batches.close()


class _Uploads:
    """Batches on their way: sent in order, received in order, at most two at a time."""

    def __init__(self, cupy: ModuleType):
        self.cupy = cupy
        # Non-blocking: an ordinary stream waits for the default one, where the steps run, and that for it.
        self.copies = cupy.cuda.Stream(non_blocking=True)
        self.buffers = cycle([_Pinned(cupy), _Pinned(cupy)])
        self.waiting: deque[tuple[Any, ...]] = deque()  # (images, event of their copy, the rest of the batch)

    def send(self, images: np.ndarray, *rest: Any) -> None:
        """Start the copy of a batch, into memory that the compute stream will have done with by then."""
        axes = memory_order(images)
        buffer = next(self.buffers)
        packed = buffer.pack(images.transpose(axes))
        there = self.cupy.empty(packed.shape, packed.dtype)
        self.copies.wait_event(self._mark(self.cupy.cuda.get_current_stream()))
        there.set(packed, stream=self.copies)
        buffer.copied = self._mark(self.copies)
        self.waiting.append((there.transpose(inverse(axes)), buffer.copied, rest))

    def receive(self) -> tuple[Any, ...]:
        """The batch sent first; what is launched from now on waits for it, Python does not."""
        images, copied, rest = self.waiting.popleft()
        self.cupy.cuda.get_current_stream().wait_event(copied)
        return (images, *rest)

    def _mark(self, stream: Any) -> Any:
        return stream.record(self.cupy.cuda.Event(disable_timing=True))


class _Pinned:
    """A page-locked buffer, and the event after which it may be written again."""

    def __init__(self, cupy: ModuleType):
        self.cupy, self.size = cupy, 0
        self.memory: Any = None
        self.copied: Any = None

    def pack(self, x: np.ndarray) -> np.ndarray:
        """x's numbers, C-contiguous in the buffer; waits if the copy of what was there is still under way."""
        if self.copied is not None:
            self.copied.synchronize()
        if self.size < x.nbytes:
            self.memory, self.size = self.cupy.cuda.alloc_pinned_memory(x.nbytes), x.nbytes
        packed = np.frombuffer(self.memory, x.dtype, x.size).reshape(x.shape)
        np.copyto(packed, x)
        return packed


# (event, pinned memory): not to be reused while the device writes there, even if nobody wants the result.
_being_written: deque[tuple[Any, Any]] = deque()


def read_later(x: Any) -> Callable[[], np.ndarray]:
    """Start to copy a small array to the CPU; the function returned waits for this copy alone and returns it.

    Kernels launched in between run on meanwhile. A NumPy array is given as it is.
    """
    if device_of(x) == "cpu":
        return lambda: x
    cupy = cupy_module()
    pinned = cupy.cuda.alloc_pinned_memory(max(1, x.nbytes))
    value = np.frombuffer(pinned, x.dtype, x.size).reshape(x.shape)
    # Behind the kernel that computes x, in the same stream: its memory is not given away before.
    x.get(out=value, blocking=False)
    copied = cupy.cuda.get_current_stream().record(cupy.cuda.Event(disable_timing=True))
    while _being_written and _being_written[0][0].done:
        _being_written.popleft()
    _being_written.append((copied, pinned))

    def read() -> np.ndarray:
        copied.synchronize()
        return value.copy()

    return read


def synchronize(device: str) -> None:
    """Wait until all that was launched on the device is done, as a clock must; the CPU never lags behind."""
    if device != "cpu":
        cupy_module().cuda.Device().synchronize()


def seconds_on_device(work: Callable[[], Any], calls: int) -> float:
    """The mean time of a call by CUDA's clock, from the start of the first of `calls` to the end of the last.

    Python's part counts only where the device has to wait for it.
    """
    cupy = cupy_module()
    start, end = cupy.cuda.Event(), cupy.cuda.Event()
    stream = cupy.cuda.get_current_stream()
    stream.record(start)
    for _ in range(calls):
        work()
    stream.record(end)
    end.synchronize()
    return cupy.cuda.get_elapsed_time(start, end) / 1e3 / calls
