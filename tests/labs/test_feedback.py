"""What a student may read of a grading tells where and of what kind, and nothing that the hidden inputs hold."""

from dataclasses import replace

import numpy as np
import pytest

from minidelve.labs.course import lab
from minidelve.labs.judging.judge import Judge
from minidelve.labs.lecturer.feedback import words
from minidelve.labs.trial.calling import LARGE, Observation

FILES = ["kernels/reference/prelu.py"]


@pytest.fixture(scope="module")
def judge():
    return Judge(lab(3), [7, 7])


def said(judge, change, name="prelu_backward", ended=""):
    """What is said of right observations that were changed so."""
    task = next(task for task in judge.lab.tasks if task.name == name)
    got = {case: found for case, old in judge.right[name].items() if (found := change(case, old)) is not None}
    return words(task, judge, got, judge.verdict(task, got, ended), ended, FILES)


def first(change):
    """A change of the first case alone."""
    done = []

    def once(case, old):
        return old if done and done[0] != case else (done or done.append(case)) or change(old)

    return once


def test_right_answers_are_said_to_be_right(judge):
    assert said(judge, lambda case, old: old) == "Right."


def test_slow_answers_are_worth_half(judge):
    assert "too slow" in said(judge, lambda case, old: replace(old, seconds=99.0) if case[0] == LARGE else old)


@pytest.mark.parametrize(("change", "expected"), [
    (lambda old: replace(old, outputs=old.outputs | {"da": old.outputs["da"] + 1}), "Another result than expected: da"),
    (lambda old: replace(old, outputs=old.outputs | {"da": old.outputs["da"][:0]}), "da should have shape (1,)"),
    (lambda old: replace(old, outputs={"da": old.outputs["da"]}), "A result is missing: dy"),
    (lambda old: replace(old, modified=("df",)), "It changes what it was given: df."),
    (lambda old: replace(old, again=("dy",)), "A second call on the same inputs differs: dy."),
    (lambda old: Observation(error="TypeError: oh", line=f"{FILES[0]}:9"), f"TypeError in {FILES[0]}, line 9"),
    (lambda old: None, "It did not come to an end"),
])  # fmt: skip
def test_the_first_hint_is_said_in_our_words(judge, change, expected):
    assert expected in said(judge, first(change))


def test_the_dtype_is_named(judge):
    def to_float64(case, old):
        return replace(
            old, outputs={name: x.astype(np.float64) if name == "da" else x for name, x in old.outputs.items()}
        )

    assert "The dtype is not kept: da of float32 inputs." in said(judge, to_float64)


SECRET = "0.123456789"
LEAKS = [
    lambda old: Observation(error=f"ValueError: y is {SECRET}", line=f"{FILES[0]}:3"),
    lambda old: Observation(error=f"{SECRET}: oh"),
    lambda old: Observation(error="TypeError: oh", line=f"{SECRET}:9"),
    lambda old: Observation(error=f"NotImplementedError: lab 3: {SECRET}", blank=True),
    lambda old: replace(old, outputs={SECRET: old.outputs["da"], **old.outputs, "dy": np.array(float(SECRET))}),
    lambda old: replace(old, outputs=old.outputs | {"da": np.array(SECRET)}),
    lambda old: replace(old, modified=(SECRET,)),
    lambda old: replace(old, again=(SECRET,)),
]


@pytest.mark.parametrize("leak", LEAKS)
def test_nothing_that_the_code_sends_is_repeated(judge, leak):
    for change in (first(leak), lambda case, old: leak(old)):
        assert SECRET not in said(judge, change)


@pytest.mark.parametrize("ended", ["time", "exit 3", "SIGSEGV", SECRET, f"it sent {SECRET}"])
def test_only_known_ends_are_repeated(judge, ended):
    text = said(judge, lambda case, old: None, ended=ended)
    assert SECRET not in text and "did not come to an end" in text


def test_no_number_of_the_hidden_inputs_is_said(judge):
    """Of outputs that are inputs: what a student would send who wants to see them."""
    for name in judge.right:

        def inputs(case, old, name=name):
            given = judge.cases[name][case]
            return replace(old, outputs={key: given.get("y", x) for key, x in old.outputs.items()})

        text = said(judge, inputs, name)
        for given in judge.cases[name].values():
            for x in given.values():
                for number in np.ravel(x)[:50] if isinstance(x, np.ndarray) else ():
                    assert f"{abs(float(number)):.3g}" not in text or float(number) in (0, 1, 2, 3, 4)
