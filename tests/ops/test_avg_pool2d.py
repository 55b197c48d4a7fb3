import numpy as np
import pytest

from minidelve import Tensor, avg_pool2d
from tests.helpers import assert_close, run

pytestmark = pytest.mark.usefixtures("kernels")


def test_the_zeros_of_the_frame_count():
    f, (dx,) = run(lambda x: avg_pool2d(x, 2, 2, 1), np.full((1, 1, 2, 2), 8.0), cotangent=np.ones((1, 1, 2, 2)))
    assert_close(f, np.full((1, 1, 2, 2), 2.0))
    assert_close(dx, np.full((1, 1, 2, 2), 0.25))


def test_what_hangs_over_the_frame_does_not_count():
    f, (dx,) = run(lambda x: avg_pool2d(x, 2, ceil_mode=True), np.full((1, 1, 3, 3), 8.0),
                   cotangent=np.ones((1, 1, 2, 2)))  # fmt: skip
    assert_close(f, np.full((1, 1, 2, 2), 8.0))
    assert dx[0, 0].tolist() == [[0.25, 0.25, 0.5], [0.25, 0.25, 0.5], [0.5, 0.5, 1]]


def test_nan_stays_nan():
    x = np.ones((1, 1, 2, 4))
    x[0, 0, 1, 0] = np.nan
    assert np.isnan(avg_pool2d(Tensor(x), 2).data[0, 0]).tolist() == [[True, False]]
