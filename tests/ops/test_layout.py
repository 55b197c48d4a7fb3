from types import SimpleNamespace

import numpy as np
import pytest

from minidelve import Tensor, backend, use
from minidelve.ops.layout import channels_first, channels_last, from_rows, rows_of_channels
from minidelve.testing.cases import gradient_cases
from tests.helpers import LAYOUTS, lay, run

SHAPES = [(2, 3), (2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5)]


@pytest.fixture(params=SHAPES, ids=str)
def x(request):
    return np.arange(np.prod(request.param)).reshape(request.param)


def test_channels_last_moves_axis_1_to_the_end(x):
    y = channels_last(x)
    assert y.flags.c_contiguous
    np.testing.assert_array_equal(y, np.moveaxis(x, 1, -1))


def test_channels_first_undoes_it_as_a_view(x):
    y = channels_last(x)
    back = channels_first(y)
    np.testing.assert_array_equal(back, x)
    assert back.base is not None
    assert np.shares_memory(back, y) or x.size == 0


def test_channels_last_does_not_copy_what_is_so_in_memory(x):
    back = channels_first(channels_last(x))
    assert np.shares_memory(channels_last(back), back) or x.size == 0


def test_rows_hold_the_channels_of_one_position(x):
    rows = rows_of_channels(x)
    assert rows.flags.c_contiguous
    assert rows.shape == (x.size // 3, 3)
    np.testing.assert_array_equal(rows, np.moveaxis(x, 1, -1).reshape(-1, 3))
    np.testing.assert_array_equal(from_rows(rows, x.shape), x)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_op_hands_its_kernels_contiguous_arrays(layout, monkeypatch):
    strided = set()

    def watched(kernel):
        def call(*arguments, **options):
            arrays = [x for x in [*arguments, *options.values()] if isinstance(x, np.ndarray)]
            if not all(x.flags.c_contiguous for x in arrays):
                strided.add(kernel.__name__)
            return kernel(*arguments, **options)

        return call

    with use("reference"):
        kernels = backend.kernels_for(np.zeros(1))
        spies = SimpleNamespace(**{name: watched(getattr(kernels, name)) for name in kernels.__all__})
        monkeypatch.setitem(backend.implementations._loaded, "reference", spies)
        for case in gradient_cases():
            arrays = [lay(x, layout) for x in case.inputs]
            y = case.f(*map(Tensor, arrays)).data
            run(case.f, *arrays, cotangent=lay(np.array(y), layout))
            run(case.f, *arrays, cotangent=np.broadcast_to(y.dtype.type(1), y.shape))
    assert strided == set()
