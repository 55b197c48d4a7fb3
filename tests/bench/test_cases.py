"""Each case's two sides compute the same, and its name says what runs."""

from itertools import chain

import numpy as np
import pytest

from minidelve.bench import cases
from minidelve.bench.case import SIZES, Sizes
from minidelve.bench.networks import relative_difference


@pytest.fixture
def small(monkeypatch):
    """The same cases on maps that take a moment."""
    monkeypatch.setitem(SIZES, "cpu", Sizes((2, 12, 8), (2, 6, 8), (4, 32), 1000))


def test_every_kernel_of_the_cpu_is_timed(small):
    from kernels import numba_cpu

    timed = [case.name for case in cases.cases("kernel", cases.KERNELS)]
    assert tuple(timed) == cases.KERNELS
    assert set(timed) == set(numba_cpu.__all__) - {"momentum_step"}  # that one is timed as a step of the optimizer


def test_every_case_runs_and_states_its_work(small):
    for case in chain(cases.cases("kernel", cases.KERNELS), cases.cases("op", cases.OPS)):
        case.ours()
        assert (case.flops > 0) != (case.bytes > 0), case.name


def test_both_sides_of_every_op_agree(small):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    names = []
    for case in cases.cases("op", cases.OPS):
        names.append(case.name)
        for ours, theirs in zip(case.ours(), case.theirs(torch)(), strict=True):
            assert ours.shape == theirs.shape, case.name
            assert relative_difference(ours, theirs) < 1e-4, case.name
    assert tuple(names) == cases.OPS


def test_a_relative_difference_is_one_of_norms():
    a = np.array([3.0, 4.0])
    assert relative_difference(a, a) == 0 and relative_difference(a, np.array([3.0, 3.0])) == pytest.approx(1 / 18**0.5)
    assert relative_difference(np.full(4, 0.5), np.zeros(4)) == 1.0
