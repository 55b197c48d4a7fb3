import numpy as np
import pytest

from minidelve.ops.calling_kernels import (
    empty_map,
    in_kernels_order,
    over_images,
    over_numbers,
    over_positions,
    per_channel,
)
from minidelve.ops.layout import channels_first
from tests.helpers import LAYOUTS, lay


class Spy:
    """A kernel that doubles its last array, returns `extra(that array)` beside the result, and notes what it saw."""

    def __init__(self, extra=None):
        self.seen, self.extra = [], extra

    def __call__(self, *arguments, out):
        self.seen.append(arguments)
        *_, x = [x for x in arguments if isinstance(x, np.ndarray)]
        assert all(x.flags.c_contiguous for x in (*arguments, out) if isinstance(x, np.ndarray))
        out[...] = 2 * x
        return out if self.extra is None else (out, self.extra(x))


@pytest.fixture
def x(rng):
    return rng.standard_normal((6, 3, 4, 5))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_numbers_come_in_the_order_of_the_last_array_s_memory(layout, x):
    kernel, y = Spy(), lay(x, layout)
    f = over_numbers(kernel, [x, y], "constant")
    np.testing.assert_array_equal(f, 2 * x)
    order = np.argsort([-abs(step) for step in y.strides])
    assert f.transpose(order).flags.c_contiguous
    ((first, last, constant),) = kernel.seen
    np.testing.assert_array_equal(first, last)
    assert (first.ndim, constant) == (1, "constant")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_positions_come_as_rows_and_results_channels_last(layout, x):
    kernel, y = Spy(), lay(x, layout)
    f = over_positions(kernel, [y], "constant")
    np.testing.assert_array_equal(f, 2 * x)
    assert f.transpose(0, 2, 3, 1).flags.c_contiguous
    np.testing.assert_array_equal(kernel.seen[0][0], x.transpose(0, 2, 3, 1).reshape(-1, 3))


def test_what_lies_as_the_kernel_wants_it_is_not_copied(x):
    x = channels_first(x)
    for over in (over_numbers, over_positions, lambda *call: over_images(*call, out=empty_map(x, x.shape[2:]))):
        kernel = Spy()
        over(kernel, [x])
        assert np.shares_memory(kernel.seen[0][0], x)
    assert np.shares_memory(in_kernels_order(x), x)


def test_sums_are_added_over_the_shares(x, threads_are):
    threads_are(3)
    kernel = Spy(extra=lambda rows: rows.sum(axis=0))
    f, sums = over_positions(kernel, [x], per_number=1e9)
    assert len(kernel.seen) == 3
    np.testing.assert_array_equal(f, 2 * x)
    np.testing.assert_allclose(sums, x.sum(axis=(0, 2, 3)))


def test_a_little_work_stays_on_one_core_and_much_is_shared(x, threads_are):
    threads_are(2)
    for call, shares in [
        (lambda kernel: over_numbers(kernel, [x]), 1),
        (lambda kernel: over_positions(kernel, [x]), 1),
        (lambda kernel: over_positions(kernel, [x], per_number=1e9), 2),
        (lambda kernel: over_numbers(kernel, [np.ones(1 << 17)]), 2),
        (lambda kernel: over_positions(kernel, [np.ones((1 << 16, 2))]), 2),
        (lambda kernel: over_images(kernel, [x], out=empty_map(x, x.shape[2:])), 2),
    ]:
        kernel = Spy()
        call(kernel)
        assert len(kernel.seen) == shares


def test_several_results_are_written_in_shares_and_keep_their_dtypes(x, threads_are):
    threads_are(2)

    def kernel(x, out):
        out[0][...], out[1][...] = 2 * x, x > 0
        return out

    f, positive = over_images(kernel, [x], out=(empty_map(x, (4, 5)), empty_map(x, (4, 5), np.int16)))
    np.testing.assert_array_equal(f, 2 * x)
    np.testing.assert_array_equal(positive, x > 0)
    assert positive.dtype == np.int16
    f, positive = over_positions(kernel, [x], outs=2, per_number=1e9)
    np.testing.assert_array_equal(f, 2 * x)
    np.testing.assert_array_equal(positive, x > 0)


def test_results_over_positions_begin_with_a_line_of_the_cache():
    x = np.ones((2, 16, 5, 5), np.float32)
    assert {over_positions(Spy(), [x]).ctypes.data % 64 for _ in range(20)} == {0}


def test_an_input_is_saved_as_the_kernel_reads_it(x):
    y = in_kernels_order(x)
    assert y.dtype == x.dtype and y.transpose(0, 2, 3, 1).flags.c_contiguous
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("a", [[2.0, 3, 4], [2.0]], ids=["own", "shared"])
def test_each_channel_gets_its_parameter(a, x):
    a = np.array(a, np.float32)
    for given in (a, np.repeat(a, 2)[::2]):
        expanded = per_channel(given, x)
        assert expanded.flags.c_contiguous and expanded.dtype == x.dtype
        np.testing.assert_array_equal(expanded, a * np.ones(3))
