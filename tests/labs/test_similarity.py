"""Functions that were written alike are a question; short ones and those of the product's kind are none."""

import re
import runpy

from minidelve.labs.blanks import original
from minidelve.labs.course import lab
from minidelve.labs.lecturer.similarity import of_student, similar
from tests.helpers import ROOT
from tests.labs.submissions import STYLES, body_of_function, filled

FILE = "kernels/reference/im2col.py"


def written(number=4, **functions):
    """The files of a student who writes these functions in these styles."""
    styles = runpy.run_path(str(ROOT / f"tests/labs/styles/lab{number}.py"))
    return filled(lab(number), {name: body_of_function(styles[style]) for name, style in functions.items()})


def pairs(students, number=4):
    products = {file: original(file) for file in lab(number).blanks}
    return similar({name: of_student(files, products) for name, files in students.items()})


def disguised(text):
    """The same with other names, comments and spaces."""
    text = re.sub(r"\bframed\b", "bigger", re.sub(r"\brows\b", "r", re.sub(r"\bcolumns\b", "c", text)))
    return re.sub(r"\n(\s+)(return|bigger)", r"\n\1# here\n\1\2", text)


def test_a_copy_in_disguise_is_found():
    one = written(col2im="col2im_with_add_at")
    found = pairs({"anna": one, "ben": {file: disguised(text) for file, text in one.items()}, "cleo": written()})
    assert [(p.first, p.second, p.function, p.share) for p in found] == [("anna", "ben", f"{FILE}:col2im", 1.0)]


def test_styles_of_their_own_are_no_question():
    students = {
        f"{name}{style}": written(**{name: style})
        for name, styles in {
            "im2col": ("im2col_tap_by_tap", "im2col_by_index", "im2col_by_strides"),
            "col2im": ("col2im_with_add_at", "col2im_row_by_row", "col2im_with_bincount"),
        }.items()
        for style in styles
    }
    assert pairs(students) == []


def test_short_functions_are_no_question():
    one = written(3, prelu_forward="forward_by_mask", prelu_backward="backward_channel_by_channel")
    assert pairs({"anna": one, "ben": one}, 3) == []


def test_who_writes_what_the_product_has_is_not_asked():
    one = {file: disguised(text) for file, text in written().items()}
    assert pairs({"anna": one, "ben": one}) == []


def test_what_many_have_is_no_question():
    one, other = written(col2im="col2im_with_add_at"), written(col2im="col2im_row_by_row")
    many = {f"student{i}": one for i in range(8)}
    assert pairs({**many, "anna": other, "ben": other})[0].first == "anna"
    assert len(pairs({**many, "anna": other, "ben": other})) == 1


def test_files_that_are_no_python_are_passed_over():
    assert of_student({FILE: "def (:"}, {}) == {} == of_student({FILE: "(" * 10**5}, {})


def test_seven_prints_of_ten_are_a_question_and_six_are_none():
    students = {name: {"f.py:f": frozenset(range(i, i + 10))} for name, i in (("ada", 0), ("ben", 3), ("cleo", 7))}
    assert [(p.first, p.second, p.share) for p in similar(students)] == [("ada", "ben", 0.7)]


def test_a_number_of_ten_thousand_digits_is_a_number():
    one = written(col2im="col2im_with_add_at")
    one[FILE] = re.sub(r"\n(\s+)return", rf"\n\g<1>{hex(2**40_000)}\n\g<1>return", one[FILE])
    assert pairs({"anna": one, "ben": one})[0].share == 1.0


def test_the_styles_of_the_submissions_are_there():
    assert all(len(people) == 4 for people in STYLES.values())
