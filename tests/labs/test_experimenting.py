"""A lab's experiment runs on the student's files, in a process that ends when it is told to."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from minidelve.errors import UserError
from minidelve.labs import course
from minidelve.labs.blanks import original
from minidelve.labs.student import trainings
from minidelve.labs.student.experimenting import chosen, experiment_of, run_experiment, takes_data
from minidelve.labs.student.folder import opened
from minidelve.training.config import Config
from tests.helpers import ROOT
from tests.labs.students import KERNEL, OP, solved, started

EXPERIMENT = """
import sys, time
import numpy as np

def main(out, seed, quick=False):
    from kernels import reference
    print("a table")
    (out / "picture.svg").write_text("<svg/>")
    f = reference.prelu_forward(np.array([[-2.0]]), np.array([0.25]))
    return {"seed": seed, "f": f[0, 0], "quick": quick, "none": float("nan")}
"""


@pytest.fixture
def folder(tmp_path):
    return solved(tmp_path / "course", 3)


@pytest.fixture
def lab(tmp_path):
    """Lab 3 with a small experiment."""
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab/experiment.py").write_text(EXPERIMENT)
    return replace(course.lab(3), folder=tmp_path / "lab")


@pytest.fixture
def run(lab, folder, capfd):
    """run(quick=False): exit code, what was printed, what was remarked."""

    def experiment(quick=False, seed=7):
        it = opened(folder)
        code = run_experiment(lab, it, chosen(lab, it).files, seed, quick)
        return code, *capfd.readouterr()

    return experiment


def test_numbers_and_pictures_are_kept_with_what_they_came_from(run, folder):
    assert run() == (0, "a table\n", "")
    kept = json.loads((folder / "lab3/numbers.json").read_text())
    assert kept["numbers"] == {"seed": 7.0, "f": -0.5, "quick": 0.0, "none": None}
    assert (kept["lab"], kept["seed"], kept["quick"], kept["files"].keys()) == (3, 7, False, {KERNEL, OP})
    assert (folder / "lab3/picture.svg").exists()


def test_a_quick_trial_leaves_the_numbers_of_the_whole_one(run, folder):
    run()
    before = (folder / "lab3/numbers.json").read_bytes()
    assert run(quick=True)[0] == 0
    assert (folder / "lab3/numbers.json").read_bytes() == before
    assert json.loads((folder / "lab3/quick/numbers.json").read_text())["numbers"]["quick"] == 1.0


def test_an_experiment_is_given_other_images_if_it_takes_them(lab, folder, capfd):
    it = opened(folder)
    with pytest.raises(UserError, match="the experiment of lab 3 takes no images; leave --data out"):
        run_experiment(lab, it, chosen(lab, it).files, 7, False, "/data/mine.zip")
    (lab.folder / "experiment.py").write_text(
        "def main(out, seed, quick, source=None):\n    print(source)\n    return {}"
    )
    assert run_experiment(lab, it, chosen(lab, it).files, 7, False, "/data/mine.zip") == 0
    assert capfd.readouterr().out == "/data/mine.zip\n"
    assert [takes_data(experiment_of(course.lab(number))) for number in (3, 8)] == [False, True]


def test_it_is_the_student_s_function_that_is_called(run, folder):
    text = original(KERNEL)
    (folder / KERNEL).write_text(text.replace("np.where(y > 0, y, a * y)", "np.where(y > 0, y, 100 * y)"))
    assert run()[0] == 0
    assert json.loads((folder / "lab3/numbers.json").read_text())["numbers"]["f"] == -200


def test_an_error_of_the_student_s_is_one_line_with_its_place(run, folder):
    text = original(KERNEL)
    (folder / KERNEL).write_text(text.replace("y = y if bias is None else y + bias", "y = y @ a\n    y = z"))
    code, _, err = run()
    assert code == 2 and len(err.splitlines()) == 1
    assert err.startswith(f"minidelve: {KERNEL}:10: NameError: name 'z'")
    assert not (folder / "lab3/numbers.json").exists()


def test_an_exit_in_a_student_s_file_is_told(run, folder):
    (folder / KERNEL).write_text("raise SystemExit\n" + original(KERNEL))
    with pytest.raises(UserError, match=r"ended without its numbers; is there an exit\(\)"):
        run()


def test_a_mistake_is_one_line_and_a_fault_of_ours_a_traceback(run, lab):
    path = lab.folder / "experiment.py"
    path.write_text(
        "def main(out, seed, quick):\n    from minidelve.errors import RunError\n    raise RunError('no room')"
    )
    assert run() == (2, "", "minidelve: no room\n")
    path.write_text("def main(out, seed, quick):\n    return 1 / 0")
    code, _, err = run()
    assert code == 1 and "ZeroDivisionError" in err and "Traceback" in err


def test_a_blank_of_the_lab_s_own_is_named_before_anything_runs(lab, tmp_path):
    folder = opened(started(tmp_path / "new", 3))
    said = f"{KERNEL}: prelu_forward, prelu_backward are still to be written; the experiment of lab 3 runs on them"
    with pytest.raises(UserError, match=said):
        chosen(lab, folder)


def test_earlier_labs_serve_as_far_as_they_are_written(folder):
    (folder / OP).write_text(original(OP).replace("        y, a = self.saved\n", "        pass\n"))
    later = replace(course.lab(3), number=4, tasks=(), cuts={})
    found = chosen(later, opened(folder))
    assert [f.file for f in found.files] == [KERNEL, OP] and found.left_out == ()
    started(folder.parent / "new", 3)
    found = chosen(later, opened(folder.parent / "new"))
    assert found.files == () and [f.file for f in found.left_out] == [KERNEL, OP]


def test_a_variant_takes_its_lab_s_experiment_unless_it_has_one(lab):
    inside = lab.folder / "variants" / "mine"
    inside.mkdir(parents=True)
    variant = replace(lab, variant="mine", folder=inside)
    assert experiment_of(variant) == lab.folder / "experiment.py"
    (inside / "experiment.py").write_text("")
    assert experiment_of(variant) == inside / "experiment.py"
    with pytest.raises(UserError, match="lab 3 has no experiment"):
        experiment_of(replace(lab, folder=inside / "none"))


@pytest.mark.parametrize("to_both", [True, False])
def test_ctrl_c_ends_the_experiment_too(folder, lab, tmp_path, to_both):
    """As a terminal sends it, to both processes, and as `kill` does, to the one alone."""
    (lab.folder / "experiment.py").write_text("""
