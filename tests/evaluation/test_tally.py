"""Errors by class add up to the whole, and confusions are counted by hand."""

import numpy as np
import pytest

from minidelve.evaluation.tally import Tally
from minidelve.nn import Sequential
from minidelve.training.validation import evaluate

NAN = float("nan")


def test_a_case_counted_by_hand():
    p = np.array([
        [0.7, 0.2, 0.1],  # 0, right
        [0.1, 0.6, 0.3],  # 0, taken for 1
        [0.2, 0.1, 0.7],  # 0, taken for 2
        [0.3, 0.2, 0.5],  # 0, taken for 2
        [0.2, 0.4, 0.4],  # 1, a tie: taken for 2
        [NAN, NAN, NAN],  # 1, wrong, taken for nothing
    ])  # fmt: skip
    tally = Tally(3)
    tally.add(p[:2], np.array([0, 0]))
    tally.add(p[2:], np.array([0, 0, 1, 1]))
    assert tally.confusions.tolist() == [[0, 1, 2], [0, 0, 1], [0, 0, 0]]
    first, second = tally.by_class()  # class 2 has no images
    assert (first.images, first.top1, first.top5, first.taken_for) == (4, 75.0, None, [(2, 2), (1, 1)])
    assert (second.label, second.images, second.top1, second.taken_for) == (1, 2, 100.0, [(2, 1)])
    assert [c.label for c in tally.worst(5)] == [1, 0] and [c.label for c in tally.worst(1)] == [1]
    assert tally.errors().images == 6 and tally.errors().top1 == pytest.approx(500 / 6)


def test_classes_sum_to_the_whole_and_agree_with_evaluate(rng):
    logits = rng.standard_normal((200, 12)).astype(np.float32) * 3
    targets = rng.integers(0, 12, 200)
    p = np.exp(logits.astype(np.float64))
    p /= p.sum(axis=1, keepdims=True)
    tally = Tally(12)
    for start in range(0, 200, 33):
        tally.add(p[start : start + 33], targets[start : start + 33])
    whole, parts = tally.errors(), tally.by_class()
    expected = evaluate(Sequential(), [(logits, targets)])
    assert (whole.top1, whole.top5, whole.images) == (expected.top1, expected.top5, 200)
    assert whole.loss == pytest.approx(expected.loss, rel=1e-5)
    for name in ("top1", "top5"):
        assert sum(getattr(c, name) * c.images for c in parts) == pytest.approx(getattr(whole, name) * 200)
    assert tally.confusions.sum() == round(whole.top1 * 2) and not tally.confusions.diagonal().any()


def test_worst_is_the_highest_top5_error_first():
    tally = Tally(7)
    tally.images[:] = 10
    tally.misses1[:3], tally.misses5[:3] = (9, 5, 6), (1, 4, 4)
    assert [c.label for c in tally.worst(7)] == [2, 1, 0]


@pytest.mark.parametrize("classes", [4, 5, 6])
def test_scores_that_are_no_numbers_are_wrong_everywhere(classes):
    tally = Tally(classes)
    tally.add(np.full((3, classes), NAN), np.arange(3))
    p = np.full((1, classes), 0.01)
    p[0, 0], p[0, -1] = 0.9, NAN  # an ensemble of which one member diverged for one class
    tally.add(p, np.array([0]))
    errors = tally.errors()
    assert (errors.top1, errors.top5) == (100, 100 if classes > 5 else None)
    assert all(c.top5 == errors.top5 for c in tally.by_class())


def test_no_images_is_an_error():
    with pytest.raises(ValueError, match="got no images"):
        Tally(3).errors()
