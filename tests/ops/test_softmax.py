import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidelve import Tensor, log_softmax, softmax
from tests.helpers import assert_close, raises, run, zeros

both = pytest.mark.parametrize("op", [softmax, log_softmax])


@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 99))
def test_probabilities_of_any_shape_are_positive_and_sum_to_1(N, classes, seed):
    z = 5 * np.random.default_rng(seed).standard_normal((N, classes))
    s = softmax(Tensor(z)).data
    assert (s > 0).all()
    assert_close(s.sum(axis=1), np.ones(N))
    assert_close(log_softmax(Tensor(z)).data, np.log(s))


@both
def test_adding_a_constant_changes_nothing(op, rng):
    z = rng.standard_normal((3, 4))
    assert_close(op(Tensor(z + 100)).data, op(Tensor(z)).data, tolerance=1e-12)


def test_logits_of_10000_do_not_overflow():
    z = np.array([[1e4, -1e4, 0], [1e4, 1e4, -1e4]])
    assert softmax(Tensor(z)).data.tolist() == [[1, 0, 0], [0.5, 0.5, 0]]
    f, (dz,) = run(log_softmax, z)
    assert_close(f, np.array([[0, -2e4, -1e4], [-np.log(2), -np.log(2), -2e4 - np.log(2)]]))
    assert np.isfinite(dz).all()


def test_log_softmax_is_exact_where_the_probability_underflows():
    assert log_softmax(Tensor([[0.0, -1000.0]])).data.tolist() == [[0, -1000]]


@both
def test_axis_defaults_to_the_classes(op, rng):
    z = Tensor(rng.standard_normal((2, 3, 4)))
    assert_close(op(z).data, op(z, axis=1).data)


@both
def test_nan_stays_nan(op):
    f, _ = run(op, np.array([[np.nan, 1.0], [1.0, 2.0]]))
    assert np.isnan(f).tolist() == [[True, True], [False, False]]


@both
def test_wrong_axes_are_named(op):
    raises(ValueError, lambda: op(zeros(3, 4), axis=2), op.__name__, "(3, 4)", "2")
    raises(ValueError, lambda: op(zeros(3, 4), axis=-3), "(3, 4)", "-3")
    raises(ValueError, lambda: op(zeros(3)), "(3,)", "1")
    raises(ValueError, lambda: op(zeros(3, 0)), "(3, 0)")
    for axis in (None, "a", 1.0, (0, 1)):
        raises(TypeError, lambda axis=axis: op(zeros(3, 4), axis), op.__name__, repr(axis), "expected an integer")
