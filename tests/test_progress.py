"""What is printed: progress lines, on a clock that the test turns, and what happens when nobody reads."""

import os
import sys
import time

import pytest

from minidelve.progress import duration, note, progress, say


@pytest.mark.parametrize(("seconds", "said"), [
    ([30] + [2] * 7, ["packing: 1/8", "packing: 6/8, about 4 s left"]),  # the first one compiles: it does not count
    ([1, 1, 1], []), ([100], []),  # quick work, a single slow item
])  # fmt: skip
def test_slow_work_says_how_far_it_is_and_what_is_left(monkeypatch, capsys, seconds, said):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    for item in progress(range(len(seconds)), len(seconds), "packing"):
        now[0] += seconds[item]
    assert capsys.readouterr().err.splitlines() == said


def test_nothing_is_lost_on_the_way():
    assert list(progress(iter("abc"), 3, "letters")) == ["a", "b", "c"]


def test_durations_as_a_person_says_them():
    said = ["42 s", "1 min 0 s", "3 min 20 s", "1 h 0 min", "2 h 5 min"]
    assert [duration(s) for s in (42, 59.6, 200, 3600, 7500)] == said


def test_results_and_remarks_go_to_streams_of_their_own(capsys):
    say("result")
    note("remark")
    assert capsys.readouterr() == ("result\n", "remark\n")


def test_work_goes_on_when_the_reader_has_gone(monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        say("nobody hears it")
        say("nor this")
