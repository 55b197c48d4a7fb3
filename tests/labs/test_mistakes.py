"""Every mistake that a lab knows is told from the right answer and from every other, whatever the seed draws."""

import runpy
from dataclasses import replace

import pytest

from minidelve.labs.course import COURSE, NUMBERS, lab, variants
from minidelve.labs.judging.judge import Judge

LABS = [
    (number, variant)
    for number in NUMBERS
    if (COURSE / f"lab{number}" / "lab.py").exists()
    for variant in (None, *variants(number))
]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))])
@pytest.mark.parametrize("number, variant", LABS)
def test_every_known_mistake_is_recognised_by_its_own_id(number, variant, seed):
    judge = Judge(lab(number, variant), [seed, number])
    found = {}
    for task in judge.lab.tasks:
        for id, (_, got) in judge.mistakes(task).items():
            verdict = judge.verdict(task, got)
            ids = [finding.id for finding in verdict.findings]
            found[task.name, id] = ids if verdict.points == 0 else verdict.status
    assert found == {(task, id): [id] for task, id in found}


@pytest.mark.parametrize("number, variant", LABS)
def test_the_product_itself_gets_the_full_points(number, variant):
    judge = Judge(lab(number, variant), [0, number])
    verdicts = [judge.verdict(task, judge.right[task.name]) for task in judge.lab.tasks]
    assert [v.points for v in verdicts] == [task.points for task in judge.lab.tasks]


@pytest.mark.parametrize("number, variant", LABS)
def test_every_known_mistake_is_of_one_task_and_found_there_alone(number, variant):
    whole = lab(number, variant)
    path = whole.folder / "mistakes.py"
    written = [m.id for m in runpy.run_path(str(path))["mistakes"].known] if path.exists() else []
    alone = [m.id for task in whole.tasks for m in replace(whole, tasks=(task,)).mistakes()]
    assert sorted(alone) == sorted(written)
