"""Lab 8 has no blanks: what is wrong in an earlier lab's files shows there, under that lab's name."""

import numpy as np
import pytest

from minidelve.labs.course import lab, labs
from minidelve.labs.judging.judge import Judge, observed
from minidelve.labs.judging.replacing import replaced

WHOLE = "all of it: three batches"
# One mistake a lab, and the tasks that it makes wrong.
MISTAKES = [
    (3, "pb-mean", "lab 3: PReLU"), (4, "cg-dbmean", "lab 4: a convolution"), (5, "mp-mean", "lab 5: pooling"),
    (6, "he-var", "lab 6: the first weights"), (7, "mo-outside", "lab 7: three steps"),
]  # fmt: skip


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(lab(8), [0, 8])


def test_it_is_tried_on_the_files_of_all_labs_before():
    assert lab(8).files == [file for each in labs() if each.number < 8 for file in each.blanks]
    assert lab(8).blanks == {} and len(lab(8).files) == len(set(lab(8).files)) > 10


@pytest.mark.parametrize(("number", "id", "task"), MISTAKES)
def test_an_earlier_labs_mistake_shows_under_its_name(judge, number, id, task):
    mistake = next(m for m in lab(number).mistakes() if m.id == id)
    seen = {each.name: judge.with_mistakes([mistake], each) for each in judge.lab.tasks}
    verdicts = judge.verdicts(seen)
    assert {name for name, verdict in verdicts.items() if verdict.points == 0} == {task, WHOLE}
    assert verdicts[task].status == "wrong"


def test_images_may_be_normalised_in_the_precision_of_the_mean(judge):
    """Lab 7 allows it, so lab 8 must not mark it wrong."""

    def normalize(self, images, dtype=np.float32, shifts=None, out=None):
        return ((images - self.mean) / np.float32(self.std)).astype(dtype)

    (whole,) = (task for task in judge.lab.tasks if task.name == WHOLE)
    with replaced({"minidelve/data/feeding/statistics.py:Statistics.normalize": normalize}):
        seen = observed(whole, judge.cases[WHOLE])
    assert judge.verdict(whole, seen).status == "right"
