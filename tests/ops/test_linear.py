import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidelve.backend.threads
from minidelve import Tensor, linear
from minidelve.testing import check_gradients
from tests.helpers import assert_close, raises, run, zeros


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 4), st.integers(0, 99))
def test_any_shape_is_the_definition_and_its_derivative(N, inputs, outputs, seed):
    rng = np.random.default_rng(seed)
    x, W, b = (rng.standard_normal(shape) for shape in ((N, inputs), (outputs, inputs), (outputs,)))
    y, _ = run(linear, x, W, b)
    assert_close(y, np.array([[sum(x[n] * W[o]) + b[o] for o in range(outputs)] for n in range(N)]))
    check_gradients(linear, x, W, b)
    check_gradients(linear, x, W)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_threads_do_not_matter(threads, rng, monkeypatch):
    arrays = rng.standard_normal((4, 5)), rng.standard_normal((3, 5)), rng.standard_normal(3)
    y, gradients = run(linear, *arrays)
    monkeypatch.setattr(minidelve.backend.threads, "thread_count", lambda: threads)
    monkeypatch.setattr(minidelve.backend.threads, "SMALL_WORK", 0)
    y_split, gradients_split = run(linear, *arrays)
    assert_close(y_split, y)
    for split, whole in zip(gradients_split, gradients, strict=True):
        assert_close(split, whole)


def test_wrong_shapes_are_named():
    raises(ValueError, lambda: linear(zeros(2, 3), zeros(4, 5)), "linear", "(2, 3)", "(4, 5)")
    raises(ValueError, lambda: linear(zeros(2, 3), zeros(3, 4)), "(2, 3)", "(3, 4)")
    raises(ValueError, lambda: linear(zeros(2, 3, 1), zeros(4, 3)), "(2, 3, 1)")
    raises(ValueError, lambda: linear(zeros(3), zeros(4, 3)), "(3,)")
    raises(ValueError, lambda: linear(zeros(2, 3), zeros(4, 3), zeros(3)), "(3,)", "(4,)")
    raises(ValueError, lambda: linear(zeros(2, 3), zeros(4, 3), zeros(1, 4)), "(1, 4)", "(4,)")


def test_whole_numbers_and_many_rows():
    assert linear(Tensor(np.ones((4, 2), int)), Tensor(np.ones((3, 2), int))).data.tolist() == [[2] * 3] * 4
