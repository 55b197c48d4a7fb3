"""Code that does harm costs the task in which it does it, and nothing else: every kind, with bounds alone and confined.

Each kind is a task of one lab, so that one trial goes through all of them: what comes after a kind still has to be run.
"""

import os
import socket
from pathlib import Path

import numpy as np
import pytest

from minidelve.labs import course
from minidelve.labs.course import Lab
from minidelve.labs.task import Task
from minidelve.labs.trial import sandbox, stripped, trying
from minidelve.labs.trial.sandbox import Limits
from tests.helpers import ROOT

FILE = "kernels/reference/prelu.py"
CASE = ("a", "float64")
HOSTILE = Path(__file__).with_name("hostile.py").read_text(encoding="utf-8")
LIMITS = Limits(seconds=1.2, cpu=1, memory=2**30)
LAB = """
from minidelve.labs.task import Task
def calling(kind):
    def call(x):
        from kernels.reference import prelu
        return {"y": getattr(prelu, kind)(x)}
    return call
TASKS = [Task(kind, ("kernels/reference/prelu.py:prelu_forward",), 1, None, calling(kind)) for kind in KINDS]
"""
# How each kind ends: how its task ended, or what was raised. None: it comes back.
ENDS = {
    "loops": "time", "loops_deaf_to_the_limit": "time", "sleeps": "time", "prints_without_end": "time",
    "exits": "exit 3", "leaves_at_once": "no answer", "raises_an_interrupt": "SIGINT", "closes_everything": "exit ",
    "kills_itself": "SIGKILL", "kills_its_group": "SIGKILL", "crashes": "SIGSEGV",
    "writes_into_the_records": "it sent what is no result", "says_that_others_have_ended": "it sent what is no result",
    "gives_too_much": "TypeError: y has 134 MB",
    "calls_itself": "RecursionError", "fills_memory": "MemoryError", "wants_an_array_of_terabytes": "MemoryError",
    "fills_the_disk": "OSError", "asks_for_a_word": "EOFError", "gives_an_object": "TypeError: y is a object",
    "imports_torch": "ModuleNotFoundError: torch is not for the labs",
    "takes_compiled_kernels": "ModuleNotFoundError: numba",
    "imports_numba": "ModuleNotFoundError: numba is not for the labs",
    "starts_threads": "RuntimeError: can't start new thread", "starts_a_program": "BlockingIOError",
    "forks": "BlockingIOError", "calls_the_network": "ConnectionRefusedError", "lies_about_its_inputs": None,
}  # fmt: skip
ONLY_CONFINED = {"calls_the_network", "loops_deaf_to_the_limit", "says_that_others_have_ended"}
NEEDS_NOBODY = {"forks", "starts_a_program", "starts_threads"}  # a bound that root does not feel


def lab_of(folder: Path, kinds) -> Lab:
    """A lab with a task for each of these functions of hostile.py."""
    folder.mkdir()
    (folder / "lab.py").write_text(f"KINDS = {list(kinds)!r}\n{LAB}", encoding="utf-8")
    tasks = tuple(Task(kind, (f"{FILE}:prelu_forward",), 1, lambda rng, dtype: {}, dict) for kind in kinds)
    return Lab(3, "hostile", (), tasks, {}, folder)


def student(folder: Path, more: str = HOSTILE) -> Path:
    """A student's folder: the product's file, and more below it."""
    path = folder / FILE
    path.parent.mkdir(parents=True)
    path.write_text((ROOT / FILE).read_text(encoding="utf-8") + "\n\n" + more, encoding="utf-8")
    return folder


def try_out(lab: Lab, folder: Path, **options) -> trying.Trial:
    cases = {task.name: {CASE: {"x": np.arange(3.0)}} for task in lab.tasks}
    return trying.tried(lab, folder, cases, limits=options.pop("limits", LIMITS), **options)


def kinds_for(confined: bool) -> list[str]:
    counted = confined or not hasattr(os, "geteuid") or os.geteuid() != 0
    return [k for k in ENDS if (confined or k not in ONLY_CONFINED) and (counted or k not in NEEDS_NOBODY)]


@pytest.fixture(scope="module", params=[False, True], ids=["bounds alone", "confined"])
def hostile(request, tmp_path_factory) -> trying.Trial:
    """A trial of everything that a process survives or does not."""
    if request.param and sandbox.how() is None:
        pytest.skip("bubblewrap does not work here")
    root = tmp_path_factory.mktemp("hostile")
    lab = lab_of(root / "lab", ["fine", *kinds_for(request.param), "last"])
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = HOSTILE.replace("PORT = 0", f"PORT = {server.getsockname()[1]}")
        return try_out(lab, student(root / "student", text), confined=request.param)


