"""The stand-in for CuPy has no name, parameter or default that CuPy lacks: what works on it fails nowhere for that."""

import importlib.util
import json
import os
from pathlib import Path

import pytest

from tests.helpers import ON_THE_FAKE, python

HERE = Path(__file__).parent


def names(environment: dict[str, str], *asked: str) -> dict:
    return json.loads(python(HERE / "names.py", *asked, environment=environment).stdout)


def complaint(name: str, ours: dict, theirs: dict | None) -> str | None:
    """What the stand-in offers under this name that CuPy does not."""
    if theirs is None:
        return f"{name} is not in CuPy"
    mine, real = ours["parameters"], theirs["parameters"]
    if mine is None or real is None:
        return None
    if not {p[0] for p in mine} <= {p[0] for p in real}:
        return f"{name}: {mine}, but CuPy has {real}"
    by_position = [p for p in mine if p[2] == "by position"]
    for p, q in zip(by_position, real, strict=False):
        if p[0] != q[0] or p[2] != q[2] or p[1] != q[1]:
            return f"{name}: {p} stands where CuPy has {q}"
    return None


def test_the_fake_has_nothing_that_cupy_lacks():
    found = importlib.util.find_spec("cupy")
    if found is None or ON_THE_FAKE["PYTHONPATH"].partition(os.pathsep)[0] in (found.origin or ""):
        pytest.skip("CuPy is not installed: there is nothing to compare its stand-in with")
    ours = names(ON_THE_FAKE)
    theirs = names({}, *ours)
    assert len(ours) > 200 and sum(bool(x and x["parameters"]) for x in theirs.values()) > 100
    found = [complaint(name, ours[name], theirs[name]) for name in ours]
    assert not any(found), "\n".join(filter(None, found))


def test_only_a_process_that_asks_for_the_fake_finds_it():
    where = "import importlib.util; print(getattr(importlib.util.find_spec('cupy'), 'origin', 'nowhere'))"
    for environment, expected in ({"PYTHONPATH": ""}, False), (ON_THE_FAKE, True):
        assert (str(HERE) in python("-c", where, environment=environment, cwd=HERE).stdout) is expected


def test_a_name_a_parameter_and_a_default_too_many_are_found():
    real = {"parameters": [["a", None, "by position"], ["axis", "None", "by position"], ["out", "None", "by name"]]}
    assert complaint("f", real, real) is None
    assert complaint("f", {"parameters": real["parameters"][:1]}, real) is None
    assert complaint("f", real, None) == "f is not in CuPy"
    for wrong in (["where", "None", "by position"], ["axis", "0", "by position"], ["out", "None", "by position"]):
        assert complaint("f", {"parameters": [real["parameters"][0], wrong]}, real)
