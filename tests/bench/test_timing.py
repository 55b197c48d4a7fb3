"""Taking turns: order, counts, medians and ratios, on a clock that the test turns."""

import time

import pytest

from minidelve.bench import machine, timing
from minidelve.bench.timing import KernelClock, Spread, interleaved, ratio, seconds_until_done


@pytest.fixture
def clock(monkeypatch):
    """now[0] is the time; a side that 'works' adds to it."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def sides_of(clock, log, **seconds):
    def side(name):
        def work():
            log.append(name)
            clock[0] += seconds[name]

        return work

    return {name: side(name) for name in seconds}


def test_sides_take_turns_and_every_other_round_runs_backwards(clock):
    log = []
    rounds = list(interleaved(sides_of(clock, log, ours=1.0, theirs=2.0), rounds=3, seconds=0.5))
    assert log[:4] == ["ours", "ours", "theirs", "theirs"]  # to warm up
    assert log[4:] == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert rounds == [pytest.approx({"ours": 1.0, "theirs": 2.0})] * 3
    assert [list(times) for times in rounds] == [["ours", "theirs"]] * 3


def test_a_fast_side_is_called_as_often_as_fits(clock):
    log = []
    list(interleaved(sides_of(clock, log, fast=0.01, slow=0.3), rounds=1, seconds=0.5))
    assert (log.count("fast"), log.count("slow")) == (2 + 50, 2 + 2)


def test_the_ratio_is_taken_within_each_round_against_the_better_of_theirs():
    rounds = [{"ours": 1.0, "a": 2.0, "b": 3.0}, {"ours": 2.0, "a": 5.0, "b": 3.0}, {"ours": 1.0, "a": 0.5, "b": 9.0}]
    assert ratio(rounds, "ours") == Spread(1.5, 0.5, 2.0)


def test_a_spread_is_median_smallest_largest():
    assert Spread.of([5.0, 1.0, 2.0]) == Spread(2.0, 1.0, 5.0)


def test_a_copy_moves_the_bytes_it_says(monkeypatch):
    moved = []
    monkeypatch.setattr(machine.np, "copyto", lambda out, a: moved.append(out.nbytes + a.nbytes))
    limit = machine.copy(1 << 20)
    limit.run()
    assert sum(moved) == limit.work


def test_on_a_device_the_clock_is_read_when_nothing_is_left_to_do(monkeypatch, clock):
    """A call takes 0.1 s to queue and 3 s to compute; the clock waits for both, and not for what was there before."""
    queued = [7.0]
    log = []

    def synchronize(device):
        log.append(device)
        clock[0] += queued[0]
        queued[0] = 0.0

    def work():
        clock[0] += 0.1
        queued[0] += 3.0

    monkeypatch.setattr(timing, "synchronize", synchronize)
    assert seconds_until_done(work, 4) == pytest.approx(3.1) and log == ["cuda", "cuda"]


def test_on_the_cpu_one_clock_times_kernels_and_all_else(monkeypatch):
    monkeypatch.setattr(machine, "sgemm_gflops", lambda: 100.0)
    monkeypatch.setattr(machine, "copy_gigabytes", lambda: 10.0)
    meter = machine.cpu_meter()
    assert meter.clock is meter.kernel_clock is timing.seconds_per_call and meter.busy is None
    assert meter.rates == {"copy": 10.0, "fp32": 100.0, "tf32": 100.0, "mixed": 100.0}


def test_before_kernels_are_timed_the_device_is_given_a_head_start(monkeypatch):
    log = []

    def seconds_on_device(work, calls):
        for _ in range(calls):
            work()
        log.append(calls)
        return 4e-3  # of the busy work

    monkeypatch.setattr(timing, "seconds_on_device", seconds_on_device)
    clock = KernelClock(lambda: log.append("busy"))
    assert log == ["busy", "busy", "busy", "busy", 3] and clock.times == 3  # 12 ms at least 10
    log.clear()
    assert clock(lambda: log.append("work"), 2) == 4e-3
    assert log == ["busy", "busy", "busy", "work", "work", 2]
    log.clear()
    clock(lambda: None, 1000)
    assert log[-1] == KernelClock.CALLS


def test_the_turns_are_timed_by_the_clock_that_is_given():
    asked = []

    def clock(work, calls):
        asked.append((work(), calls))
        return 0.25

    rounds = list(interleaved({"a": lambda: "a", "b": lambda: "b"}, 2, seconds=1.0, clock=clock))
    assert rounds == [{"a": 0.25, "b": 0.25}] * 2
    assert asked == [("a", 1), ("b", 1), ("a", 4), ("b", 4), ("b", 4), ("a", 4)]
