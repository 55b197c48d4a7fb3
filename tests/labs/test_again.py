"""A submission's experiment is run again on its own files, and its numbers are held against those handed in."""

import json
from dataclasses import replace

import pytest

from minidelve.labs.blanks import original
from minidelve.labs.course import lab
from minidelve.labs.lecturer import again
from minidelve.labs.trial import sandbox
from minidelve.labs.trial.sandbox import Limits

FILE = "kernels/reference/prelu.py"
EXPERIMENT = """
TOLERANCE = {"slope": (0.01, 0.0), "seed": (0.0, 0.0)}

def main(out, seed, quick=False):
    import numpy as np
    from kernels.reference import prelu_forward
    (out / "picture.png").write_bytes(bytes(2**20))
    print("a table")
    f = prelu_forward(np.array([[-1.0]]), np.array([0.25]))
    return {"slope": -float(f[0, 0]), "seed": seed, "time": 1.5}
"""
NUMBERS = {"slope": 0.25, "seed": 7, "time": 99.0}
SHORT = Limits(seconds=20, cpu=10, memory=2**33, file=2**26, processes=64)
CONFINED = sandbox.how() is not None


@pytest.fixture(scope="module")
def product():
    with again.whole_product() as folder:
        yield folder


@pytest.fixture
def verdict(tmp_path, product):
    """What is said of a submission whose file and numbers.json are these."""

    def of(text=None, limits=SHORT, **changes):
        (tmp_path / "lab").mkdir()
        (tmp_path / "lab/experiment.py").write_text(EXPERIMENT)
        each = replace(lab(3), folder=tmp_path / "lab")
        for file in each.blanks:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text(text if text and file == FILE else original(file))
        (tmp_path / "lab3").mkdir()
        record = {"seed": 7, "quick": False, "numbers": NUMBERS} | changes
        (tmp_path / "lab3/numbers.json").write_text(json.dumps(record))
        return again.verdict(each, tmp_path, product, CONFINED, limits)

    return of


def test_numbers_that_come_again_agree(verdict):
    assert verdict() == "agree"


def test_numbers_of_another_code_differ(verdict):
    half = original(FILE).replace("np.where(y > 0, y, a * y)", "np.where(y > 0, y, a * y / 2)")
    assert verdict(half) == "differ: slope 0.25, again 0.125"


@pytest.mark.parametrize(("top", "expected"), [
    ("while True: pass", "failed: time"),
    ("raise SystemExit(3)", "failed: exit 3"),
    ("1 / 0", "failed: exit 1 ZeroDivisionError: division by zero"),
    ("import os; os._exit(0)", "failed: it sent what are no numbers"),
])  # fmt: skip
def test_code_that_does_not_come_to_numbers_fails(verdict, top, expected):
    limits = Limits(seconds=3, cpu=2, memory=2**33, file=2**26, processes=64)
    assert verdict(original(FILE) + f"\n{top}\n", limits).startswith(expected)


@pytest.mark.parametrize(("changes", "expected"), [
    ({"quick": True}, "none: numbers of --quick"),
    ({"seed": -1}, "none: seed is -1"),
    ({"numbers": {"slope": "0.25"}}, "none: numbers['slope'] is '0.25'"),
])  # fmt: skip
def test_numbers_of_another_kind_are_none(verdict, changes, expected):
    assert verdict(**changes).startswith(expected)


def test_a_number_that_is_missing_is_said(verdict):
    assert verdict(numbers={"seed": 7}) == "differ: slope missing"
