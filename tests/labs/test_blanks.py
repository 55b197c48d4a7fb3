"""What is handed out is the product's file of today but for the bodies and the lines that are to be found."""

import ast

import pytest

from minidelve.labs import blanks, course
from minidelve.labs.blanks import Vanished, emptied

LABS = [number for number in course.NUMBERS if (course.COURSE / f"lab{number}" / "lab.py").exists()]
EVERY = [(number, variant) for number in LABS for variant in (None, *course.variants(number))]

SOURCE = '''"""Doubles.

    twice(x) = 2 x

    d/dx twice = 2

Which is all.

"""

import numpy as np


class Doubled:
    @staticmethod
    def forward(
        x,  # any shape
        out=None,
    ):  # (1)
        # the answer
        y = 2 * x

        return y

    def backward(self, df):
        """The gradient.

        >>> Doubled().backward(1)
        2
        """
        return 2 * df  # (2)


def twice(x): return 2 * x
'''


def test_bodies_go_and_all_else_stays_letter_by_letter():
    text = emptied(SOURCE, ["Doubled.forward", "Doubled.backward"], [], 3)
    expected = SOURCE.replace(
        "        # the answer\n        y = 2 * x\n\n        return y\n",
        '        raise NotImplementedError("lab 3: Doubled.forward")\n',
    ).replace("        return 2 * df  # (2)\n", '        raise NotImplementedError("lab 3: Doubled.backward")\n')
    assert text == expected


def test_a_formula_that_was_cut_leaves_a_line_that_says_so():
    text = emptied(SOURCE, [], ["    d/dx twice = 2"], 3)
    assert text == SOURCE.replace("    d/dx twice = 2\n", "    ...    for you to derive\n")


def test_formulas_that_follow_each_other_leave_one_such_line():
    text = emptied(SOURCE, [], ["    twice(x) = 2 x", "    d/dx twice = 2"], 3)
    assert text == SOURCE.replace("    twice(x) = 2 x\n\n    d/dx twice = 2\n", "    ...    for you to derive\n")


@pytest.mark.parametrize(("number", "variant"), EVERY)
def test_what_was_cut_leaves_no_gaps_in_docstrings(number, variant):
    for file, text in blanks.skeletons(course.lab(number, variant)).items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (
                words := ast.get_docstring(node, clean=False)
            ):
                assert "\n\n\n" not in words and not words.rstrip(" ").endswith("\n\n"), (file, words)
                assert f"{blanks.DERIVE}\n\n    {blanks.DERIVE}" not in words, (file, words)


def test_a_sentence_or_doctest_that_was_cut_leaves_no_gap():
    text = emptied(SOURCE, [], ["Which is all.", "        2", "        >>> Doubled().backward(1)"], 3)
    expected = SOURCE.replace("Which is all.\n\n", "")
    assert text == expected.replace("\n        >>> Doubled().backward(1)\n        2\n", "")


@pytest.mark.parametrize("name", ["once", "Doubled.sideways", "Halved.forward", "forward", "twice"])
def test_a_name_without_a_body_of_its_own_lines_is_an_error(name):
    with pytest.raises(Vanished, match=name.rpartition(".")[2]):
        emptied(SOURCE, [name], [], 3)


@pytest.mark.parametrize("line", ["no such line", "        y = 2 * x", "d/dx twice = 2"])
def test_a_cut_that_is_no_line_of_a_docstring_is_an_error(line):
    with pytest.raises(Vanished, match="no line"):
        emptied(SOURCE, [], [line], 3)


@pytest.mark.parametrize(("body", "blank"), [
    ('raise NotImplementedError("lab 3: f")', True), ('"""Doc."""\n    raise NotImplementedError("lab 3: f")', True),
    ("raise NotImplementedError", False), ("raise NotImplementedError('later')", False), ("pass", False),
    ('x = 1\n    raise NotImplementedError("lab 3: f")', False),
])  # fmt: skip
def test_a_blank_is_known_by_the_error_that_was_handed_out(body, blank):
    assert blanks.is_blank(blanks.found(f"def f():\n    {body}\n", "f", "file")) is blank


@pytest.mark.parametrize(("number", "variant"), EVERY)
def test_every_lab_s_skeletons_hold_all_but_the_answers(number, variant):
    lab = course.lab(number, variant)
    for file, text in blanks.skeletons(lab).items():
        tree = ast.parse(text)
        assert all(blanks.is_blank(blanks.function(tree, name)) for name in lab.blanks[file])
        if variant is None:
            answers = set(blanks.original(file).split("\n")) - set(text.split("\n"))
            assert set(lab.cuts.get(file, ())) <= answers
            left = iter(blanks.original(file).split("\n"))
            new = (f'raise NotImplementedError("lab {number}: ', blanks.DERIVE)
            assert all(line in left for line in text.split("\n") if not line.strip().startswith(new))


def test_no_file_is_in_two_labs():
    files = [file for number in LABS for file in course.lab(number).blanks]
    assert sorted(files) == sorted(set(files))


@pytest.mark.parametrize("number", LABS)
def test_every_lab_cuts_only_files_that_it_hands_out(number):
    lab = course.lab(number)
    assert lab.cuts.keys() <= lab.blanks.keys()


VARIANTS = [(n, v) for n in LABS for v in course.variants(n)]
OWN = {("two-slopes", "prelu")}  # what a variant changes beside its blanks: the shape that the slopes may have


@pytest.mark.parametrize(("number", "variant"), VARIANTS)
def test_a_variants_files_are_the_products_but_for_the_blanks(number, variant):
    lab = course.lab(number, variant)
    for path in (lab.folder / "files").rglob("*.py"):
        file = path.relative_to(lab.folder / "files").as_posix()
        own, products = (bodies(text) for text in (path.read_text(encoding="utf-8"), blanks.original(file)))
        assert own.keys() == products.keys()
        others = own.keys() - set(lab.blanks[file]) - {name for of, name in OWN if of == variant}
        assert [name for name in sorted(others) if own[name] != products[name]] == []


def bodies(text):
    """What each function and method of a source does, its docstring aside."""
    found = {}
    for node in ast.parse(text).body:
        inside = [(f"{node.name}.{f.name}", f) for f in node.body] if isinstance(node, ast.ClassDef) else []
        for name, f in [*inside, (getattr(node, "name", ""), node)]:
            if isinstance(f, ast.FunctionDef):
                body = f.body[1:] if ast.get_docstring(f) is not None else f.body
                found[name] = [ast.dump(f.args), *map(ast.dump, body)]
    return found
