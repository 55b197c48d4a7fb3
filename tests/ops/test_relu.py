import numpy as np
import pytest

from minidelve import Tensor, relu
from tests.helpers import assert_close, run

pytestmark = pytest.mark.usefixtures("kernels")


def test_is_the_larger_of_y_and_0():
    assert relu(Tensor([-2.0, 0.0, 3.0])).data.tolist() == [0.0, 0.0, 3.0]


def test_zero_counts_as_negative():
    _, (dy,) = run(relu, np.zeros(2), cotangent=np.ones(2))
    assert_close(dy, np.zeros(2))


def test_nan_stays_nan():
    f, _ = run(relu, np.array([np.nan, -1.0]))
    assert np.isnan(f).tolist() == [True, False]


def test_minus_infinity_becomes_0_and_nan_stays():
    y = Tensor(np.array([-np.inf, np.inf, np.nan, -2.0]), requires_grad=True)
    f = relu(y)
    f.backward(np.array([np.inf, 1.0, 1.0, 1.0]))
    np.testing.assert_array_equal(f.data, [0, np.inf, np.nan, 0])
    np.testing.assert_array_equal(y.grad, [0, 1, 1, 0])
