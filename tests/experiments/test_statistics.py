"""Intervals by Student's t: the known quantiles, the promised share, and what sign an estimate has."""

import math

import numpy as np
import pytest

from minidelve.experiments.statistics import Estimate, estimate, paired, student_t, student_within

# Two-sided 95%, as printed in tables of the distribution.
PRINTED = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 10: 2.228, 29: 2.045, 60: 2.000, 120: 1.980}


@pytest.mark.parametrize(("freedom", "t"), PRINTED.items())
def test_the_quantile_is_that_of_printed_tables(freedom, t):
    assert student_t(freedom) == pytest.approx(t, abs=5e-4)


def test_other_probabilities_are_those_of_printed_tables():
    for freedom, t, probability in ((1, 63.657, 0.99), (4, 2.132, 0.90), (7, 3.499, 0.99), (12, 1.356, 0.80)):
        assert student_within(t, freedom) == pytest.approx(probability, abs=2e-4)
    assert student_within(0.0, 3) == 0 and student_within(1.959964, 100_000) == pytest.approx(0.95, abs=1e-5)


@pytest.mark.parametrize("seeds", [2, 3, 4, 5, 8])
def test_the_interval_holds_the_true_mean_19_times_in_20(seeds):
    draws = np.random.default_rng(seeds).normal(3.0, 2.0, (4_000, seeds))
    found = [estimate(numbers) for numbers in draws]
    share = np.mean([abs(e.mean - 3.0) <= e.half for e in found])
    assert share == pytest.approx(0.95, abs=0.014)  # four standard errors of the share


def test_the_interval_is_t_standard_errors_to_either_side():
    found = estimate([1.0, 2.0, 4.0, 9.0])
    assert found.error == pytest.approx(math.sqrt((9 + 4 + 0 + 25) / 3) / 2) and found.count == 4
    assert found.half == found.bar == pytest.approx(3.18245 * found.error, rel=1e-5)


def test_one_number_and_none_have_no_interval():
    for numbers in ([], [5.0]):
        found = estimate(numbers)
        assert found.half == math.inf and found.bar == 0 and found.sign() == 0 and "±" not in found.text()


def test_a_sign_takes_the_whole_interval():
    inside, outside = Estimate(1.0, 0.32, 4), Estimate(1.0, 0.31, 4)  # 3.182 of them: 1.018 and 0.986
    assert (inside.sign(), (-inside).sign(), outside.sign(), (-outside).sign()) == (0, 0, 1, -1)
    assert outside.sign(least=0.99) == 1 and outside.sign(least=1.0) == 0
    assert Estimate(0.1 + 0.2 - 0.2, 0.0, 2).sign(least=0.1) == 0  # 0.10000000000000003


def test_a_missing_number_leaves_its_seed_out():
    rows = [{"variant": v, "seed": s, "x": x} for v, s, x in
            (("a", 0, 1.0), ("a", 1, None), ("a", 2, 3.0), ("b", 2, 1.0), ("b", 1, 1.0), ("b", 0, 5.0))]  # fmt: skip
    assert paired(rows, "a", "b", "x") == [-4.0, 2.0]
