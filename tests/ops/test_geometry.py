import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidelve.ops.geometry import as_pair, output_size, pool_geometry
from tests.helpers import raises

axis = st.tuples(st.integers(1, 12), st.integers(1, 5), st.integers(1, 5), st.integers(0, 2), st.booleans())


def test_an_integer_stands_for_both_axes():
    assert as_pair("op", "stride", 3, 1) == (3, 3)
    assert as_pair("op", "stride", (3, 4), 1) == (3, 4)
    assert as_pair("op", "stride", [3, 4], 1) == (3, 4)
    assert as_pair("op", "stride", np.int64(3), 1) == (3, 3)


@pytest.mark.parametrize("value", [0, -1, (0, 1), (1,), (1, 2, 3), (1.0, 2.0), 1.5, None, "12"])
def test_what_is_no_pair_of_integers_is_named(value):
    raises(ValueError, lambda: as_pair("conv2d", "stride", value, 1), "conv2d", "stride", repr(value), ">= 1")


@given(axis)
def test_counts_the_windows_that_fit(drawn):
    length, kernel, stride, padding, _ = drawn
    starts = range(-padding, length + padding - kernel + 1, stride)
    count, _ = output_size((length, length), (kernel, kernel), (stride, stride), (padding, padding))
    assert max(count, 0) == len(starts)


def test_a_window_of_nothing_but_frame_is_left_out():
    assert output_size((3, 4), (2, 2), (4, 4), (1, 1), ceil_mode=True) == (1, 2)


@given(axis)
def test_pooling_makes_the_same_number_of_windows_as_torch(drawn):
    torch = pytest.importorskip("torch")
    length, kernel, stride, padding, ceil_mode = drawn
    padding = min(padding, kernel // 2)
    try:
        x = torch.zeros(1, 1, length, 1)
        theirs = torch.max_pool2d(x, (kernel, 1), (stride, 1), (padding, 0), ceil_mode=ceil_mode).shape[2]
    except RuntimeError:  # no window fits
        theirs = None
    try:
        shape = (1, 1, length, 1)
        *_, (ours, _) = pool_geometry("op", shape, (kernel, 1), (stride, 1), (padding, 0), ceil_mode)
    except ValueError:
        ours = None
    assert ours == theirs
