"""A lab is handed out once; what a student has is never written again, and what changed in the product is told."""

from dataclasses import replace

import pytest

from minidelve.errors import UserError
from minidelve.labs import blanks, course
from minidelve.labs.blanks import skeletons
from minidelve.labs.student import handing_out
from minidelve.labs.student.folder import opened
from minidelve.labs.student.handing_out import hand_out
from tests.commands.runs import snapshot
from tests.labs.students import KERNEL, OP, started


@pytest.fixture
def lab():
    return course.lab(3)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "course"


@pytest.fixture
def variant(lab, tmp_path):
    """A variant of lab 3 that keeps the product's files."""
    for file, text in skeletons(lab).items():
        path = tmp_path / "variant" / "files" / file
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    return replace(lab, variant="mine", folder=tmp_path / "variant")


def refused(lab, folder, *parts):
    before = snapshot(folder) if folder.is_dir() else folder.exists()
    with pytest.raises(UserError) as caught:
        hand_out(lab, folder)
    for part in parts:
        assert str(part) in str(caught.value)
    assert before == (snapshot(folder) if folder.is_dir() else folder.exists())


def test_a_new_folder_gets_skeletons_text_and_record(lab, folder):
    done = hand_out(lab, folder)
    assert done.written == [*lab.blanks, "lab3/README.md", "lab3/answers.md"] and not done.kept and not done.changed
    for file, text in skeletons(lab).items():
        assert (folder / file).read_text(encoding="utf-8") == text
    assert opened(folder).labs.keys() == {3} and opened(folder).started(3) == lab
    assert "Name:\n" in (folder / "lab3/answers.md").read_text(encoding="utf-8")


def test_the_answers_ask_the_question_of_the_text(lab):
    text = "# Lab\n\n## The question\n\nWhy a sum?\n\n### Marks\n\nTen.\n"
    page = handing_out.answers(lab, text)
    assert "## The question\n\nWhy a sum?\n\n## Your answer\n" in page and "Ten" not in page
    assert "lab3/README.md" in handing_out.answers(lab, "# Lab\n")


def test_start_again_writes_what_is_missing_and_nothing_else(lab, folder):
    hand_out(lab, folder)
    (folder / KERNEL).write_text("# hours of work\n")
    (folder / "lab3/answers.md").write_text("Name: me\n")
    (folder / OP).unlink()
    done = hand_out(lab, folder)
    assert done.written == [OP] and not done.changed
    assert (folder / KERNEL).read_text() == "# hours of work\n"
    assert (folder / "lab3/answers.md").read_text() == "Name: me\n"
    assert (folder / OP).read_text(encoding="utf-8") == skeletons(lab)[OP]


def test_what_the_product_changed_is_told_and_not_merged(lab, folder, monkeypatch):
    hand_out(lab, folder)
    (folder / KERNEL).write_text("# hours of work\n")

    def updated(file):
        return blanks_original(file).replace("import numpy as np\n", "import numpy as np  # new\nimport math\n")

    blanks_original = blanks.original
    monkeypatch.setattr(blanks, "original", updated)
    for _ in range(2):
        done = hand_out(lab, folder)
        assert done.changed == {KERNEL: (1, 2)} and not done.written
        difference = done.changes.read_text(encoding="utf-8")
        assert "-import numpy as np\n+import numpy as np  # new\n+import math\n" in difference
        assert (folder / KERNEL).read_text() == "# hours of work\n"


def test_other_people_s_folders_are_left_alone(lab, folder):
    (folder / "thesis").mkdir(parents=True)
    refused(lab, folder, "is not empty", "'thesis'", "name a new folder")
    (folder / "file").write_text("")
    refused(lab, folder / "file", "is a file", "expected a folder")


def test_a_folder_under_git_is_as_good_as_an_empty_one(lab, folder):
    (folder / ".git").mkdir(parents=True)
    assert hand_out(lab, folder).written


def test_another_variant_is_refused_with_the_cure(lab, variant, folder, tmp_path):
    hand_out(lab, folder)
    refused(variant, folder, "lab 3 was started", "without a variant", "as variant mine", "a new folder")
    assert KERNEL in hand_out(variant, tmp_path / "other").written
    refused(lab, tmp_path / "other", "as variant mine")


def test_a_variant_takes_the_product_s_file_where_it_has_none(lab, variant, folder):
    (variant.folder / "files" / OP).unlink()
    hand_out(variant, folder)
    assert (folder / OP).read_text(encoding="utf-8") == skeletons(lab)[OP]


def test_a_variant_s_file_without_a_blank_is_an_error(variant, folder):
    path = variant.folder / "files" / KERNEL
    path.write_text(blanks.original(KERNEL), encoding="utf-8")
    with pytest.raises(blanks.Vanished, match="prelu_forward, prelu_backward"):
        hand_out(variant, folder)


def test_a_damaged_record_is_told_with_a_cure_that_works(lab, folder):
    started(folder, 3)
    record = folder / ".course/record.json"
    record.write_text(record.read_text().replace("null", '"else"'))
    refused(lab, folder, record, "checksum", "remove it and start the labs again")
    record.unlink()
    assert hand_out(lab, folder).written == [] and opened(folder).labs.keys() == {3}


def test_a_folder_that_is_none_of_the_course_is_told(tmp_path, folder):
    for path, part in ((tmp_path, "is no folder of the course"), (folder, "is no folder")):
        with pytest.raises(UserError, match=f"{path} {part}.*minidelve lab start"):
            opened(path)


def test_a_lab_that_was_not_started_is_told(folder):
    with pytest.raises(UserError, match=r"lab 3 was not started.*expected one that was: none; minidelve lab start 3"):
        opened_empty(folder).started(3)


def opened_empty(folder):
    (folder / ".course").mkdir(parents=True)
    return opened(folder)
