"""The table behind `minidelve check-grad`: every op is in it, and every op passes."""

import numpy as np
import pytest

from minidelve import ops
from minidelve.testing.cases import distinct, gradient_cases
from minidelve.testing.paths import Way, go


def test_every_op_has_a_case_and_every_case_an_op():
    assert {case.op for case in gradient_cases()} == set(ops.__all__)


def test_no_two_cases_have_the_same_name():
    names = [(case.op, case.description) for case in gradient_cases()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kernels", ["reference", "numba_cpu"])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_gradient_is_right(kernels, seed):
    results = [go(case, Way(kernels), "cpu") for case in gradient_cases(seed)]
    assert {(r.op, r.description) for r in results if not r.error < 1e-6} == set()
    assert [(r.op, r.description) for r in results] == [(c.op, c.description) for c in gradient_cases(seed)]
    assert all(r.seconds > 0 for r in results)


def test_a_wrong_gradient_is_reported_not_raised(monkeypatch):
    monkeypatch.setattr(ops.elementwise.Exp, "backward", lambda self, df: np.nan * df)
    monkeypatch.setattr(ops.elementwise.Negate, "backward", lambda self, df: df)
    errors = {case.op: go(case, Way("numba_cpu"), "cpu").error for case in gradient_cases()}
    assert 0.1 < errors["negate"] < np.inf
    assert errors["exp"] == np.inf
    assert errors["log"] < 1e-6


def test_the_seed_decides_the_inputs():
    for one, same, other in zip(gradient_cases(1), gradient_cases(1), gradient_cases(2), strict=True):
        assert all((a == b).all() for a, b in zip(one.inputs, same.inputs, strict=True))
        assert any((a != b).any() for a, b in zip(one.inputs, other.inputs, strict=True))


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3), (0, 3)])
def test_distinct_numbers_are_apart_from_each_other_and_from_0(shape, rng):
    x = distinct(rng, *shape)
    assert x.shape == shape
    values = np.sort(np.append(x, 0))
    assert (np.diff(values) > 0.1).all()
