"""A lab graded: each submission gets its own mark, and whatever one of them does costs itself alone."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minidelve.disk.records import sealed
from minidelve.errors import UserError
from minidelve.labs.blanks import original, skeletons
from minidelve.labs.course import lab, labs
from minidelve.labs.lecturer import grading
from minidelve.labs.lecturer.grading import Task, digest_of_product, graded, submissions
from minidelve.labs.lecturer.marking import Order, beside_variants, completed, marked, of_record
from minidelve.labs.lecturer.secret import read_secret, seed_of
from minidelve.labs.trial import sandbox
from minidelve.labs.trial.sandbox import Limits
from minidelve.labs.trial.stripped import stripped
from tests.helpers import ROOT, raises
from tests.labs.sixty import sixty
from tests.labs.submissions import all_of, filled, zip_of

SECRET = b"a secret of the tests"
SHORT = Limits(seconds=4, cpu=2)


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory):
    """The folder of lab 3's thirty submissions, and what is expected of each."""
    folder = tmp_path_factory.mktemp("handed-in")
    return folder, all_of(3, folder)


@pytest.fixture(scope="module")
def product():
    with stripped(lab(3)) as folder:
        yield folder


def some(folder: Path, source: Path, *names: str) -> Path:
    """A folder with some of the submissions."""
    folder.mkdir()
    for name in names:
        (folder / f"lab3-{name}.zip").write_bytes((source / f"lab3-{name}.zip").read_bytes())
    return folder


