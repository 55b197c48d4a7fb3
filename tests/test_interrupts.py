"""Signals: one line and an exit code, whenever they come; and an interrupt is not lost where Python drops it."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from minidelve import interrupts
from tests.helpers import ROOT, python

HERE = {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}


@pytest.fixture(autouse=True)
def a_hang_up_is_heard():
    """nohup has it ignored. (For Ctrl-C see conftest.py.)"""
    number = signal.SIGHUP
    earlier = signal.signal(number, signal.SIG_DFL)
    yield
    signal.signal(number, earlier)


def press(number: int = signal.SIGINT) -> None:
    signal.raise_signal(number)


def run(work) -> tuple[int, list[str]]:
    """The exit code, and the lines that were told."""
    told: list[str] = []
    return interrupts.run(work, told.append), told


@pytest.mark.parametrize(("number", "code", "line"), [
    (signal.SIGINT, 130, "minidelve: interrupted"),
    (signal.SIGTERM, 143, "minidelve: ended by SIGTERM"),
    (signal.SIGHUP, 129, "minidelve: ended by SIGHUP"),
])  # fmt: skip
def test_a_signal_is_one_line_and_its_exit_code(number, code, line):
    earlier = signal.getsignal(number)
    assert run(lambda: press(number) or 0) == (code, [line])
    assert signal.getsignal(number) is earlier


def test_what_is_kept_is_part_of_the_line():
    def work() -> int:
        try:
            press()
        except KeyboardInterrupt:
            raise KeyboardInterrupt("all is kept") from None
        return 0

    assert run(work) == (130, ["minidelve: interrupted; all is kept"])


def test_work_that_ends_by_itself_keeps_its_exit_code():
    assert run(lambda: 3) == (3, [])
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 // 0)


def test_clearing_up_is_not_cut_short_by_a_second_signal():
    cleared = []

    def work() -> int:
        try:
            press()
        finally:
            try:
                os.stat("/nowhere")
            except OSError:
                press()  # while another error is handled, too
            press(signal.SIGTERM)
            cleared.append(True)
        return 0

    assert run(work) == (130, ["minidelve: interrupted"]) and cleared == [True]


class Dropping:
    """Raises where nobody can catch it."""

    def __del__(self):
        press()


def dropped_by_del() -> None:
    Dropping()


def dropped_by_a_callback() -> None:
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda a, b: press() or 0)
    ctypes.CDLL(None).qsort((ctypes.c_int * 2)(2, 1), 2, 4, compare)


def dropped_by_a_library() -> None:
    with contextlib.suppress(BaseException):
        press()


@pytest.mark.parametrize("drop", [dropped_by_del, dropped_by_a_callback, dropped_by_a_library])
def test_an_interrupt_that_python_drops_is_raised_anew(drop, monkeypatch):
    monkeypatch.setattr(interrupts, "AGAIN", 0.1)
    went_on, shown = [], []
    monkeypatch.setattr(sys, "unraisablehook", shown.append)

    def work() -> int:
        drop()
        went_on.append(True)
        for _ in range(500):
            time.sleep(0.01)
        return 0

    assert run(work) == (130, ["minidelve: interrupted"]) and went_on == [True]
    assert shown == []  # no traceback of what was dropped


def test_the_next_command_of_a_program_is_not_interrupted_too(monkeypatch):
    monkeypatch.setattr(interrupts, "AGAIN", 0.05)
    assert run(lambda: press() or 0)[0] == 130
    assert run(lambda: time.sleep(0.2) or 0) == (0, [])


@pytest.fixture
def own_process(monkeypatch):
    """As where this process is the command `minidelve`."""
    stop, numbers = interrupts._Stop(), (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    stop.owns_process = True
    earlier = {number: signal.getsignal(number) for number in numbers}
    monkeypatch.setattr(interrupts, "_stop", stop)
    yield stop
    for number, handler in earlier.items():
        signal.signal(number, handler)


def test_when_the_command_is_done_nothing_changes_its_exit_code(own_process):
    assert run(lambda: 3) == (3, [])
    assert {signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)} == {signal.SIG_IGN}


def test_clearing_up_that_does_not_end_is_ended(own_process, monkeypatch):
    monkeypatch.setattr(interrupts, "AGAIN", 0.01)
    monkeypatch.setattr(own_process, "_end_now", sys.exit)
    own_process.begin()
    own_process.number, own_process.since = signal.SIGTERM, time.monotonic() - interrupts.ENOUGH - 1
    with pytest.raises(SystemExit, match=str(int(signal.SIGTERM))):
        own_process._insist(own_process.command)


def test_what_nohup_has_the_process_ignore_stays_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert run(lambda: press(signal.SIGHUP) or 4) == (4, [])
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_a_handler_of_the_programs_own_stays():
    seen = []
    earlier = signal.signal(signal.SIGINT, lambda *_: seen.append(True))
    try:
        assert run(lambda: press() or 0) == (0, []) and seen == [True]
    finally:
        signal.signal(signal.SIGINT, earlier)


def test_a_thread_may_run_a_command():
    codes = []
    thread = threading.Thread(target=lambda: codes.append(run(lambda: 5)[0]))
    thread.start()
    thread.join()
    assert codes == [5]


def test_a_program_that_imports_us_keeps_its_own_ctrl_c():
    code = "import signal, minidelve; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    assert python("-c", code, environment=HERE).stdout.strip() == "True"


def test_where_a_system_lacks_signals_nothing_is_missing(monkeypatch):
    monkeypatch.delattr(signal, "SIGHUP")
    assert run(lambda: press() or 0) == (130, ["minidelve: interrupted"])


STOPPED_IN_NUMPY = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path, target=None):
        if name == "numpy":
            os.kill(os.getpid(), signal.{signal})
sys.meta_path.insert(0, Finder())
"""


