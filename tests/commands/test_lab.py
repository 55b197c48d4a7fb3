"""`minidelve lab`: from an empty folder to the file that is handed in, and what goes wrong on the way."""

import zipfile

import pytest

from minidelve.cli import main
from minidelve.commands import lab_run
from minidelve.labs.blanks import original
from minidelve.labs.course import lab, labs
from minidelve.labs.student import experimenting
from tests.labs.students import KERNEL, OP, solved, started


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "course"


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    """An experiment that takes no time."""
    path = tmp_path / "experiment.py"
    path.write_text("def main(out, seed, quick=False):\n    (out / 'a.png').touch()\n    return {'seed': seed}\n")
    monkeypatch.setattr(experimenting, "experiment_of", lambda lab: path)


def test_a_lab_from_start_to_the_file_that_is_handed_in(ok, refused, folder, experiment, tmp_path, monkeypatch):
    said = ok("lab", "start", 3, folder)
    assert f"it is in {folder}; first read lab3/README.md" in said and f"{KERNEL}: prelu_forward, prelu_back" in said
    assert "kept as they are: " + KERNEL in ok("lab", "start", 3, folder)
    functions = sum(map(len, lab(3).blanks.values()))
    assert f"       started; {functions} of {functions} still to write\n" in ok("lab", "list", folder)
    refused(["lab", "run", 3, folder], KERNEL, "prelu_forward, prelu_backward are still to be written")
    solved(folder, 3)
    assert "started; all is written" in ok("lab", "list", folder)
    refused(["lab", "submit", 3, folder], "answers.md is as it was handed out", "--incomplete")
    (folder / "lab3/answers.md").write_text("Because.\n")
    refused(["lab", "submit", 3, folder], "numbers.json is missing", f"minidelve lab run 3 {folder}")
    said = ok("lab", "run", 3, folder, "--seed", 5)
    assert f"lab 3's experiment runs on your 2 files of lab 3 in {folder}; all else is the framework's" in said
    assert f"its numbers are in {folder}/lab3/numbers.json, beside a.png\n" in said
    refused(["lab", "submit", 3, folder], "lab3/answers.md has no name", "--student")
    monkeypatch.chdir(tmp_path)
    said = ok("lab", "submit", 3, folder, "--student", "Zoë Ode")
    assert "lab3/numbers.json" in said and said.endswith("hand in lab3-Zoë-Ode.zip\n")
    assert KERNEL in zipfile.ZipFile(tmp_path / "lab3-Zoë-Ode.zip").namelist()
    again = ["lab", "submit", 3, folder, "--student", "Zoë Ode"]
    refused(again, "lab3-Zoë-Ode.zip exists", "--overwrite")
    ok(*again, "--overwrite")


def test_any_command_runs_on_the_student_s_files(folder, capfd):
    solved(folder, 3)
    text = original(KERNEL)
    check = ["lab", "run", "3", str(folder), "--", "check-grad", "--op", "prelu", "--kernels", "reference"]
    assert main(check) == 0
    assert f"minidelve check-grad runs on your 2 files of lab 3 in {folder}" in capfd.readouterr().out
    (folder / KERNEL).write_text(text.replace(".sum(axis=0)  # (2)", ".mean(axis=0)  # (2)"), encoding="utf-8")
    assert main(check) == 1
    assert "kernels/reference/prelu.py" in capfd.readouterr().out


def test_a_command_may_stand_behind_options(folder, capfd, monkeypatch):
    solved(folder, 3)
    given = []
    monkeypatch.setattr(lab_run, "run_command", lambda folder, files, words: given.append(words) or 0)
    for options in ([folder, "--seed", "5"], ["--seed", "5", folder], [folder], ["--quick", folder, "--seed", "5"]):
        assert main(["lab", "run", "3", *map(str, options), "--", "train", "--out", "mine", "--", "x"]) == 0
    monkeypatch.chdir(folder)
    assert main(["lab", "run", "3", "--", "train", "--out", "mine", "--", "x"]) == 0
    assert given == 5 * [["train", "--out", "mine", "--", "x"]]


def test_images_are_for_experiments_that_take_them(refused, folder, tmp_path):
    solved(folder, 3)
    refused(["lab", "run", 3, folder, "--data", tmp_path], "the experiment of lab 3 takes no images", "leave --data")
    refused(["lab", "run", 3, folder, "--data", tmp_path, "--", "train"], "--data is the experiment's", "behind")


def test_the_list_names_every_lab(ok):
    said = ok("lab", "list")
    assert said == ok("lab")
    assert all(f"lab {each.number}  {each.title}\n" in said for each in labs())


def test_the_folder_may_stand_behind_options(ok, refused, folder, experiment):
    solved(folder, 3)
    assert f"in {folder}/lab3/quick/numbers.json" in ok("lab", "run", "3", "--seed", 5, "--quick", folder)
    refused(["lab", "run", 3, "--seed", 5, ""], "the path is empty")
    refused(["lab", "run", 3, "--seed", 5, folder, folder], f"'{folder}' has no place")
    refused(["lab", "run", 3, folder, "--seed", 5, folder], f"'{folder}' has no place")


MISTAKES = [
    ("lab start 9 DIR", "there is no lab 9", "expected 1 to 8"), ("lab check 9 DIR", "lab"),
    ("lab start 0 DIR", "'0' is not an integer of at least 1"), ("lab start lab3 DIR", "'lab3' is not an integer"),
    ("lab start 3 DIR --variant none", "lab 3 has no variant 'none'"), ("lab start", "missing: N"),
    ("lab run 3 DIR", "DIR is no folder;", "minidelve lab start"), ("lab run 3 .", "is no folder of the course"),
    ("lab submit 3 DIR", "DIR is no folder;"), ("lab list DIR", "DIR is no folder;"),
    ("lab strat 3 DIR", "no subcommand 'lab strat'; expected lab with one of: list,", "did you mean lab start?"),
    ("lab 3", "no subcommand 'lab 3'"), ("lab start 3 ''", "the path is empty"),
]  # fmt: skip


@pytest.mark.parametrize("row", MISTAKES, ids=lambda row: row[0])
def test_a_mistake_is_one_line(refused, tmp_path, monkeypatch, row):
    monkeypatch.chdir(tmp_path)
    command, *parts = row
    refused(["" if word == "''" else word for word in command.split()], *parts)


@pytest.mark.parametrize("command", ["run", "submit"])
def test_a_lab_out_of_order_is_refused(refused, folder, command):
    (folder / ".course").mkdir(parents=True)
    refused(
        ["lab", command, 3, folder], "lab 3 was not started", "one that was: none", f"minidelve lab start 3 {folder}"
    )


def test_what_is_no_python_is_named_with_its_line(refused, ok, folder):
    started(folder, 3)
    (folder / KERNEL).write_text(original(KERNEL).replace("def prelu_backward(df, y, a, out=None):", "def prelu_back("))
    refused(["lab", "run", 3, folder], f"{folder / KERNEL}, line 13: '(' was never closed")
    assert "line 13: '(' was never closed" in ok("lab", "list", folder)


def test_an_incomplete_lab_can_be_handed_in_when_asked(cli, folder, tmp_path):
    started(folder, 3)
    out = tmp_path / "mine.zip"
    code, said, err = cli("lab", "submit", 3, folder, "--student", "me", "--out", out, "--incomplete")
    assert code == 0 and f"hand in {out}" in said and "note: " in err and "numbers.json is missing" in err
    assert zipfile.ZipFile(out).namelist() == [KERNEL, OP, ".course/record.json"]
