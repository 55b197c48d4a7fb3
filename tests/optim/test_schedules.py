"""Learning-rate schedules: which epoch gets which rate."""

import math

import pytest

from minidelve import nn, optim


def optimizer(lr: float = 0.01) -> optim.SGD:
    return optim.SGD(nn.PReLU().parameters(), lr=lr)


def rates(schedule, errors) -> list[float]:
    """The rate of each epoch (the first before any step), and of the one that would follow."""
    seen = [schedule.optimizer.lr]
    for error in errors:
        schedule.step(error)
        seen.append(schedule.optimizer.lr)
    return seen


def test_each_milestone_divides_the_rate_of_the_following_epochs_by_10():
    schedule = optim.MultiStepLR(optimizer(0.01), [12, 17])
    assert rates(schedule, [None] * 20) == pytest.approx([1e-2] * 12 + [1e-3] * 5 + [1e-4] * 4, rel=1e-12)


def test_gamma_and_milestones_side_by_side():
    assert rates(optim.MultiStepLR(optimizer(8.0), [1, 2], gamma=0.5), [None] * 3) == [8, 4, 2, 2]
    assert rates(optim.MultiStepLR(optimizer(8.0), []), [None] * 2) == [8, 8, 8]


@pytest.mark.parametrize("milestones", [[3, 2], [2, 2], [0, 1], [-1]])
def test_milestones_that_do_not_rise_from_1_are_refused(milestones):
    with pytest.raises(ValueError, match="milestones are .*expected rising epoch numbers from 1"):
        optim.MultiStepLR(optimizer(), milestones)


def test_a_plateau_divides_the_rate_after_patience_is_over():
    schedule = optim.ReduceLROnPlateau(optimizer(0.01), patience=2, threshold=0.1)
    errors = [50, 40, 40, 40, 40, 40, 40, 40]  # three bad epochs are one more than the patience, each time
    expected = [1e-2] * 5 + [1e-3] * 3 + [1e-4]
    assert rates(schedule, errors) == pytest.approx(expected, rel=1e-12)


def test_an_improvement_has_to_exceed_the_threshold():
    for gain, rate in ((0.11, 0.01), (0.09, 0.001)):
        schedule = optim.ReduceLROnPlateau(optimizer(0.01), patience=0, threshold=0.1)
        assert rates(schedule, [50, 50 - gain])[-1] == pytest.approx(rate, rel=1e-12)


def test_small_gains_add_up_to_an_improvement():
    schedule = optim.ReduceLROnPlateau(optimizer(0.01), patience=2, threshold=0.1)
    assert rates(schedule, [50 - 0.04 * i for i in range(30)]) == [0.01] * 31


def test_the_rate_never_falls_below_its_floor_nor_rises_to_it():
    schedule = optim.ReduceLROnPlateau(optimizer(0.01), patience=0)
    assert rates(schedule, [50] * 6)[-3:] == pytest.approx([1e-4] * 3, rel=1e-12)
    low = optim.ReduceLROnPlateau(optimizer(1e-6), patience=0)
    assert rates(low, [50] * 4) == [1e-6] * 5


def test_an_error_that_is_no_number_is_no_improvement():
    schedule = optim.ReduceLROnPlateau(optimizer(0.01), patience=1)
    assert rates(schedule, [50, math.nan, math.nan])[-1] == pytest.approx(1e-3)


@pytest.mark.parametrize("options", [{"factor": 1.0}, {"factor": 0.0}, {"patience": -1}])
def test_wrong_plateau_options_are_named(options):
    with pytest.raises(ValueError, match="plateau: factor .*patience .*expected 0 < factor < 1, patience >= 0"):
        optim.ReduceLROnPlateau(optimizer(), **options)


@pytest.mark.parametrize("make", [
    lambda o: optim.MultiStepLR(o, [2, 5]),
    lambda o: optim.ReduceLROnPlateau(o, patience=1),
])  # fmt: skip
def test_a_restored_schedule_goes_on_as_if_never_stopped(make):
    errors = [50, 45, 45, 45, 45, 45, 45, 45]
    whole = rates(make(optimizer()), errors)
    first = make(optimizer())
    begin = rates(first, errors[:3])
    second = make(optimizer(123.0))  # the rate itself is in the optimizer's state
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.load_state_dict(first.state_dict())
    assert begin[:-1] + rates(second, errors[3:]) == whole
