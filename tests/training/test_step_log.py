"""An epoch's steps: means over images, and a course of at most ten points that leaves no step out."""

import json

import numpy as np
import pytest

from minidelve.training.step_log import StepLog


def filled(steps):
    log = StepLog()
    for step in steps:
        log.add(*step)
    return log


def test_loss_and_error_are_means_over_images_and_not_over_steps():
    """The last batch of an epoch is smaller: 3 of 12 images wrong, and a mean loss of (8 * 1 + 4 * 4) / 12."""
    log = filled([(1.0, 1, 8), (4.0, 2, 4)])
    assert (log.images, log.loss, log.top1_error) == (12, 2.0, 25.0)


@pytest.mark.parametrize("count", [1, 2, 9, 10, 11, 25, 100, 313])
def test_the_course_has_at_most_ten_points_about_equally_far_apart(count, rng):
    log = filled([(float(loss), int(rng.integers(5)), 4) for loss in rng.random(count)])
    done = [point[0] * count for point in log.within()]
    assert len(done) == min(10, count) and done[-1] == count
    np.testing.assert_allclose(done, np.round(done))  # after whole steps
    gaps = np.diff([0, *np.round(done)])
    assert gaps.min() >= 1 and gaps.max() - gaps.min() <= 1


def test_a_point_is_the_mean_since_the_one_before(rng):
    steps = [(float(loss), int(rng.integers(1, 4)), int(rng.integers(4, 9))) for loss in rng.random(25)]
    start = 0
    for share, loss, error in filled(steps).within():
        part, start = steps[start : round(share * 25)], round(share * 25)
        images = sum(n for _, _, n in part)
        assert loss == pytest.approx(sum(l * n for l, _, n in part) / images)
        assert error == pytest.approx(100 * sum(missed for _, missed, _ in part) / images)
    assert start == 25


def test_the_course_is_of_plain_numbers_that_a_checkpoint_can_hold():
    course = filled([(np.float32(0.1), np.int64(1), 3)] * 12).within()
    assert json.loads(json.dumps(course)) == course and {type(x) for point in course for x in point} == {float}
