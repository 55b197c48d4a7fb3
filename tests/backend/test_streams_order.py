"""Batches brought to the device ahead of time, against a model of CUDA in which nothing happens before it must.

A GPU works through each stream in order, but which of two streams runs first is its own affair; a mistake shows as a
wrong number once in a thousand runs. The model makes the choice: streams named eager run as far as events let
them as soon as something is launched, the others only when someone waits for them. Its memory pool gives freed
memory out again at once, the last first, as CuPy's does for each stream.
"""

import gc
from collections import defaultdict
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from minidelve.backend import streams as device


class Stream:
    """Work in order: (function, the (stream, length)s that have to be done before it)."""

    def __init__(self, machine, name, blocking=False):
        self.machine, self.name, self.blocking = machine, name, blocking
        self.work, self.waits, self.done = [], [], 0
        machine.streams.append(self)

    def launch(self, function):
        for other in self.machine.streams:  # CUDA's rule: the default stream and the blocking ones wait for each other
            if ("compute", True) in ((self.name, other.blocking), (other.name, self.blocking)):
                self.waits.append((other, len(other.work)))
        self.work.append((function, self.waits))
        self.waits = []
        self.machine.go_on()

    def is_ready(self):
        """Whether it has work, and events let it do it."""
        return self.done < len(self.work) and all(other.done >= n for other, n in self.work[self.done][1])

    def run_to(self, length):
        while self.done < length:
            function, waits = self.work[self.done]
            for other, so_far in waits:
                other.run_to(so_far)
            self.done += 1
            function()

    def wait_event(self, event):
        self.waits.append(event.mark)

    def record(self, event):
        event.mark = (self, len(self.work))
        return event

    def synchronize(self):
        self.run_to(len(self.work))


class Event:
    def __init__(self, disable_timing=False):
        self.mark = None

    done = property(lambda self: self.mark[0].done >= self.mark[1])

    def synchronize(self):
        stream, length = self.mark
        if not self.done:
            stream.machine.waits.append(stream.name)
        stream.run_to(length)


class Array:
    """An array on the device: its memory goes back to the pool of its stream when nobody holds it."""

    def __init__(self, machine, shape, dtype, memory=None, axes=None):
        self.machine, self.size, self.dtype = machine, int(np.prod(shape)), np.dtype(dtype)
        self.memory = memory or Memory(machine, self.size * self.dtype.itemsize)
        flat = np.frombuffer(self.memory.bytes, self.dtype, self.size).reshape(shape)
        self.numbers = flat if axes is None else flat.transpose(axes)
        self.shape, self.nbytes, self.__cuda_array_interface__ = self.numbers.shape, self.numbers.nbytes, {}

    def transpose(self, axes):
        return Array(self.machine, self.shape, self.dtype, self.memory, axes)

    def set(self, source, stream):
        numbers = self.numbers  # not self: what is queued keeps no memory from being given out again
        stream.launch(lambda: np.copyto(numbers, source))

    def get(self, out, blocking):
        numbers = self.numbers
        self.machine.compute.launch(lambda: np.copyto(out, numbers))
        assert not blocking


class Memory:
    def __init__(self, machine, size):
        self.free = machine.free[size]
        self.bytes = self.free.pop() if self.free else bytearray(size)

    def __del__(self):
        self.free.append(self.bytes)


class Pinned(np.ndarray):
    """Page-locked memory, which returns to the pool `free`."""

    free = None

    def __del__(self):
        if self.free is not None:
            self.free.append(self.base)


class Machine:
    """A module `cupy` and the device behind it; `eager` names the streams that run whenever they can."""

    def __init__(self, *eager):
        self.eager, self.streams, self.waits = eager, [], []
        self.free, self.pinned = defaultdict(list), defaultdict(list)
        self.compute = Stream(self, "compute")
        self.copies = None
        self.cuda = SimpleNamespace(
            Stream=self.new_stream, Event=Event, alloc_pinned_memory=self.alloc_pinned,
            get_current_stream=lambda: self.compute,
        )  # fmt: skip

    def new_stream(self, non_blocking=False):
        self.copies = Stream(self, "copies", blocking=not non_blocking)
        return self.copies

    def empty(self, shape, dtype):
        return Array(self, shape, dtype)

    def alloc_pinned(self, size):
        free = self.pinned[size]
        memory = (free.pop() if free else np.empty(size, np.uint8)).view(Pinned)
        memory.free = free
        return memory

    def go_on(self):
        while ready := [stream for stream in self.streams if stream.name in self.eager and stream.is_ready()]:
            ready[0].run_to(ready[0].done + 1)

    def step(self, x, seen):
        """Launch the reading of a batch."""
        numbers = x.numbers
        self.compute.launch(lambda: seen.append(numbers.copy()))

    def finish(self):
        for stream in self.streams:
            stream.synchronize()


@pytest.fixture
def on(monkeypatch):
    def start(*eager):
        machine = Machine(*eager)
        monkeypatch.setattr(device, "cupy_module", lambda: machine)
        monkeypatch.setattr(device, "_being_written", type(device._being_written)())
        return machine

    return start


