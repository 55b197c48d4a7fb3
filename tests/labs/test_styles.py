"""Right answers in other styles than the product's: each is worth the full points.

tests/labs/styles/labN.py has STYLES, of lab N's tasks: the name of a task -> right bodies, each by its blank:

    STYLES = {"unbroadcast": [{"minidelve/ops/broadcasting.py:unbroadcast": axis_by_axis}, ...]}

labN_V.py has those of the lab's variant V.
"""

import runpy
from functools import cache
from pathlib import Path

import pytest

from minidelve.labs.course import lab
from minidelve.labs.judging.judge import Judge, observed
from minidelve.labs.judging.replacing import replaced

FEWEST = 3  # of a task


def read(path: Path) -> tuple[int, str | None, dict]:
    """The number of the lab, its variant, and the styles of a file."""
    number, _, variant = path.stem.removeprefix("lab").partition("_")
    return int(number), variant or None, runpy.run_path(str(path))["STYLES"]


FILES = [read(path) for path in sorted((Path(__file__).parent / "styles").glob("lab*.py"))]
CASES = [
    pytest.param(number, variant, task, bodies, id=f"lab{number}-{variant or 'source'}-{task}-{i}")
    for number, variant, styles in FILES
    for task, bodies_of_task in styles.items()
    for i, bodies in enumerate(bodies_of_task)
]


@cache
def judge_of(number: int, variant: str | None) -> Judge:
    return Judge(lab(number, variant), [15, number])


@pytest.mark.parametrize("number, variant, task, bodies", CASES)
def test_another_style_gets_the_full_points(number, variant, task, bodies):
    judge = judge_of(number, variant)
    (task,) = (t for t in judge.lab.tasks if t.name == task)
    with replaced({**judge.lab.right(), **bodies}):
        got = observed(task, judge.cases[task.name])
    verdict = judge.verdict(task, got)
    assert (verdict.status, verdict.points, verdict.findings) == ("right", task.points, ())


@pytest.mark.parametrize("number, variant, styles", [pytest.param(*file, id=f"lab{file[0]}") for file in FILES])
def test_every_task_is_tried_in_three_styles(number, variant, styles):
    found = {task.name: len(styles.get(task.name, [])) for task in lab(number, variant).tasks}
    assert {name: count for name, count in found.items() if count < FEWEST} == {}
