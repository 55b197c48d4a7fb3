"""What is printed: progress lines, on a clock that the test turns, and what happens when nobody reads."""

import errno
import io
import os
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from minidelve import progress as words
from minidelve.progress import duration, is_terminal, note, note_once, progress, say


@pytest.fixture(autouse=True)
def as_in_a_new_process(monkeypatch):
    """Nothing is lost yet, and nothing was said."""
    monkeypatch.setattr(words, "_lost", {})
    monkeypatch.setattr(words, "_said", set())


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


def test_a_remark_is_made_once(capsys):
    for _ in range(3):
        note_once("again")
    assert capsys.readouterr().err == "again\n"


class Raises(io.StringIO):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, text):
        raise self.error


def closed_file():
    file = io.StringIO()
    file.close()
    return file


class Bare:
    """A stream of a program's own that can do nothing but write."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text


SILENT = [None, Raises(BrokenPipeError())]  # nobody is there to be told, or wants to be
FAILING = [
    Raises(OSError(errno.ENOSPC, "No space left on device")), Raises(OSError(errno.EIO, "Input/output error")),
    Raises(RuntimeError("no")), closed_file(), object(),
]  # fmt: skip


@pytest.mark.parametrize("stream", SILENT + FAILING, ids=lambda stream: repr(getattr(stream, "error", stream))[:30])
def test_work_goes_on_when_output_cannot_be_written(monkeypatch, capsys, stream):
    for name, write, other in (("stdout", say, 1), ("stderr", note, 0)):
        with monkeypatch.context() as patch:
            patch.setattr(sys, name, stream)
            assert list(progress(range(3), 3, "work")) == [0, 1, 2]
            write("nobody hears it")
            write("nor this")
        said = capsys.readouterr()[other]
        assert said.count("\n") == (stream not in SILENT)
        assert "cannot be written" in said or stream in SILENT


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_file_of_the_callers_own_that_fails_stays_that_file(monkeypatch, capsys):
    file = open("/dev/full", "w", encoding="utf-8", buffering=1)  # noqa: SIM115 (its end fails too)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", file)
        say("more than there is room for")
    assert os.path.samestat(os.fstat(file.fileno()), os.stat("/dev/full"))
    assert "standard output cannot be written (No space left on device)" in capsys.readouterr().err
    words.discard(file.fileno())
    file.close()


def test_both_streams_may_fail(monkeypatch):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, Raises(OSError(errno.ENOSPC, "full")))
    say("nobody hears it")
    note("nor this")
    assert list(progress(range(3), 3, "work")) == [0, 1, 2] and not is_terminal()


def test_a_stream_that_can_only_write_is_enough(monkeypatch):
    monkeypatch.setattr(sys, "stderr", bare := Bare())
    note("a remark")
    assert not is_terminal() and bare.text == "a remark\n"


def test_work_goes_on_when_the_reader_has_gone(monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as pipe:  # closing it would fail if anything were left to be written
        monkeypatch.setattr(sys, "stdout", pipe)
        say("nobody hears it")
        say("nor this")


def test_a_pipe_that_is_full_is_waited_for(monkeypatch):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    text, read = "x" * 200_000, []  # more than a pipe holds

    def read_late() -> None:
        time.sleep(0.1)
        with open(reading, encoding="utf-8") as pipe:
            read.append(pipe.read())

    thread = threading.Thread(target=read_late)
    thread.start()
    with open(writing, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        say(text)
    thread.join()
    assert read == [text + "\n"]


@pytest.mark.parametrize(("encoding", "shown"), [
    ("ascii", "\\u732b \\xb1 \\udce9"), ("cp1252", "\\u732b ± \\udce9"),
    ("utf-8", "猫 ± \\udce9"), ("utf-16", "猫 ± \\udce9"),
])  # fmt: skip
def test_what_an_encoding_lacks_is_shown_by_its_code(monkeypatch, capsys, encoding, shown):
    file = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", file)
    say("猫 ± \udce9")
    say("猫")
    assert file.buffer.getvalue().decode(encoding).splitlines()[0] == shown
    assert capsys.readouterr().err.count("cannot show some characters") == 1


class Terminal(io.StringIO):
    def isatty(self):
        return True


class HungUp(Terminal):
    def write(self, text):
        raise OSError(errno.EIO, "Input/output error")


def test_a_bar_moves_on_a_terminal_and_work_goes_on_when_that_closes(monkeypatch):
    for terminal in (Terminal(), HungUp()):
        monkeypatch.setattr(sys, "stderr", terminal)
        assert list(progress(range(3), 3, "packing", "image")) == [0, 1, 2]
    assert not is_terminal()


def test_without_tqdm_there_are_plain_lines(monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert list(progress(range(3), 3, "packing")) == [0, 1, 2] and terminal.getvalue() == ""


class ZMQInteractiveShell:
    """IPython's in a notebook, by its name."""


def test_a_notebook_shows_its_own_bar_or_one_of_text(monkeypatch, capsys):
    notebook = pytest.importorskip("tqdm.notebook")
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=ZMQInteractiveShell))
    shown = []

    def widget(iterable, **options):
        shown.append(options)
        return iterable

    monkeypatch.setattr(notebook, "tqdm", widget)
    assert list(progress(range(3), 3, "packing", "image")) == [0, 1, 2]
    assert [(o["desc"], o["total"], o["unit"]) for o in shown] == [("packing", 3, "image")]

    def without_widgets(iterable, **options):
        raise ImportError("IProgress not found")

    monkeypatch.setattr(notebook, "tqdm", without_widgets)
    assert list(progress(range(3), 3, "packing")) == [0, 1, 2]
    assert "packing" in capsys.readouterr().out


def test_ipython_in_a_terminal_is_no_notebook(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: object()))
    assert list(progress(range(3), 3, "packing")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")
