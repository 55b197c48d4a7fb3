import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minidelve import Tensor, spatial_pyramid_pool2d
from minidelve.ops.spatial_pyramid_pool2d import pyramid_bins
from minidelve.testing import check_gradients
from tests.helpers import (
    assert_close,
    distinct,
    raises,
    run,
    zeros,
)

pytestmark = pytest.mark.usefixtures("kernels")


def by_definition(x, levels):
    """Bin i of n over a length L spans [floor(i L / n), ceil((i + 1) L / n))."""
    N, C, H, W = x.shape
    vectors = []
    for n in levels:
        level = np.empty((N, C, n, n))
        for i, j in np.ndindex(n, n):
            rows = slice(math.floor(i * H / n), math.ceil((i + 1) * H / n))
            columns = slice(math.floor(j * W / n), math.ceil((j + 1) * W / n))
            level[:, :, i, j] = x[:, :, rows, columns].max(axis=(2, 3))
        vectors.append(level.reshape(N, C * n * n))
    return np.concatenate(vectors, axis=1)


@example(10, 13, [6, 3, 2, 1], 0)
@example(7, 5, [6, 3, 2, 1], 0)
@given(st.integers(1, 7), st.integers(1, 7), st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(0, 99))
def test_any_pyramid_is_the_definition_and_its_derivative(H, W, levels, seed):
    x = distinct(np.random.default_rng(seed), 1, 2, H, W)
    assert_close(spatial_pyramid_pool2d(Tensor(x), levels).data, by_definition(x, levels))
    check_gradients(lambda x: spatial_pyramid_pool2d(x, levels), x)


@given(st.integers(1, 40), st.integers(1, 12))
def test_bins_miss_no_row_and_are_never_empty(length, n):
    tops_and_bottoms = pyramid_bins((length, 1), (n,))[::n, :2]
    assert all(top < bottom for top, bottom in tops_and_bottoms)
    assert sorted({r for top, bottom in tops_and_bottoms for r in range(top, bottom)}) == list(range(length))


def test_levels_lie_in_the_order_given_each_as_channel_row_column():
    x = np.arange(8.0).reshape(1, 2, 2, 2)
    assert spatial_pyramid_pool2d(Tensor(x), (2, 1)).data.tolist() == [[0, 1, 2, 3, 4, 5, 6, 7, 3, 7]]
    assert spatial_pyramid_pool2d(Tensor(x), (1, 2)).data.tolist() == [[3, 7, 0, 1, 2, 3, 4, 5, 6, 7]]


def test_a_map_smaller_than_a_level_fills_several_bins_with_one_pixel():
    f, (dx,) = run(lambda x: spatial_pyramid_pool2d(x, (3,)), np.array([[[[-2.0]]]]), cotangent=np.ones((1, 9)))
    assert f.tolist() == [[-2] * 9]
    assert dx.tolist() == [[[[9]]]]


def test_a_maximum_of_several_bins_gets_the_sum_of_their_gradients():
    x = np.zeros((1, 1, 3, 3))
    x[0, 0, 1, 1] = 5  # bins of level 2 overlap in the middle of 3 rows
    _, (dx,) = run(lambda x: spatial_pyramid_pool2d(x, (2, 1)), x, cotangent=np.array([[1.0, 10, 100, 1000, 1e4]]))
    assert dx[0, 0].tolist() == [[0, 0, 0], [0, 11111, 0], [0, 0, 0]]


def test_the_first_of_equal_maxima_gets_the_gradient():
    _, (dx,) = run(lambda x: spatial_pyramid_pool2d(x, (1,)), np.ones((1, 1, 2, 2)), cotangent=np.ones((1, 1)))
    assert dx[0, 0].tolist() == [[1, 0], [0, 0]]


def test_nan_stays_nan():
    x = np.ones((1, 2, 2, 2))
    x[0, 0, 0, 1] = np.nan
    expected = [[False, True, False, False, False, False, False, False, True, False]]
    assert np.isnan(spatial_pyramid_pool2d(Tensor(x), (2, 1)).data).tolist() == expected


def test_wrong_shapes_and_levels_are_named():
    raises(ValueError, lambda: spatial_pyramid_pool2d(zeros(3, 5, 5), (2, 1)), "(3, 5, 5)", "(N, C, H, W)")
    raises(ValueError, lambda: spatial_pyramid_pool2d(zeros(2, 3, 0, 5), (2, 1)), "(2, 3, 0, 5)")
    for levels in ((), (2, 0), (-1,), (1.5,), ("2",), 3, None):
        raises(ValueError, lambda levels=levels: spatial_pyramid_pool2d(zeros(1, 1, 4, 4), levels), str(levels))


def test_whole_numbers_are_pooled_too():
    x = np.arange(25).reshape(1, 1, 5, 5)
    assert spatial_pyramid_pool2d(Tensor(x), (2, 1)).data.tolist() == [[12, 14, 22, 24, 24]]
