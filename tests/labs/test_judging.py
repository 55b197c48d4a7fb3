"""What the judge decides where several mistakes fit, and where rounding is all that differs."""

from dataclasses import replace

import numpy as np
import pytest

from minidelve.labs import course
from minidelve.labs.judging.differences import alike, where
from minidelve.labs.judging.judge import Judge
from minidelve.labs.task import Mistake, Task
from minidelve.labs.trial.calling import Observation

KERNEL = "kernels/reference/prelu.py"


def with_outputs(observed, **outputs):
    """What was seen, with some outputs changed: name=function of the right one."""
    changed = {}
    for case, seen in observed.items():
        new = {name: change(seen.outputs[name]) for name, change in outputs.items() if seen.outputs}
        changed[case] = replace(seen, outputs={**seen.outputs, **new})
    return changed


def twice(x):
    return 2 * x


@pytest.fixture
def judge():
    return Judge(course.lab(3), [1])


@pytest.fixture
def task(judge):
    return next(task for task in judge.lab.tasks if task.name == "prelu_backward")


def known(judge, task, **changes):
    """Let the judge know these mistakes alone, in their order, by the outputs that each changes."""
    right = judge.right[task.name]
    judge._mistakes[task.name] = {
        id: (Mistake(id, task.name, "kind", "sentence", {}), with_outputs(right, **outputs))
        for id, outputs in changes.items()
    }


def ids(judge, task, got):
    return [finding.id for finding in judge.verdict(task, got).findings if finding.id]


def test_of_mistakes_that_fit_the_one_that_spoils_nothing_else_is_told(judge, task):
    known(judge, task, both={"da": twice, "dy": twice}, one={"da": twice})
    got = with_outputs(judge.right[task.name], da=twice, dy=np.exp)
    assert ids(judge, task, got) == ["one"]


def test_of_mistakes_that_fit_the_one_that_agrees_on_all_outputs_is_told(judge, task):
    known(judge, task, both={"da": twice, "dy": twice}, one={"da": twice})
    got = with_outputs(judge.right[task.name], da=twice)
    got = {case: replace(seen, modified=("y",)) for case, seen in got.items()}  # which is no mistake's
    assert ids(judge, task, got) == ["one"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_cancels_is_right_but_for_rounding(tmp_path, dtype):
    """Rows of a softmax's gradient add up to 0, and what is left in their place is rounding."""

    def draw(rng, dtype):
        return {"scores": {"x": rng.normal(size=(40, 30)).astype(dtype)}}

    def call(x):
        y = x - x.mean(axis=1, keepdims=True)
        return {"sums": y.sum(axis=1) if forwards else y[:, ::-1].copy().sum(axis=1)}

    forwards = True
    lab = replace(course.lab(3), folder=tmp_path, tasks=(Task("sums", (f"{KERNEL}:prelu_forward",), 1, draw, call),))
    judge = Judge(lab, [3])
    case = "scores", np.dtype(dtype).name
    inputs, right = judge.cases["sums"][case], judge.right["sums"][case]
    forwards = False
    other = Observation({"sums": call(**inputs)["sums"]})
    assert np.abs(right.outputs["sums"]).max() < 1e-4 and (right.outputs["sums"] != other.outputs["sums"]).any()
    assert judge.verdict(lab.tasks[0], judge.right["sums"] | {case: other}).status == "right"
    wrong = Observation({"sums": right.outputs["sums"] + dtype(1e-3)})
    assert judge.verdict(lab.tasks[0], judge.right["sums"] | {case: wrong}).status == "wrong"


def test_where_nothing_cancels_the_inputs_do_not_count():
    right = np.array([1e-3, 2e-3])
    assert not alike(right * 1.001, right, np.dtype("float32"), scale=0.5)


def test_numbers_that_differ_late_are_told_apart():
    right = np.array([-3.16096123456, 1.0])
    said = where("dy", "a row", right + [1e-7, 0], right, np.dtype("float64"))
    assert said == "dy[0] is -3.1609611, expected -3.1609612 (case: a row; 1 of 2 differ)"