import os, time

def main(out, seed, quick):
    (out / "pid.part").write_text(str(os.getpid()))
    (out / "pid.part").rename(out / "pid")
    time.sleep(100)
""")
    script = f"""
from dataclasses import replace
from pathlib import Path
from minidelve import interrupts
from minidelve.labs import course
from minidelve.labs.student.experimenting import chosen, run_experiment
from minidelve.labs.student.folder import opened

def work():
    lab = replace(course.lab(3), folder=Path({str(lab.folder)!r}))
    folder = opened(Path({str(folder)!r}))
    return run_experiment(lab, folder, chosen(lab, folder).files, 0, False)

raise SystemExit(interrupts.run(work, print))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not (folder / "lab3/pid").exists():
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.01)
    (os.killpg if to_both else os.kill)(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "minidelve: interrupted\n", "")
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "lab3/pid").read_text()), 0)


def test_a_training_on_another_file_is_another_training(tmp_path, monkeypatch):
    monkeypatch.setattr(trainings, "train", lambda config, folder, **options: None)
    monkeypatch.setattr(trainings.checkpoint, "load_meta", lambda path: {"history": []})
    folders = []
    for files, epochs in (({}, 1), ({"kernels.a": "1"}, 1), ({"kernels.a": "2"}, 1), ({}, 2), ({}, 1)):
        monkeypatch.setattr(trainings, "in_use", lambda files=files: files)
        folders.append(trainings.trained(tmp_path, "plain", Config(epochs=epochs)).folder)
    assert len(set(folders[:4])) == 4 and folders[4] == folders[0]
