"""The pyramids of all windows at once are those of each window on its own, exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidelve.evaluation.windows import WindowPyramids, patch_sizes, sliding_maximum
from minidelve.ops import spatial_pyramid_pool2d
from minidelve.tensor import Tensor


def one_by_one(x: np.ndarray, k: int, levels) -> np.ndarray:
    """Crop every window, pool it by the op."""
    N, C, H, W = x.shape
    places = [(m, a, b) for m in range(N) for a in range(H - k + 1) for b in range(W - k + 1)]
    crops = np.stack([x[m, :, a : a + k, b : b + k] for m, a, b in places])
    return spatial_pyramid_pool2d(Tensor(crops), levels).data


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 12), st.integers(1, 12)),
    k=st.integers(1, 12),
    levels=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
def test_every_window_is_pooled_exactly_as_the_op_pools_it(shape, k, levels, seed):
    k = min(k, *shape[2:])
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32) - 3  # mostly negative: 0 is no start
    windows = WindowPyramids(x, k, levels)
    expected = one_by_one(x, k, levels)
    assert (windows.count, windows.width) == expected.shape
    np.testing.assert_array_equal(windows.rows(0, windows.count), expected)


def test_the_papers_pyramid_on_a_map_of_model_a(rng):
    """Of its 63 bins 7 sizes of patch are left; (6, 3, 2, 1) on its 18 pixels needs 4."""
    x = rng.standard_normal((1, 3, 16, 19)).astype(np.float32)
    windows = WindowPyramids(x, 14, (7, 3, 2, 1))
    assert windows.count == 3 * 6 and len(windows.maxima) == len(patch_sizes(14, (7, 3, 2, 1))) == 7
    np.testing.assert_array_equal(windows.rows(0, 18), one_by_one(x, 14, (7, 3, 2, 1)))
    assert len(patch_sizes(18, (6, 3, 2, 1))) == 4


def test_a_range_of_windows_is_a_range_of_rows(rng):
    x = rng.standard_normal((3, 2, 5, 6)).astype(np.float32)
    windows = WindowPyramids(x, 4, (2, 1))  # 2 x 3 windows a map
    np.testing.assert_array_equal(windows.rows(4, 11), one_by_one(x, 4, (2, 1))[4:11])


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=40), st.integers(1, 40))
def test_a_sliding_maximum_is_the_maximum_of_each_stretch(values, length):
    length = min(length, len(values))
    expected = [max(values[p : p + length]) for p in range(len(values) - length + 1)]
    assert sliding_maximum(np.array(values), length, axis=0).tolist() == expected


def test_a_map_smaller_than_the_window_is_refused():
    with pytest.raises(ValueError, match=r"\(1, 2, 3, 9\); expected .* >= 4"):
        WindowPyramids(np.zeros((1, 2, 3, 9), np.float32), 4, (1,))
