import numpy as np
import pytest

from minidelve import Tensor, max_pool2d
from tests.helpers import assert_close, raises, run

pytestmark = pytest.mark.usefixtures("kernels")


def test_the_frame_does_not_take_part():
    f, (dx,) = run(lambda x: max_pool2d(x, 2, 2, 1), np.full((1, 1, 2, 2), -3.0), cotangent=np.ones((1, 1, 2, 2)))
    assert_close(f, np.full((1, 1, 2, 2), -3.0))
    assert_close(dx, np.ones((1, 1, 2, 2)))


def test_stride_defaults_to_the_kernel_size():
    x = Tensor(np.arange(24.0).reshape(1, 1, 4, 6))
    assert max_pool2d(x, (2, 3)).data.tolist() == max_pool2d(x, (2, 3), (2, 3)).data.tolist() == [[[[8, 11], [20, 23]]]]


def test_a_maximum_of_several_windows_gets_the_sum_of_their_gradients():
    x = np.zeros((1, 1, 3, 3))
    x[0, 0, 1, 1] = 5
    _, (dx,) = run(lambda x: max_pool2d(x, 2, 1), x, cotangent=np.array([[[[1.0, 10.0], [100.0, 1000.0]]]]))
    assert dx[0, 0].tolist() == [[0, 0, 0], [0, 1111, 0], [0, 0, 0]]


def test_the_first_of_equal_maxima_gets_the_gradient():
    _, (dx,) = run(lambda x: max_pool2d(x, 2), np.ones((1, 1, 2, 2)), cotangent=np.ones((1, 1, 1, 1)))
    assert dx[0, 0].tolist() == [[1, 0], [0, 0]]


def test_nan_stays_nan():
    x = np.ones((1, 1, 2, 6))
    x[0, 0, 1, 0] = x[0, 0, 0, 3] = np.nan  # a number before it, numbers after it
    assert np.isnan(max_pool2d(Tensor(x), 2).data[0, 0]).tolist() == [[True, True, False]]


def test_a_map_of_minus_infinities_pools_to_minus_infinity():
    x = np.full((1, 1, 3, 3), -np.inf)
    f, (dx,) = run(lambda x: max_pool2d(x, 3, 1, 1), x, cotangent=np.ones((1, 1, 3, 3)))
    assert (f == -np.inf).all()
    assert dx.sum() == 9


def test_the_largest_kernel_finds_its_maximum_and_a_larger_one_is_refused():
    x = np.zeros((1, 1, 182, 182))  # a maximum's tap is kept in 16 bits: 181 x 181 fits, 182 x 182 does not
    x[0, 0, 180, 180] = 1
    _, (dx,) = run(lambda x: max_pool2d(x, 181), x, cotangent=np.ones((1, 1, 1, 1)))
    assert np.argwhere(dx).tolist() == [[0, 0, 180, 180]]
    raises(ValueError, lambda: max_pool2d(Tensor(x), 182), "(182, 182)", "32767")
