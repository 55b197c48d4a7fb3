"""A student's files are looked at before they are run; what is wrong is one line that names file and line."""

import pytest

from minidelve.errors import UserError
from minidelve.labs import course
from minidelve.labs.blanks import original, skeletons
from minidelve.labs.student.files import student_files

KERNEL, OP = "kernels/reference/prelu.py", "minidelve/ops/prelu.py"


@pytest.fixture
def lab():
    return course.lab(3)


@pytest.fixture
def folder(lab, tmp_path):
    for file, text in skeletons(lab).items():
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text(text, encoding="utf-8")
    return tmp_path


def refused(lab, folder, *parts):
    with pytest.raises(UserError) as caught:
        student_files(lab, folder)
    line = str(caught.value)
    assert "\n" not in line
    for part in parts:
        assert str(part) in line


def test_a_skeleton_has_all_its_blanks_left(lab, folder):
    found = student_files(lab, folder)
    assert {file: list(f.left) for file, f in found.items()} == lab.blanks


def test_what_was_written_is_not_left(lab, folder):
    text = original(KERNEL).replace("def prelu_forward(y, a,", "def prelu_forward(y: 'Array', a,")
    (folder / KERNEL).write_text(f"{text}\nsomething = 'more \\d'\n", encoding="utf-8-sig")
    found = student_files(lab, folder)[KERNEL]
    assert found.left == () and found.path == folder / KERNEL and found.text.startswith('"""PReLU')


@pytest.mark.parametrize(("old", "new", "parts"), [
    ("def prelu_backward(df, y, a, out=None):", "def prelu_backward(df, y, a, out=None)", ["line 12", "':'"]),
    ("def prelu_backward(df, y, a, out=None)", "def prelu_backward(y, df, a, out=None)",
     ["line 12", "prelu_backward(y, df, a, out=None)", "expected prelu_backward(df, y, a, out=None)"]),
    ("bias=None, out=None", "bias=0, out=None", ["line 8", "bias=0", "expected prelu_forward(y, a, bias=None,"]),
    ("def prelu_forward(", "async def prelu_forward(", ["line 8", "another signature"]),
    ("def prelu_backward(", "def backward(", ["no function 'prelu_backward'", "prelu_backward(df, y, a, out=None)"]),
    ("import numpy", "\0", ["null byte"]),
    ("import numpy as np", "x = " + "-" * 100_000 + "1", ["is not Python"]),
    ("bias=None, out=None", f"bias=0x{'f' * 10_000}, out=None", ["arguments cannot be read", "digits"]),
    ("bias=None, out=None", f"bias=np{'.a' * 900}, out=None", ["arguments cannot be read", "recursion"]),
])  # fmt: skip
def test_what_cannot_be_called_is_named_with_its_line(lab, folder, old, new, parts):
    text = (folder / KERNEL).read_text(encoding="utf-8")
    assert old in text
    (folder / KERNEL).write_text(text.replace(old, new), encoding="utf-8")
    refused(lab, folder, folder / KERNEL, *parts)


def test_a_method_that_has_left_its_class_is_named(lab, folder):
    text = (folder / OP).read_text(encoding="utf-8")
    (folder / OP).write_text(text.replace("class PReLU(", "class Prelu("), encoding="utf-8")
    refused(lab, folder, "no function 'PReLU.", "in the class PReLU")


def test_what_is_no_text_or_not_there_is_named(lab, folder):
    (folder / KERNEL).write_bytes(b"\xff\xfe")
    refused(lab, folder, KERNEL, "UTF-8")
    (folder / KERNEL).unlink()
    refused(lab, folder, KERNEL, "is missing", f"minidelve lab start 3 {folder}")
    (folder / KERNEL).mkdir()
    refused(lab, folder, KERNEL, "it is a folder")
