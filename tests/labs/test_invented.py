"""Answers that nobody has listed: the wrong ones are marked wrong and told more than that; the right ones pass."""

import importlib

import numpy as np
import pytest

from minidelve.labs.course import lab
from minidelve.labs.judging.differences import Pair, manner
from minidelve.labs.judging.judge import Judge, observed
from minidelve.labs.judging.replacing import replaced

LABS = range(1, 8)
KINDS = {  # what some of them are told
    (1, "MatMul.backward", "the stack as one matrix"): "wrong where df has 3 axes, right in all other cases",
    (1, "Tensor.backward", "keeps the graph if a gradient is given"): "no error is raised where one should be",
    (2, "LogSoftmax.backward", "keeps its work where f was"): "right the first time, wrong the second",
    (
        2,
        "Linear.backward",
        "the product of the means",
    ): "right where axis 0 of df has length 1, wrong in all other cases",
    (3, "prelu_backward", "halfway at 0"): "it is wrong only where y is 0",
    (4, "Conv2d.respond", "cols built once and kept"): "it is y, another result",
    (5, "bin_edges", "a division before the product"): "those that are wrong are 1 too large",
    (5, "bin_edges", "the last bin one short"): "only [-1] of it is wrong",
    (6, "fans", "fractions"): "the dtype is not kept",
    (
        6,
        "he_std",
        "a leak of 0.01 where there is none",
    ): "right for float32, wrong for float64: rounded on the way, or a small number was added",
}
NOT_KNOWN = [  # of whose outputs one is as a listed mistake would have it, which does more
    (7, "decay_of", "exempt by the number of axes"),
    (7, "what an epoch draws", "batches are shuffled, images are not"),
]
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


def test_what_is_told(wrong):
    told = {key: wrong[key].findings[0].kind for key in KINDS}
    assert told == KINDS


def test_a_listed_mistake_that_would_do_more_is_not_named(wrong):
    assert not [finding.id for key in NOT_KNOWN for finding in wrong[key].findings if finding.id]


def test_fractions_that_are_lost_are_told_so():
    right = np.array([1.5, -2.25, 3.0, 0.5])
    words = manner([Pair(np.floor(right), right, right.dtype, {}, {})])
    assert words == "the fractions are lost: every number is rounded down"


def test_an_output_that_some_cases_lack_is_told_of():
    judge = Judge(lab(7), [7, 7])
    (task,) = (task for task in judge.lab.tasks if task.name == "decay_of")
    with replaced({task.blanks[0]: lambda parameter, weight_decay: weight_decay + 1 if parameter.ndim > 1 else 0.0}):
        got = observed(task, judge.cases[task.name])
    assert judge.verdict(task, got).status == "wrong"


@pytest.mark.parametrize("signs", [[-1, 1, -1, 1], [-1, -1, 1, 1]])
def test_wrong_numbers_that_share_a_sign_by_chance_are_not_told_so(signs):
    right, df = np.array([1.5, -2.25, 3.0, 0.5]), np.array(signs, float)
    words = manner([Pair(right + [0.3, 0, 0, 0], right, right.dtype, {"df": df}, {})])
    assert words is None


@pytest.mark.parametrize("number", LABS)
def test_a_right_answer_in_an_unusual_style_gets_the_full_points(number):
    found = verdicts(number, "rights")
    assert found
    assert {key: verdict.findings for key, verdict in found.items() if verdict.points < verdict.task.points} == {}
