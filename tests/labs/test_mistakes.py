"""Every mistake that a lab knows is told from the right answer and from every other, whatever the seed draws."""

import pytest

from minidelve.labs.course import COURSE, NUMBERS, lab, variants
from minidelve.labs.judge import Judge

LABS = [
    (number, variant)
    for number in NUMBERS
    if (COURSE / f"lab{number}" / "lab.py").exists()
    for variant in (None, *variants(number))
]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("number, variant", LABS)
def test_every_known_mistake_is_recognised_by_its_own_id(number, variant, seed):
    judge = Judge(lab(number, variant), [seed, number])
    found = {}
    for task in judge.lab.tasks:
        for id, (_, got) in judge.mistakes(task).items():
            verdict = judge.verdict(task, got)
            found[id] = [finding.id for finding in verdict.findings] if verdict.points == 0 else verdict.status
    assert found == {id: [id] for id in found}


@pytest.mark.parametrize("number, variant", LABS)
def test_the_product_itself_gets_the_full_points(number, variant):
    judge = Judge(lab(number, variant), [0, number])
    verdicts = [judge.verdict(task, judge.right[task.name]) for task in judge.lab.tasks]
    assert [v.points for v in verdicts] == [task.points for task in judge.lab.tasks]
