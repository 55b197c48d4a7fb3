"""Taking turns: order, counts, medians and ratios, on a clock that the test turns."""

import time

import pytest

from minidelve.bench import machine
from minidelve.bench.timing import Spread, interleaved, ratio


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
