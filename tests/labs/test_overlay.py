"""The student's file runs in all that is started through the overlay, and never an older state of it."""

import json
import shutil
import sys

import pytest

from minidelve.labs import overlay
from minidelve.labs.course import lab, labs
from tests.helpers import ROOT, python
from tests.labs.students import KERNEL, OP, solved


@pytest.fixture
def folder(tmp_path):
    """A student's folder with both files of lab 3, as the product has them."""
    for file in (OP, KERNEL):
        (tmp_path / file).parent.mkdir(parents=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


@pytest.fixture
def run(folder):
    """run("module", "a.module", *argv) or run("script", path, ...): what a job of these files says."""

    def start(kind, what, *argv, files=(OP, KERNEL), folder=folder, exit_code=0):
        job = folder / "job.json"
        asked = {"folder": str(folder), "files": files, kind: str(what), "argv": list(map(str, argv))}
        job.write_text(json.dumps(asked))
        environment = overlay.environment() | {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": ""}
        return python(*overlay.command(job)[1:], environment=environment, cwd=folder, exit_code=exit_code)

    return start


def script(folder, text):
    path = folder / "script.py"
    path.write_text(text)
    return path


def test_the_product_calls_the_student_s_functions(folder, run):
    (folder / KERNEL).write_text((ROOT / KERNEL).read_text() + "\ndef prelu_forward(*_, **__):\n    return 'mine'\n")
    said = run("script", script(folder, """
import numpy as np, sys
from minidelve.backend import kernels_for, use
with use("reference"):
    print(kernels_for(np.zeros(1)).prelu_forward())
print(sys.modules["minidelve.ops.prelu"].__file__)
print(sys.modules["minidelve.ops.relu"].__file__)
print(sys.argv)
"""), "--an", "option").stdout.splitlines()  # fmt: skip
    assert said[0] == "mine" and said[1] == str(folder / OP)
    assert said[2] == str(ROOT / "minidelve/ops/relu.py")
    assert said[3] == str([str(folder / "script.py"), "--an", "option"])


def test_train_runs_on_the_student_s_operation(folder, run, tiny_data):
    text = (folder / OP).read_text()
    (folder / OP).write_text(text.replace("        y, a = self.saved\n", "        raise SystemExit('this is mine')\n"))
    options = ["--data", tiny_data, "--size", 28, "--width", 0.1, "--fc", 8, "--batch-size", 4, "--out", folder / "run"]
    assert "this is mine" in run("module", "minidelve", "train", *options, exit_code=1).stderr


def test_two_edits_within_a_second_are_both_seen_and_no_bytecode_stays(folder, run):
    said = []
    for letter in "ab":
        (folder / KERNEL).write_text(f"prelu_forward = prelu_backward = {letter!r}\n")
        path = script(folder, "from kernels import reference; print(reference.prelu_forward)")
        said.append(run("script", path).stdout.strip())
    assert said == ["a", "b"]
    assert list(folder.rglob("*.pyc")) == []


def test_a_file_that_comes_too_late_is_refused(folder):
    assert "minidelve.ops.prelu" in sys.modules
    with pytest.raises(RuntimeError, match="minidelve.ops.prelu was loaded before"):
        overlay.install(folder, [OP])


def test_origins_tell_which_file_was_loaded():
    assert overlay.origins([OP, "minidelve/no/such.py"]) == {OP: str(ROOT / OP), "minidelve/no/such.py": None}


def test_a_package_keeps_its_other_modules(folder, run):
    (folder / "kernels/__init__.py").write_text("mine = 1\n")
    said = run("script", script(folder, "import kernels.contract; print(kernels.mine, kernels.contract.__file__)"),
               files=["kernels/__init__.py"]).stdout.split()  # fmt: skip
    assert said == ["1", str(ROOT / "kernels/contract.py")]


def test_every_lab_s_files_take_the_place_of_the_product_s(tmp_path, folder, run):
    numbers = [lab.number for lab in labs()]
    solved(tmp_path / "all", *numbers)
    files = [file for number in numbers for file in lab(number).blanks]
    path = script(folder, f"""
import importlib, json, minidelve.cli
from minidelve.labs.overlay import module_of, origins
for file in {files!r}:
    importlib.import_module(module_of(file))
print(json.dumps(origins({files!r})))
""")  # fmt: skip
    said = run("script", path, files=files, folder=tmp_path / "all").stdout
    assert json.loads(said) == {file: str(tmp_path / "all" / file) for file in files}
