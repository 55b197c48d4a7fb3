from fractions import Fraction

import numpy as np
import pytest

from minidelve import Tensor, conv2d
from minidelve.ops.conv.winograd_matrices import ONE, exact_matrices, matrices, transposed_matrices
from minidelve.ops.conv.winograd_tiles import SIDES, places, tile_size


@pytest.mark.parametrize(("m", "k"), [(3, 2), (2, 3), (4, 3), (5, 2), (3, 3), (5, 3)])
def test_the_identity_holds_exactly_in_fractions(m, k):
    """sum over u of g[u] d[i + u] for every pair of unit vectors, which decides for all g and d."""
    AT, BT, G = exact_matrices(m, k)
    e = m + k - 1
    for u in range(k):
        for place in range(e):
            products = [G[p][u] * BT[p][place] for p in range(e)]
            y = [sum(AT[i][p] * products[p] for p in range(e)) for i in range(m)]
            assert y == [Fraction(place == i + u) for i in range(m)]
    assert all(value.denominator in (1, 2, 4, 8) for row in BT for value in row)  # exact in floating point
    assert [row[ONE] for row in AT] == [1] * m  # the bias relies on it


def test_transposed_matrices_are_the_transposes():
    for m, k in ((3, 2), (2, 3), (4, 3)):
        for rows, columns in zip(*(f(m, k, np, np.dtype(np.float32)) for f in (matrices, transposed_matrices))):
            np.testing.assert_array_equal(rows.T, columns)
            assert columns.flags.c_contiguous and rows.dtype == columns.dtype == np.float32


def test_the_tile_fits_the_map():
    assert SIDES == {2: (3,), 3: (2, 4)}
    assert tile_size((6, 6), 2) == 3
    assert tile_size((56, 56), 3) == 4
    assert tile_size((14, 14), 3) == 2  # model_a: reading U costs more than multiplying


def test_places_are_those_of_all_tiles_the_map_needs():
    assert places((6, 6), 2) == 4 * 16 and places((7, 6), 2) == 6 * 16
    assert places((14, 14), 3) == 49 * 16 and places((56, 56), 3) == 14 * 14 * 36


def test_backward_takes_the_tiles_of_forward(rng, monkeypatch):
    x, w = (Tensor(rng.standard_normal(s), requires_grad=True) for s in ((1, 2, 6, 6), (3, 2, 3, 3)))
    monkeypatch.setitem(SIDES, 3, (4,))
    y = conv2d(x, w, algorithm="winograd")
    monkeypatch.setitem(SIDES, 3, (2,))
    y.sum().backward()
    np.testing.assert_allclose(w.grad[1, 0, 0, 0], x.data[0, 0, :4, :4].sum(), rtol=1e-12)