def batches(sizes):
    """As the loader makes them: (N, 3, 4, 5) images whose memory is channels last, and labels."""
    return [(np.full((n, 4, 5, 3), i, np.float32).transpose(0, 3, 1, 2), np.arange(n)) for i, n in enumerate(sizes)]


EAGER = ((), ("copies",), ("compute",), ("copies", "compute"))
SIZES = ([], [2], [2, 1], [2] * 7, [1, 3, 2, 2, 1])


@pytest.mark.parametrize(("eager", "sizes"), list(product(EAGER, SIZES)))
def test_every_step_sees_its_own_batch_whatever_runs_first(on, eager, sizes):
    machine, given, seen = on(*eager), batches(sizes), []
    for i, (x, labels) in enumerate(device.upload_ahead(iter(given), "cuda")):
        assert x.shape == given[i][0].shape and labels is given[i][1]
        assert x.numbers.strides == given[i][0].strides  # channels last on the device too
        machine.step(x, seen)
        del x  # from here on its memory may be given out, though the step has not run
        scratch = machine.empty((len(labels) * 60,), np.float32)  # and this step uses the same memory
        numbers = scratch.numbers
        machine.compute.launch(lambda numbers=numbers: numbers.fill(-1))
        del scratch
    machine.finish()
    assert len(seen) == len(given)
    for (x, _), numbers in zip(given, seen, strict=True):
        np.testing.assert_array_equal(numbers, x)


def test_the_next_batch_is_copied_while_a_step_runs(on):
    machine, seen = on("copies"), []
    for i, (x, _) in enumerate(device.upload_ahead(batches([2] * 6), "cuda")):
        machine.step(x, seen)
        assert len(seen) <= i  # this step has not run
        if i < 5:
            machine.compute.run_to(i)  # the ones before it have
            machine.go_on()
            assert machine.copies.done == i + 2  # and the next batch is here


def test_a_step_waits_for_no_batch_but_its_own(on):
    machine, seen = on(), []
    for i, (x, _) in enumerate(device.upload_ahead(batches([2] * 6), "cuda")):
        machine.step(x, seen)
        machine.compute.run_to(i + 1)
        assert machine.copies.done == i + 1


@pytest.mark.parametrize("eager", [("copies", "compute"), ("copies",)])
def test_python_waits_for_nothing_but_a_pinned_buffer_that_is_still_read(on, eager):
    machine, seen = on(*eager), []
    for x, _ in device.upload_ahead(batches([2] * 6), "cuda"):
        machine.step(x, seen)
    # Steps that never end of themselves hold up the copies; packing batch 4 then waits for copy 2, and so on.
    assert machine.waits == ([] if "compute" in eager else ["copies"] * 2)


def test_the_batches_belong_to_the_one_who_takes_them(on):
    machine, given = on(), batches([2] * 5)
    kept = [x for x, _ in device.upload_ahead(given, "cuda")]
    machine.finish()
    for x, (own, _) in zip(kept, given, strict=True):
        np.testing.assert_array_equal(x.numbers, own)


@pytest.mark.parametrize("taken", [1, 3])
def test_leaving_early_leaves_no_copy_under_way_and_closes_the_source(on, taken):
    machine, closed = on(), []  # the source is held here, so that garbage collection does not close it

    def source():
        try:
            yield from batches([2] * 6)
        finally:
            closed.append(True)

    given = source()
    uploaded = device.upload_ahead(given, "cuda")
    for _ in range(taken):
        next(uploaded)
    uploaded.close()
    gc.collect()
    assert closed and machine.copies.done == len(machine.copies.work) == taken + 1
    later = [machine.empty((2, 4, 5, 3), np.float32) for _ in range(4)]  # of the memory of batches nobody took
    for x in later:
        x.numbers.fill(9)
    machine.finish()
    assert all((x.numbers == 9).all() for x in later)


def test_read_later_waits_for_its_own_copy_alone(on):
    machine = on()
    x, log = machine.empty((2, 3), np.float32), []
    machine.compute.launch(lambda: x.numbers.fill(7))
    read = device.read_later(x)
    machine.compute.launch(lambda: log.append("backward"))
    assert machine.compute.done == 0  # nothing was waited for yet
    np.testing.assert_array_equal(read(), np.full((2, 3), 7, np.float32))
    assert machine.compute.done == 2 and log == []  # backward has not run
    value = read()
    value += 1
    assert read()[0, 0] == 7


def test_a_result_that_nobody_reads_is_not_written_over_what_comes_after(on):
    machine = on()
    x = machine.empty((4,), np.float32)
    machine.compute.launch(lambda: x.numbers.fill(7))
    device.read_later(x)  # and forgotten, as when an error comes between
    gc.collect()
    other = machine.alloc_pinned(16)
    other.fill(1)
    machine.finish()
    assert (other == 1).all()
    for _ in range(3):
        device.read_later(x)()
    assert len(device._being_written) == 1  # what is done is let go
