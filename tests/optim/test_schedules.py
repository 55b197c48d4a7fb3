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


def test_each_milestone_divides_the_rate_of_the_following_epochs():
    schedule = optim.MultiStepLR(optimizer(0.01), [12, 17])
    assert rates(schedule, [None] * 20) == pytest.approx([1e-2] * 12 + [1e-3] * 5 + [1e-4] * 4, rel=1e-12)
    assert rates(optim.MultiStepLR(optimizer(8.0), [1, 2], gamma=0.5), [None] * 3) == [8, 4, 2, 2]
    assert rates(optim.MultiStepLR(optimizer(8.0), []), [None] * 2) == [8, 8, 8]


def test_the_rate_of_a_run_left_alone_is_told_beforehand():
    for milestones in ([], [1], [2, 3], [1, 4, 6]):
        schedule = optim.MultiStepLR(optimizer(8.0), milestones, gamma=0.5)
        told = [schedule.rate(epochs) for epochs in range(8)]
        assert told == rates(schedule, [None] * 7) == [schedule.rate(epochs) for epochs in range(8)]


def test_the_first_rate_is_remembered_over_a_stop():
    first, second = (optim.MultiStepLR(optimizer(lr), [1]) for lr in (8.0, 0.8))
    first.step()
    second.load_state_dict(first.state_dict())
    assert second.rate(0) == 8.0


@pytest.mark.parametrize("milestones", [[3, 2], [2, 2], [0, 1], [-1], 3, ["2"], [2.5], "12", [True], [None]])
def test_milestones_that_do_not_rise_from_1_are_refused(milestones):
    with pytest.raises(ValueError, match="milestones are .*expected rising epoch numbers from 1"):
        optim.MultiStepLR(optimizer(), milestones)


PLATEAUS = {  # first rate, options, errors, the rate of each epoch
    "one more bad epoch than the patience": (
        0.01, {"patience": 2, "threshold": 0.1}, [50] + [40] * 7, [1e-2] * 5 + [1e-3] * 3 + [1e-4]),
    "a gain beyond the threshold": (0.01, {"patience": 0, "threshold": 0.1}, [50, 50 - 0.11], [1e-2] * 3),
    "a gain below it": (0.01, {"patience": 0, "threshold": 0.1}, [50, 50 - 0.09], [1e-2] * 2 + [1e-3]),
    "small gains that add up": (
        0.01, {"patience": 2, "threshold": 0.1}, [50 - 0.04 * i for i in range(30)], [0.01] * 31),
    "down to the floor": (0.01, {"patience": 0}, [50] * 6, [1e-2] * 2 + [1e-3] + [1e-4] * 4),
    "never up to it": (1e-6, {"patience": 0}, [50] * 4, [1e-6] * 5),
    "no number is no gain": (0.01, {"patience": 1}, [50, math.nan, math.nan], [1e-2] * 3 + [1e-3]),
}  # fmt: skip


@pytest.mark.parametrize(("lr", "options", "errors", "expected"), PLATEAUS.values(), ids=PLATEAUS)
def test_a_plateau_divides_the_rate_by_10(lr, options, errors, expected):
    assert rates(optim.ReduceLROnPlateau(optimizer(lr), **options), errors) == pytest.approx(expected, rel=1e-12)


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


def test_a_rate_set_by_hand_is_what_the_next_milestone_divides():
    schedule = optim.MultiStepLR(optimizer(0.1), [2, 4])
    seen = []
    for epoch in range(1, 6):
        if epoch == 2:
            schedule.optimizer.lr = 0.05
        schedule.step()
        seen.append(schedule.optimizer.lr)
    assert seen == pytest.approx([0.1, 0.005, 0.005, 0.0005, 0.0005], rel=1e-12)


def test_both_schedules_go_on_from_a_rate_set_by_hand_as_pytorchs_do():
    torch = pytest.importorskip("torch")
    theirs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    schedules = (optim.MultiStepLR(optimizer(0.1), [2, 3]), torch.optim.lr_scheduler.MultiStepLR(theirs, [2, 3]))
    for epoch in range(5):
        if epoch == 1:
            schedules[0].optimizer.lr = theirs.param_groups[0]["lr"] = 0.7
        theirs.step()
        for schedule in schedules:
            schedule.step()
        assert schedules[0].optimizer.lr == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-12)


@pytest.mark.parametrize("make", [lambda o: optim.MultiStepLR(o, [2]), optim.ReduceLROnPlateau])
def test_a_schedule_of_something_else_is_refused(make):
    with pytest.raises(TypeError, match="got a Linear; expected an SGD"):
        make(nn.Linear(1, 1))


@pytest.mark.parametrize("options", [{"factor": "min"}, {"patience": None}, {"threshold": "rel"}, {"min_lr": [1e-4]}])
def test_a_plateaus_option_that_is_no_number_is_named(options):
    with pytest.raises(TypeError, match=f"ReduceLROnPlateau: {next(iter(options))} is .*; expected a number"):
        optim.ReduceLROnPlateau(optimizer(), **options)


@pytest.mark.parametrize("gamma", ["x", 0.0, -1.0, math.inf, True])
def test_a_gamma_that_is_no_factor_is_refused(gamma):
    with pytest.raises(ValueError, match="MultiStepLR: gamma is .*; expected a number above 0"):
        optim.MultiStepLR(optimizer(), [2], gamma)
