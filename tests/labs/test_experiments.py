"""Every lab's experiment in its quick form: it runs, gives the numbers that can be compared, and draws a picture."""

import math
import runpy

import pytest

from minidelve.labs.course import COURSE

EXPERIMENTS = sorted(COURSE.glob("lab*/experiment.py"))
HOLDS = {  # what the numbers of a quick run show already
    "lab5": lambda numbers: {numbers[f"length at {size}"] for size in (24, 32, 48)} == {448},
    "lab6": lambda numbers: numbers["signal, Xavier"] < 0.01 < 0.1 < numbers["signal, He"],
}


@pytest.mark.parametrize("path", EXPERIMENTS, ids=[path.parent.name for path in EXPERIMENTS])
def test_an_experiment_gives_its_numbers_and_a_picture(path, tmp_path, capsys):
    experiment = runpy.run_path(str(path))
    numbers = experiment["main"](tmp_path, 0, quick=True)
    assert set(experiment["TOLERANCE"]) <= set(numbers)
    assert all(math.isfinite(numbers[name]) for name in experiment["TOLERANCE"])
    assert list(tmp_path.glob("*.png"))
    assert capsys.readouterr().out
    assert HOLDS.get(path.parent.name, bool)(numbers)
