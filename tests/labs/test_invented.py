"""Answers that nobody has listed: the wrong ones are marked wrong and told more than that; the right ones pass."""

import importlib

import pytest

from minidelve.labs.course import lab
from minidelve.labs.judge import Judge, observed
from minidelve.labs.replacing import replaced

LABS = range(1, 8)
SAYS_NOTHING = "every case differs", "right in "  # how a kind begins that tells no more than that cases differ


def verdicts(number, which):
    """The verdict on each of a lab's invented answers, by its task and what it does."""
    judge = Judge(lab(number), [7, number])
    answers = importlib.import_module(f"tests.labs.invented.lab{number}").answers
    tasks = {task.name: task for task in judge.lab.tasks}
    found = {}
    for answer in getattr(answers, which):
        with replaced(answer.bodies):
            got = observed(tasks[answer.task], judge.cases[answer.task])
        found[answer.task, answer.what] = judge.verdict(tasks[answer.task], got)
    return found


@pytest.fixture(scope="module")
def wrong():
    return {(number, *key): verdict for number in LABS for key, verdict in verdicts(number, "wrongs").items()}


def test_a_wrong_answer_that_nobody_listed_is_marked_wrong(wrong):
    assert {key: verdict.status for key, verdict in wrong.items() if verdict.points} == {}


def test_most_wrong_answers_are_told_more_than_that_they_differ(wrong):
    kinds = {key: [finding.kind for finding in verdict.findings] for key, verdict in wrong.items()}
    told = [key for key, all_ in kinds.items() if not all(kind.startswith(SAYS_NOTHING) for kind in all_)]
    assert 2 * len(told) >= len(kinds), kinds


@pytest.mark.parametrize("number", LABS)
def test_a_right_answer_in_an_unusual_style_gets_the_full_points(number):
    found = verdicts(number, "rights")
    assert found
    assert {key: verdict.findings for key, verdict in found.items() if verdict.points < verdict.task.points} == {}
