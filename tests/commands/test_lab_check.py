"""`minidelve lab check`: points and hints on a student's own files, and one line where they cannot be tried."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from minidelve.commands import lab_run
from minidelve.labs.blanks import original
from minidelve.labs.course import lab
from minidelve.labs.judging.judge import Verdict
from minidelve.labs.student.folder import opened
from minidelve.labs.student.handing_out import hand_out
from minidelve.labs.student.report import report
from minidelve.labs.student.submitting import to_hand_in
from minidelve.labs.trial import trying
from tests.helpers import ROOT
from tests.labs.students import KERNEL, OP, solved, started

SUM, MEAN = ".sum(axis=0)  # (2), (3)", ".mean(axis=0)"
WHERE = "da[0] is "
KIND, SENTENCE = "a mean where a sum belongs", "(2) is a sum. With a mean"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "course"


@pytest.fixture
def check(cli, folder):
    """check(exit code, "--hint"): what is said of lab 3."""

    def run(exit_code, *more):
        code, out, err = cli("lab", "check", 3, folder, *more)
        assert (code, err) == (exit_code, "")
        return out

    return run


def rewrite(folder, file, *pairs):
    """Change what is right in a file of the student's."""
    text = original(file)
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    (folder / file).write_text(text, encoding="utf-8")


def test_the_skeleton_is_worth_nothing_and_the_first_step_is_named(check, folder):
    started(folder, 3)
    said = check(1)
    assert "0 of 10\n" in said and said.endswith(
        "nothing is written yet: begin with prelu_forward in kernels/reference/prelu.py\n"
    )


def test_what_is_right_is_worth_all_points(check, folder):
    solved(folder, 3)
    assert check(0).endswith("10 of 10\n")


def test_hints_come_one_by_one(check, folder):
    solved(folder, 3)
    rewrite(folder, KERNEL, (SUM, MEAN))
    first, second, third = check(1), check(1, "--hint"), check(1, "--hint", "--hint")
    assert [WHERE in said for said in (first, second, third)] == [True, True, True]
    assert [KIND in said for said in (first, second, third)] == [False, True, True]
    assert [SENTENCE in said for said in (first, second, third)] == [False, False, True]
    assert first.endswith(f"`minidelve lab check 3 {folder} --hint` says more\n")
    assert second.endswith(f"`minidelve lab check 3 {folder} --hint --hint` says more\n")
    assert "says more" not in third


def test_the_second_hint_shows_the_numbers_to_compute_with(check, folder):
    solved(folder, 3)
    rewrite(folder, KERNEL, (SUM, MEAN))
    first, second = check(1), check(1, "--hint")
    assert "in the case" not in first
    numbers = re.findall(r"    (\w+) = (\[\[?-?[\d.e, \[\]-]+\])\n", second)
    df, y, a = (np.array(json.loads(said)) for name, said in numbers if name in ("df", "y", "a"))
    got = re.search(r"da\[0\] is (\S+), expected (\S+) ", second)
    assert float(got[1]) == pytest.approx((df * np.minimum(y, 0)).mean(), rel=1e-2)
    assert float(got[2]) == pytest.approx((df * np.minimum(y, 0)).sum(), rel=1e-2) and a.shape == (1,)


def test_a_large_input_is_told_by_its_shape(check, folder):
    solved(folder, 3)
    rewrite(folder, OP, ("y = in_kernels_order(y)", "y = in_kernels_order(y) * len(y)"))
    assert "y = an array of shape (2, 3, 4, 5)\n" in check(1, "--hint")


def test_what_was_promised_beside_the_numbers_is_named(check, folder):
    solved(folder, 3)
    rewrite(folder, KERNEL, ("into(out, np.where(y > 0, y, a * y))", "np.where(y > 0, y, 2 * a * y)"))
    said = check(1, "--hint", "--hint")
    assert "out holds f: False, expected True (case: " in said and "a promise is not kept" in said


def test_what_the_caller_cannot_use_is_no_line_of_the_file(check, folder):
    solved(folder, 3)
    rewrite(folder, KERNEL, ("return into(out, dy), da", "return into(out, dy), None"))
    assert "one of the results is None" in check(1, "--hint", "--hint")


def test_what_waits_says_for_which_task(check, folder):
    solved(folder, 3)
    rewrite(folder, KERNEL, (SUM, MEAN))
    assert check(1).count("mend prelu_backward first: what is wrong here comes from there") == 3
    rewrite(folder, KERNEL, ("da = (df", "da = np.sqrt(2) * (df"))
    assert check(1).count("mend prelu_backward first: it is used here") == 3


def test_two_mistakes_in_two_functions_get_two_hints(check, folder):
    solved(folder, 3)
    rewrite(folder, KERNEL, (SUM, MEAN), ("np.where(y > 0, y, a * y)", "np.maximum(y, 0)"))
    said = check(1, "--hint", "--hint")
    assert SENTENCE in said and "a does not appear: that is ReLU." in said