@pytest.mark.parametrize("kind", ENDS)
def test_harm_ends_its_own_task(hostile, kind):
    if kind not in hostile.ended:
        pytest.skip("only a confined process is kept from it, or one that is not root's")
    seen, expected = hostile.observed[kind].get(CASE), ENDS[kind]
    how = seen.error if seen is not None else hostile.ended[kind]
    assert how.lstrip("_Ary").startswith(expected or "") and bool(how) == bool(expected), how


@pytest.mark.parametrize("kind, factor", [("fine", 2), ("last", 3)])
def test_what_comes_before_and_after_is_run(hostile, kind, factor):
    np.testing.assert_array_equal(hostile.observed[kind][CASE].outputs["y"], factor * np.arange(3.0))
    assert hostile.ended[kind] == ""


def test_what_is_printed_is_kept_in_part(hostile):
    assert hostile.printed.startswith("Traceback") or "xxxx" in hostile.printed
    assert len(hostile.printed) <= LIMITS.printed


def test_the_loaded_file_is_the_students(hostile):
    assert hostile.modules == {FILE: FILE} and hostile.others == []


def test_another_file_in_its_place_is_told(tmp_path):
    lab = lab_of(tmp_path / "lab", ["fine"])
    move = f"import sys, types\nsys.modules[__name__].__file__ = {str(ROOT / FILE)!r}\n"
    trial = try_out(lab, student(tmp_path / "student", HOSTILE + move))
    assert trial.others == [FILE] and trial.modules[FILE] == str(ROOT / FILE)


LOADING = Limits(seconds=0.8, loading=3, cpu=1)
TOPS = {
    "raise ValueError('at the top')": ("not loaded", "ValueError: at the top"),
    "1 +": ("not loaded", "SyntaxError: invalid syntax"),
    "import torch": ("not loaded", "ModuleNotFoundError: torch is not for the labs"),
    "raise SystemExit(4)": ("exit 4", ""),
    "while True: pass": ("time", ""),
}


@pytest.mark.parametrize("top", TOPS)
def test_a_file_that_cannot_be_loaded_ends_all_tasks(tmp_path, top):
    lab = lab_of(tmp_path / "lab", ["fine", "last"])
    trial = try_out(lab, student(tmp_path / "student", top), limits=LOADING)
    how, failed = TOPS[top]
    assert trial.ended == {"fine": how, "last": how}
    assert trial.failed.startswith(failed)
    if failed:
        lines = (tmp_path / "student" / FILE).read_text(encoding="utf-8").splitlines()
        assert trial.line == f"{FILE}:{len(lines)}"


@pytest.mark.skipif(sandbox.how() is None, reason="bubblewrap does not work here")
def test_a_confined_process_sees_only_what_it_needs(tmp_path):
    look = """
def fine(x):
    seen = [os.path.join(folder, name) for folder, _, names in os.walk("/") for name in names]
    answers = [name for name in seen if name.endswith(("mistakes.py", "right.py", "numba_cpu/prelu.py", "winograd.cu"))]
    texts = [open(name, encoding="utf-8").read() for name in seen if name.endswith("reference/prelu.py")]
    whole = [text for text in texts if "np.ones_like(a), a)" in text and "def fine" not in text]
    return np.array([len(answers), len(whole), os.path.exists("/etc/passwd"), os.path.exists("/proc/1"),
                     len(os.environ) > 20, len(texts) != 2], float)
"""
    lab = lab_of(tmp_path / "lab", ["fine"])
    with stripped.stripped(course.lab(3)) as product:
        trial = try_out(
            lab, student(tmp_path / "student", HOSTILE + look), confined=True, product=product, limits=Limits()
        )
    assert trial.confined and trial.observed["fine"][CASE].error == ""
    assert trial.observed["fine"][CASE].outputs["y"].tolist() == [0] * 6


def test_without_bubblewrap_the_bounds_still_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    sandbox.how.cache_clear()
    try:
        lab = lab_of(tmp_path / "lab", ["fine", "fills_the_disk", "loops", "last"])
        trial = try_out(lab, student(tmp_path / "student"), confined=True)
    finally:
        monkeypatch.undo()
        sandbox.how.cache_clear()
    assert not trial.confined and trial.ended == {"fine": "", "fills_the_disk": "", "loops": "time", "last": ""}


def test_without_groups_of_processes_time_still_ends_it(tmp_path, monkeypatch):
    """As on Windows."""
    monkeypatch.delattr(os, "killpg")
    lab = lab_of(tmp_path / "lab", ["fine", "loops", "last"])
    trial = try_out(lab, student(tmp_path / "student"), limits=Limits(seconds=0.5, cpu=100))
    assert trial.ended == {"fine": "", "loops": "time", "last": ""}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not bound a processor's time")
def test_the_processors_time_is_bounded_too(tmp_path):
    lab = lab_of(tmp_path / "lab", ["loops"])
    trial = try_out(lab, student(tmp_path / "student"), limits=Limits(seconds=60, cpu=1))
    assert trial.ended == {"loops": "time"} and trial.seconds < 40
