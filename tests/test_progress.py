"""What is printed: progress lines, on a clock that the test turns, and what happens when nobody reads."""

import os
import sys
import time

import pytest

from minidelve.progress import duration, note, progress, say


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def lines(clock, capsys, seconds):
    """What is printed when the items take so many seconds each."""
    for item in progress(range(len(seconds)), len(seconds), "packing"):
        clock[0] += seconds[item]
    return capsys.readouterr().err.splitlines()


def test_the_estimate_leaves_the_first_item_out_which_compiles(clock, capsys):
    assert lines(clock, capsys, [30, 2, 2, 2, 2, 2, 2, 2]) == [
        "packing: 1/8",
        "packing: 6/8, about 4 s left",
    ]


def test_quick_work_says_nothing(clock, capsys):
    assert lines(clock, capsys, [1, 1, 1]) == []


def test_a_single_slow_item_says_nothing(clock, capsys):
    assert lines(clock, capsys, [100]) == []


def test_nothing_is_lost_on_the_way(clock):
    assert list(progress(iter("abc"), 3, "letters")) == ["a", "b", "c"]


def test_durations_as_a_person_says_them():
    assert [duration(s) for s in (42, 200, 7500)] == ["42 s", "3 min 20 s", "2 h 5 min"]


def test_results_and_remarks_go_to_streams_of_their_own(capsys):
    say("result")
    note("remark")
    assert capsys.readouterr() == ("result\n", "remark\n")


def test_work_goes_on_when_the_reader_has_gone(monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        say("nobody hears it")
        say("nor this")