@pytest.mark.parametrize(("number", "code", "line"), [
    (signal.SIGINT, 130, "minidelve: interrupted\n"), (signal.SIGTERM, 143, "minidelve: ended by SIGTERM\n")
])  # fmt: skip
def test_a_signal_while_minidelve_is_loaded_is_one_line(tmp_path, number, code, line):
    (tmp_path / "sitecustomize.py").write_text(STOPPED_IN_NUMPY.format(signal=number.name))
    script = tmp_path / "minidelve"  # as pip makes it
    script.write_text("import sys\nfrom minidelve.cli import main\nsys.exit(main())\n")
    path = os.pathsep.join([str(tmp_path), HERE["PYTHONPATH"]])
    for start in (["-m", "minidelve"], [script]):
        done = python(*start, "summary", "lab14", exit_code=code, environment={"PYTHONPATH": path})
        assert (done.stdout, done.stderr) == ("", line)


SAYS_WHEN = """
import pathlib, sys
class Finder:
    def find_spec(self, name, path, target=None):
        if name == "numpy":
            pathlib.Path({path!r}).touch()
sys.meta_path.insert(0, Finder())
"""


def test_signals_at_any_moment_of_a_command(tmp_path):
    started, out = tmp_path / "started", tmp_path / "out"
    out.mkdir()
    (tmp_path / "sitecustomize.py").write_text(SAYS_WHEN.format(path=str(started)))
    path = os.pathsep.join([str(tmp_path), HERE["PYTHONPATH"]])
    for i, delay in enumerate((0.0, 0.2, 0.5, 0.8)):
        number = (signal.SIGINT, signal.SIGTERM)[i % 2]
        process = subprocess.Popen(
            [sys.executable, "-m", "minidelve", "data", "--write-toy", out / "toy"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        while not started.exists():
            time.sleep(0.01)
        time.sleep(delay)
        process.send_signal(number)
        said, err = process.communicate(timeout=60)
        assert (process.returncode, said, err.count("\n")) == (128 + number, "", 1), err
        assert err.startswith("minidelve: ") and not list(out.iterdir())
        started.unlink()
