"""What is handed in: everything of a lab that is marked, or one line that says what is missing."""

import io
import zipfile

import pytest

from minidelve.errors import UserError
from minidelve.labs import course
from minidelve.labs.blanks import original
from minidelve.labs.student.folder import opened
from minidelve.labs.student.submitting import packed, student_name, to_hand_in
from tests.labs.students import KERNEL, OP, done, started

FILES = [KERNEL, OP, "lab3/answers.md", "lab3/numbers.json", ".course/record.json"]


@pytest.fixture
def lab():
    return course.lab(3)


@pytest.fixture
def folder(tmp_path):
    """A folder in which lab 3 is done."""
    return done(tmp_path / "course", 3)


def test_a_lab_that_is_done_is_handed_in_whole(lab, folder):
    contents, remarks = to_hand_in(lab, opened(folder))
    assert list(contents) == FILES and remarks == []
    with zipfile.ZipFile(io.BytesIO(packed(contents))) as archive:
        assert archive.namelist() == FILES and archive.testzip() is None
        assert archive.read(KERNEL) == (folder / KERNEL).read_bytes()


@pytest.mark.parametrize(("file", "cure"), [
    ("lab3/answers.md", "minidelve lab start 3"), ("lab3/numbers.json", "minidelve lab run 3"),
    (KERNEL, "minidelve lab start 3"),
])  # fmt: skip
def test_what_is_missing_is_told_unless_it_may_be(lab, folder, file, cure):
    (folder / file).unlink()
    with pytest.raises(UserError, match=f"{file} is missing.*{cure}"):
        to_hand_in(lab, opened(folder))
    contents, remarks = to_hand_in(lab, opened(folder), incomplete=True)
    assert list(contents) == [name for name in FILES if name != file]
    assert any(f"{file} is missing" in remark for remark in remarks)


def test_answers_that_nobody_wrote_are_missing(lab, folder):
    (folder / "lab3/answers.md").write_bytes((folder / ".course/handed_out/lab3/answers.md").read_bytes())
    with pytest.raises(UserError, match="answers.md is as it was handed out; expected your name"):
        to_hand_in(lab, opened(folder))


def test_blanks_and_numbers_of_another_file_are_remarked(lab, folder):
    (folder / KERNEL).write_text(original(KERNEL) + "# later\n", encoding="utf-8")
    started(folder, 3)
    (folder / OP).write_bytes((folder / ".course/handed_out" / OP).read_bytes())
    _, remarks = to_hand_in(lab, opened(folder))
    changed = [f"{file} has changed since `minidelve lab run 3`: run it again" for file in (KERNEL, OP)]
    assert remarks == [f"{OP}: {', '.join(lab.blanks[OP])} still to be written", *changed]
    (folder / "lab3/numbers.json").write_text("[]")
    assert "lab3/numbers.json is not what `minidelve lab run` wrote" in to_hand_in(lab, opened(folder))[1]


def test_a_file_that_does_not_parse_is_handed_in_only_when_asked(lab, folder):
    (folder / KERNEL).write_text("def", encoding="utf-8")
    with pytest.raises(UserError, match="line 1"):
        to_hand_in(lab, opened(folder))
    contents, remarks = to_hand_in(lab, opened(folder), incomplete=True)
    assert contents[KERNEL] == b"def" and "line 1" in remarks[0]


@pytest.mark.parametrize(("page", "given", "name"), [
    ("Name: Zoë Ode \n", None, "Zoë-Ode"), ("Name: Zoë\n", "A/../B", "A-B"), ("x\nName:\tCarl  \n", None, "Carl"),
])  # fmt: skip
def test_a_name_is_taken_from_the_answers_or_as_given(lab, page, given, name):
    assert student_name({"lab3/answers.md": page.encode()}, lab, given) == name


@pytest.mark.parametrize(("page", "given", "said"), [
    ("Name:\n\nBecause\n", None, "has no name"), ("", None, "has no name"),
    ("Name: ...\n", None, "'...' has no letter"),
])  # fmt: skip
def test_work_without_a_name_is_refused(lab, page, given, said):
    with pytest.raises(UserError, match=said):
        student_name({"lab3/answers.md": page.encode()}, lab, given)
