"""A student's folder of the course: its record, and source files as an editor may leave them."""

import pytest

from minidelve.labs import course
from minidelve.labs.student.files import student_files
from minidelve.labs.student.folder import opened
from tests.fuzz.frame import Reader
from tests.fuzz.mutations import bytes_of, json_of
from tests.labs.students import KERNEL, OP, started


@pytest.fixture
def folder(tmp_path):
    return started(tmp_path / "course", 3, 4)


def test_a_record(fuzz, folder):
    fuzz(Reader("record", [folder / ".course/record.json"], lambda: opened(folder), [bytes_of, json_of], checked=True))


def test_a_student_s_source(fuzz, folder):
    fuzz(Reader("source", [folder / KERNEL, folder / OP], lambda: student_files(course.lab(3), folder)))