def test_one_task_alone_can_be_checked(check, folder):
    solved(folder, 3)
    rewrite(folder, KERNEL, (SUM, MEAN))
    assert check(0, "--task", "prelu_forward").endswith("2 of 2\n")
    assert "prelu_backward" in check(1, "--task", "PReLU on maps")
    assert KIND in check(1, "--task", "prelu_backward", "--hint")


def test_what_the_code_prints_is_shown(check, folder):
    solved(folder, 3)
    rewrite(folder, KERNEL, ("    dy = df", "    print('look:', df.shape)\n    dy = df"))
    said = check(0)
    assert "\nyour code printed:\n  look: (2, 1)\n" in said and "more lines)" in said


def test_a_loop_costs_its_task_alone(check, folder, monkeypatch):
    monkeypatch.setattr(trying, "Limits", partial(trying.Limits, seconds=1.0, cpu=1))
    solved(folder, 3)
    rewrite(folder, KERNEL, ("    y = y if bias", "    while True: pass\n    y = y if bias"))
    said = check(1, "--hint")
    assert "it did not come to an end in time" in said and "4 of 4  right" in said


REFUSED = {
    "missing": (lambda path: path.unlink(), "is missing", "minidelve lab start 3"),
    "no Python": (lambda path: path.write_text("def f(:\n", encoding="utf-8"), "line 1", "invalid syntax"),
    "no function": (lambda path: path.write_text("x = 1\n", encoding="utf-8"), "no function 'prelu_forward'"),
    "an import": (
        lambda path: path.write_text("import torch\n" + original(KERNEL), encoding="utf-8"),
        "your files cannot be loaded: ModuleNotFoundError: torch is not for the labs", f"{KERNEL}:1",
    ),
    "an exit": (
        lambda path: path.write_text("raise SystemExit(4)\n" + original(KERNEL), encoding="utf-8"),
        "your files cannot be loaded (exit 4)",
    ),
    "another file": (
        lambda path: path.write_text(original(KERNEL) + f"\n__file__ = {str(ROOT / KERNEL)!r}\n", encoding="utf-8"),
        "prelu.py was not run, but",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_cannot_be_tried_is_one_line(refused, folder, case):
    harm, *parts = REFUSED[case]
    solved(folder, 3)
    harm(folder / KERNEL)
    refused(["lab", "check", 3, folder], *parts)


def test_another_mistake_is_one_line(refused, folder, tmp_path):
    refused(["lab", "check", 3, folder], "is no folder", "lab start")
    started(folder, 3)
    refused(["lab", "check", 4, folder], "lab 4 was not started", "minidelve lab start 4")
    refused(["lab", "check", 3, folder, "--task", "prelu"], "lab 3 has no task 'prelu'", "prelu_forward, prelu_back")


def test_the_last_lab_wants_the_files_of_all_before(refused, folder):
    started(folder, 3, 8)
    refused(["lab", "check", 8, folder], "is missing", "minidelve lab start 1")


def test_a_lab_done_as_a_variant_is_left_out_of_the_last(refused, ok, folder, monkeypatch):
    """A variant's functions are others: neither its files nor the product's in their place are worth points."""
    solved(folder, 1, 2, 4, 5, 6, 7)
    hand_out(lab(3, "two-slopes"), folder)
    started(folder, 8)
    said = ok("lab", "check", 8, folder)
    assert re.search(r"lab 3: PReLU +not tried: lab 3 was done as the variant two-slopes\n", said)
    assert said.endswith("9 of 9\n") and "lab 3" not in said.replace("lab 3: PReLU", "").replace("lab 3 was done", "")
    refused(["lab", "check", 8, folder, "--task", "lab 3: PReLU"], "not tried: lab 3 was done as the variant")
    handed_in, _ = to_hand_in(opened(folder).started(8), opened(folder), incomplete=True)
    assert not {KERNEL, OP} & handed_in.keys() and original(KERNEL) not in handed_in.values()
    monkeypatch.setattr(lab_run, "run_experiment", lambda lab, folder, files, *more: sum(f.lab == 3 for f in files))
    assert "left out: lab 3, which was done as the variant two-slopes\n" in ok("lab", "run", 8, folder)


def test_the_last_lab_says_where_to_begin(folder):
    lines = report(lab(8), [Verdict(task, 0, "waits") for task in lab(8).tasks], 1, folder)
    assert lines[-1] == "nothing is written yet: this lab tries what the labs before it hand out"


def test_ctrl_c_ends_the_process_of_the_students_code(folder):
    """It loops, and is gone when the command has ended."""
    solved(folder, 3)
    rewrite(folder, OP, ("        y = in_kernels_order(y)", "        while True: pass"))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "minidelve", "lab", "check", "3", str(folder)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        process.kill()
        pytest.skip("only Linux lists a process's children")
    end = time.monotonic() + 60
    while not (found := children.read_text(encoding="ascii").split()) and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err == "minidelve: interrupted\n"
    assert not os.path.exists(f"/proc/{found[0]}")
