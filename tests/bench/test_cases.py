"""Each case's two sides compute the same, and its name says what runs."""

import numpy as np
import pytest

from minidelve.bench.case import SIZES, Numbers, Sizes
from minidelve.bench.kernel_cases import KERNELS, kernel_cases
from minidelve.bench.op_cases import OPS, op_cases
from minidelve.bench.twin import relative_difference


@pytest.fixture
def small(monkeypatch):
    """The same cases on maps that take a moment."""
    monkeypatch.setitem(SIZES, "cpu", Sizes((2, 12, 8), (2, 6, 8), (4, 32), 1000))


def test_every_kernel_of_the_cpu_is_timed(small):
    from kernels import numba_cpu

    timed = [case.name for case in kernel_cases(KERNELS, Numbers("cpu"))]
    assert timed == list(KERNELS)
    assert set(timed) == set(numba_cpu.__all__) - {"momentum_step"}  # that one is timed as a step of the optimizer


def test_every_case_runs_and_states_its_work(small):
    for case in (*kernel_cases(KERNELS, Numbers("cpu")), *op_cases(OPS, Numbers("cpu"))):
        case.ours()
        assert case.work.amount > 0, case.name


def test_the_work_of_an_op_is_that_of_its_passes(small):
    """x is 2 x 8 x 12 x 12, or 2 x 8 x 6 x 6 before the pyramid; fc takes 4 rows of 32 units to 32."""
    work = {case.name: case.work for case in op_cases(OPS, Numbers("cpu"))}
    x, last = 4 * 2 * 8 * 12 * 12, 4 * 2 * 8 * 6 * 6
    assert work == {
        "conv2d 2x2": (3 * 2 * (2 * 11 * 11 * 8) * 4 * 8, 0), "conv2d 3x3": (3 * 2 * (2 * 12 * 12 * 8) * 9 * 8, 0),
        "prelu": (0, 5 * x), "relu": (0, 5 * x), "max_pool2d": (0, 2.5 * x), "spatial_pyramid_pool2d": (0, 2 * last),
        "linear": (6 * 4 * 32 * 32, 0), "momentum step": (0, 5 * 4 * 1000),
    }  # fmt: skip


def test_both_sides_of_every_op_agree(small):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    names = []
    for case in op_cases(OPS, Numbers("cpu")):
        names.append(case.name)
        for ours, theirs in zip(case.ours(), case.theirs(torch)(), strict=True):
            assert ours.shape == theirs.shape, case.name
            assert relative_difference(ours, theirs) < 1e-4, case.name
    assert tuple(names) == OPS


def test_a_relative_difference_is_one_of_norms():
    a = np.array([3.0, 4.0])
    assert relative_difference(a, a) == 0 and relative_difference(a, np.array([3.0, 3.0])) == pytest.approx(1 / 18**0.5)
    assert relative_difference(np.full(4, 0.5), np.zeros(4)) == 1.0
