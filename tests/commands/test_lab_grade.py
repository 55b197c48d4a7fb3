"""`minidelve lab grade`: what it says, and a line for each mistake that a lecturer can make."""

import os

import pytest

from minidelve.labs.trial import sandbox
from tests.labs.students import done, handed_in

SECRET = "a line that nobody can guess\n"


@pytest.fixture
def given(tmp_path):
    """The words of a grading: a folder with one submission, and a secret."""
    (tmp_path / "handed-in").mkdir()
    handed_in(done(tmp_path / "course", 3), 3, tmp_path / "handed-in/lab3-Zoë-Ode.zip")
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "secret").chmod(0o600)
    return {"number": 3, "folder": tmp_path / "handed-in", "--secret": tmp_path / "secret", "--out": tmp_path / "marks"}


def words(given, **changes):
    options = given | {name.replace("__", "--"): value for name, value in changes.items()}
    places = [options["number"], options["folder"]]
    return ["lab", "grade", *places, *(word for name in ("--secret", "--out") for word in (name, options[name]))]


def test_a_grading_says_what_came_out(cli, given):
    code, out, err = cli(*words(given), "--jobs", "1")
    assert code == 0 and "WARNING" not in err or "bubblewrap" in err
    assert (
        "1 submission graded; the one in the middle has 10 of 10 points" in out and f"{given['--out']}/marks.csv" in out
    )
    assert "Zoë-Ode,10,10,," in (given["--out"] / "marks.csv").read_text(encoding="utf-8")
    assert (given["--out"] / "Zoë-Ode.json").exists()


@pytest.mark.parametrize(("content", "said"), [
    (None, "No such file"), ("", "is empty"), (" \n", "is empty"), ("short", "holds 5 bytes; expected at least 16"),
    ("x" * 5000, "cannot be read"),
])  # fmt: skip
def test_a_secret_that_is_none_is_refused(refused, given, content, said):
    given["--secret"].unlink() if content is None else given["--secret"].write_text(content)
    refused(words(given), given["--secret"], said, "python -c 'import secrets")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_secret_that_others_can_read_is_told_of(cli, given):
    given["--secret"].chmod(0o644)
    assert f"{given['--secret']} can be read by others" in cli(*words(given), "--jobs", "1")[2]


def test_what_is_no_lab_or_no_folder_is_refused(refused, given, tmp_path):
    refused(words(given, number=9), "there is no lab 9")
    refused([*words(given), "--variant", "cubic"], "no variant 'cubic'")
    refused(words(given, folder=tmp_path / "nowhere"), "nowhere cannot be read")
    (tmp_path / "empty").mkdir()
    refused(words(given, folder=tmp_path / "empty"), "holds no submissions")
    refused(words(given, __out=tmp_path / "handed-in/marks"), "lies among the submissions")
    refused(words(given, __out=tmp_path / "course"), "is not empty")
    refused(words(given, __out=tmp_path / "secret"), "is a file")


def test_a_finished_grading_is_refused(refused, cli, given):
    cli(*words(given), "--jobs", "1")
    refused(words(given), "marks holds this grading, and it is finished")


def test_what_is_refused_is_one_line_without_bubblewrap_too(refused, given, tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "how", lambda: None)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes.txt").write_text("mine")
    refused(words(given, __out=tmp_path / "used"), "used is not empty: it holds 'notes.txt'")