def rows_of(out: Path) -> dict[str, dict[str, str]]:
    with open(out / "marks.csv", encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


# -- one submission -------------------------------------------------------------------------------------

CHEAP = ["dora", "ines", "lena", "mona", "exits", "takes-torch", "calls-home", "loads-the-original", "slips"]
CONFINED = sandbox.how() is not None


def mark_of(handed_in, product, name):
    folder, made = handed_in
    path = str(folder / f"lab3-{name}.zip")
    order = Order(path, name, 3, None, tuple(seed_of(SECRET, 3, name)), str(product), CONFINED)
    return marked(order, SHORT), made[name]


@pytest.mark.skipif(not CONFINED, reason="bubblewrap does not work here: hostile code would not be kept from anything")
@pytest.mark.parametrize("name", [*CHEAP, "loops"])
def test_each_submission_gets_its_mark(handed_in, product, name):
    mark, expected = mark_of(handed_in, product, name)
    points = mark.of if expected.points is None else expected.points
    assert (mark.points, tuple(mark.mistakes)) == (points, expected.mistakes), mark
    assert expected.ended in mark.ended and bool(expected.ended) == bool(mark.ended)
    assert mark.results["score"] == points and len(mark.results["tests"]) == len(lab(3).tasks)


@pytest.mark.slow
@pytest.mark.skipif(not CONFINED, reason="bubblewrap does not work here: hostile code would not be kept from anything")
def test_all_sixty_are_marked_as_expected(tmp_path):
    both = list(sixty(tmp_path, 2))
    assert [line for _, lines in both for line in lines] == []
    assert sum(len(marks) for marks, _ in both) == 60
    assert not list(ROOT.rglob("was_here.py"))


OTHERS = [pytest.param(each.number, marks=pytest.mark.slow) for each in labs() if each.number != 3]


@pytest.mark.parametrize("number", [3, *OTHERS])
def test_the_product_s_own_files_get_full_points(tmp_path, number):
    """Without what is left out of the product, too; and nobody is asked whom they copied from."""
    each = lab(number)
    (tmp_path / "ada.zip").write_bytes(zip_of(number, "ada", {file: original(file) for file in each.files}))
    with stripped(each) as product:
        order = Order(str(tmp_path / "ada.zip"), "ada", number, None, (number,), str(product), CONFINED)
        mark = marked(order)
    assert (mark.points, mark.mistakes, mark.ended, mark.warnings, mark.prints) == (each.points, [], "", [], {})


def test_a_lab_done_as_a_variant_is_left_out_of_lab_8(tmp_path):
    files = {file: original(file) for file in lab(8).files if file not in lab(3).blanks}
    started = {str(n): {"version": "1", "variant": "two-slopes" if n == 3 else None} for n in range(1, 9)}
    content = zip_of(8, "ada", {**files, ".course/record.json": sealed({"labs": started})})
    (tmp_path / "ada.zip").write_bytes(content)
    with stripped(lab(8)) as product:
        mark = marked(Order(str(tmp_path / "ada.zip"), "ada", 8, None, (8,), str(product), CONFINED))
    assert (mark.points, mark.of, mark.mistakes) == (9, 9, [])
    assert mark.warnings == ["not tried: lab 3: PReLU, as lab 3 was done as the variant two-slopes"]


def test_a_variant_that_there_is_not_takes_no_task_away(tmp_path):
    started = {str(n): {"version": "1", "variant": "mine\n=1+1" if n < 8 else None} for n in range(1, 9)}
    record = tmp_path / "folder/.course/record.json"
    record.parent.mkdir(parents=True)
    record.write_text(sealed({"labs": started}))
    assert beside_variants(lab(8), tmp_path / "folder") == lab(8)
    assert of_record(lab(3), tmp_path / "folder") == ["it was started as variant mine\\n=1+1"]


KERNEL = "kernels/reference/prelu.py"


@pytest.mark.parametrize("place", [f"{KERNEL}/inside", "kernels/reference", "kernels"])
def test_a_folder_for_a_file_or_a_file_for_a_folder_is_a_blank(tmp_path, place):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text("x")
    said = completed(lab(3), tmp_path)
    assert len(said) == 2 and said[0].startswith(f"{KERNEL} cannot be read")
    assert {file: (tmp_path / file).read_text() for file in lab(3).files} == skeletons(lab(3))


IN_ITS_PLACE = """
import sys, types
other = types.ModuleType(__name__)
vars(other).update(globals(), __file__="/elsewhere/prelu.py")
sys.modules[__name__] = other
"""


def test_what_takes_the_place_of_the_file_gets_nothing(tmp_path, product):
    files = filled(lab(3))
    files["kernels/reference/prelu.py"] += IN_ITS_PLACE
    (tmp_path / "ada.zip").write_bytes(zip_of(3, "ada", files))
    mark = marked(Order(str(tmp_path / "ada.zip"), "ada", 3, None, (3,), str(product), CONFINED))
    statuses = {test["name"]: test["score"] for test in mark.results["tests"]}
    assert statuses["lab 3: prelu_forward"] == statuses["lab 3: prelu_backward"] == 0
    assert any("not the student's file was called" in warning for warning in mark.warnings)


# -- a folder of them ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def five(handed_in, tmp_path_factory):
    """A grading of five submissions: the folder, and where the marks are."""
    place = tmp_path_factory.mktemp("five")
    folder = some(place / "in", handed_in[0], "ada", "emil", "exits-at-once", "kate", "links")
    graded(Task(lab(3), folder, SECRET, place / "out", 2))
    return folder, place / "out"


def test_the_table_has_a_line_a_student(five):
    rows = rows_of(five[1])
    assert {name: (row["points"], row["of"], row["mistakes"]) for name, row in rows.items()} == {
        "ada": ("10", "10", ""), "emil": ("2", "10", "pb-mean"), "exits-at-once": ("2", "10", ""),
        "kate": ("0", "10", ""), "links": ("0", "10", ""),
    }  # fmt: skip
    assert rows["exits-at-once"]["ended"].startswith("no answer (prelu_backward")
    assert rows["links"]["ended"] == "not read" and "link or a device" in rows["links"]["warning"]
    assert {row["experiment"] for row in rows.values()} == {"not run"}
    assert all(float(row["seconds"]) > 0 for name, row in rows.items() if name != "links")


def test_each_student_has_a_file_in_gradescope_s_form(five):
    assert sorted(os.listdir(five[1])) == [
        ".grading", "ada.json", "emil.json", "exits-at-once.json", "kate.json", "links.json", "marks.csv"
    ]  # fmt: skip
    found = json.loads((five[1] / "emil.json").read_text())
    assert found["score"] == 2 == sum(test["score"] for test in found["tests"]) and found["max_score"] == 10
    assert found["visibility"] == "visible" and found["stdout_visibility"] == "hidden"
    for test in found["tests"]:
        assert set(test) == {"name", "score", "max_score", "status", "output", "output_format", "visibility"}
        assert test["status"] == ("passed" if test["score"] == test["max_score"] else "failed")
    by_name = {test["name"]: test for test in found["tests"]}
    assert "da" in by_name["lab 3: prelu_backward"]["output"] and "sum" not in str(found)


def test_a_finished_grading_is_not_written_over(five):
    before = {path: path.read_bytes() for path in five[1].rglob("*") if path.is_file()}
    raises(UserError, lambda: graded(Task(lab(3), five[0], SECRET, five[1], 2)), str(five[1]), "finished")
    raises(UserError, lambda: graded(Task(lab(3), five[0], b"x" * 20, five[1], 2)), "another secret")
    raises(UserError, lambda: graded(Task(lab(4), five[0], SECRET, five[1], 2)), "another lab")
    assert {path: path.read_bytes() for path in five[1].rglob("*") if path.is_file()} == before


def test_a_folder_of_other_things_is_refused(five, tmp_path):
    (tmp_path / "thesis.md").write_text("mine")
    raises(UserError, lambda: graded(Task(lab(3), five[0], SECRET, tmp_path, 2)), "thesis.md", "not empty")
    raises(UserError, lambda: graded(Task(lab(3), five[0], SECRET, five[0] / "out", 2)), "among the submissions")
    assert os.listdir(tmp_path) == ["thesis.md"]


def test_two_submissions_of_one_student_are_refused(tmp_path):
    for name in ("lab3-anna.zip", "Lab3_Anna.zip"):
        (tmp_path / name).write_bytes(b"")
    raises(UserError, lambda: submissions(tmp_path, 3), "two submissions", "lab3-anna.zip", "Lab3_Anna.zip")


def test_a_folder_without_submissions_is_refused(tmp_path):
    (tmp_path / ".DS_Store").write_bytes(b"")
    raises(UserError, lambda: submissions(tmp_path, 3), "holds no submissions")
    raises(UserError, lambda: submissions(tmp_path / "nowhere", 3), "cannot be read")


def test_seeds_differ_by_student_lab_secret_and_variant():
    seeds = [seed_of(SECRET, 3, "ada"), seed_of(SECRET, 3, "ben"), seed_of(SECRET, 4, "ada"),
             seed_of(b"another secret of the tests", 3, "ada"), seed_of(SECRET, 3, "ada", "two-slopes")]  # fmt: skip
    assert len({tuple(seed) for seed in seeds}) == len(seeds) and seed_of(SECRET, 3, "ada") == seeds[0]


def test_a_secret_of_sixteen_bytes_is_long_enough(tmp_path, capfd):
    path = tmp_path / "secret"
    for content, mode, remark in (
        (b"x" * 16 + b"\n", 0o600, False),
        (b"x" * 16, 0o640, True),
        (b"x" * 15, 0o600, None),
    ):
        path.write_bytes(content)
        path.chmod(mode)
        if remark is None:
            raises(UserError, lambda: read_secret(path), "15 bytes")
        else:
            assert read_secret(path) == b"x" * 16
            assert ("can be read by others" in capfd.readouterr().err) == (remark and os.name != "nt")


def test_who_handed_in_no_numbers_has_none_to_run_again(handed_in, tmp_path):
    folder = some(tmp_path / "in", handed_in[0], "kate")
    graded(Task(lab(3), folder, SECRET, tmp_path / "out", 1, experiments=True))
    assert rows_of(tmp_path / "out")["kate"]["experiment"] == "none: no numbers.json"


# -- interrupted -----------------------------------------------------------------------------------------


def begun(folder: Path, out: Path, secret: Path) -> subprocess.Popen:
    """`minidelve lab grade` in a process of its own, once a mark is made."""
    command = [sys.executable, "-m", "minidelve", "lab", "grade", "3", folder, "--secret", secret, "--out", out]
    process = subprocess.Popen(
        [*map(str, command), "--jobs", "1"], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until = time.monotonic() + 60
    while not list(out.glob(".grading/marks/*.json")) and time.monotonic() < until:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    return process


def without_times(out: Path) -> list[dict[str, str]]:
    return [{name: cell for name, cell in row.items() if name != "seconds"} for row in rows_of(out).values()]


@pytest.mark.parametrize("number", [pytest.param(signal.SIGKILL, marks=pytest.mark.slow), signal.SIGINT])
def test_what_was_stopped_goes_on_where_it_was(five, tmp_path, number, capfd):
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    process = begun(five[0], tmp_path / "out", secret)
    process.send_signal(number)
    said = process.communicate(timeout=30)[1]
    if number != signal.SIGKILL:
        assert process.returncode == 128 + number
        assert "graded and kept: the same command goes on from there" in said and "Traceback" not in said
    assert not (tmp_path / "out" / "marks.csv").exists()
    kept = {path.name: path.read_bytes() for path in (tmp_path / "out" / ".grading" / "marks").glob("*.json")}
    graded(Task(lab(3), five[0], SECRET, tmp_path / "out", 2))
    assert without_times(tmp_path / "out") == without_times(five[1])
    assert "graded already" in capfd.readouterr().err
    for name, content in kept.items():
        assert (tmp_path / "out" / ".grading" / "marks" / name).read_bytes() == content
    assert sorted(os.listdir(tmp_path / "out")) == sorted(os.listdir(five[1]))


def test_a_submission_that_was_replaced_is_marked_again(handed_in, five, tmp_path):
    folder = some(tmp_path / "in", handed_in[0], "ada", "links")
    results = []
    for name in ("links", "ada"):  # what lies in the place of ada's the second time
        task = Task(lab(3), folder, SECRET, tmp_path / "out", 1)
        (folder / "lab3-ada.zip").write_bytes((handed_in[0] / f"lab3-{name}.zip").read_bytes())
        results.append({mark.student: mark.points for mark in graded(task)})
        plan = tmp_path / "out/.grading/plan.json"
        plan.write_text(json.dumps(unfinished(json.loads(plan.read_text()))))
    assert results == [{"ada": 0, "links": 0}, {"ada": 10, "links": 0}]


def unfinished(plan):
    plan.pop("finished")
    return json.loads(sealed(plan))


# -- the product -----------------------------------------------------------------------------------------


def test_a_change_of_the_product_stops_the_grading(five, tmp_path, monkeypatch):
    digests = iter(["before", "before", "after"])
    monkeypatch.setattr(grading, "digest_of_product", lambda: next(digests))
    task = Task(lab(3), five[0], SECRET, tmp_path / "out", 1)
    raises(UserError, lambda: graded(task), "source of minidelve has changed")
    assert not (tmp_path / "out" / "marks.csv").exists()


@pytest.mark.parametrize(
    "change", [("minidelve/labs/judging/judge.py", "x"), ("labs/lab3/new.py", ""), ("kernels/a.py", None)]
)
def test_any_change_of_the_source_is_seen(tmp_path, change):
    for file in ("minidelve/labs/judging/judge.py", "labs/lab3/lab.py", "kernels/a.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("a = 1")
    before = digest_of_product(tmp_path, tmp_path / "labs")
    (tmp_path / "minidelve/__pycache__").mkdir()
    (tmp_path / "minidelve/__pycache__/judge.pyc").write_bytes(b"1")
    assert digest_of_product(tmp_path, tmp_path / "labs") == before
    file, text = change
    (tmp_path / file).unlink() if text is None else (tmp_path / file).write_text(text)
    assert digest_of_product(tmp_path, tmp_path / "labs") != before


def test_without_bubblewrap_it_warns_loudly(five, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(sandbox, "how", lambda: None)
    monkeypatch.setattr(grading, "marked", lambda *args: iter(()))
    with pytest.raises(KeyError):  # nobody is marked
        graded(Task(lab(3), five[0], SECRET, tmp_path / "out", 1))
    assert "WARNING: bubblewrap does not work here" in capfd.readouterr().err
