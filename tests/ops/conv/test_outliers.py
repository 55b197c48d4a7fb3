"""A number that stands out spoils no output but those whose window holds it, whatever algorithm "auto" takes."""

import numpy as np
import pytest

from minidelve import Tensor, conv2d
from minidelve.ops.conv.choice import using_algorithm
from minidelve.ops.conv.outliers import LARGEST, is_even
from tests.helpers import run
from tests.ops.conv.algorithms import by

OUTLIERS = [1e4, -1e4, 1e20, 3e38, -3e38, np.inf, -np.inf, np.nan]
LAYERS = {"2x2, m = 3": (2, 14), "3x3, m = 2": (3, 14), "3x3, m = 4": (3, 56)}  # kernel, side of the map


def a_layer(k, side):
    """x, weight and bias of a layer for which "auto" takes Winograd's algorithm, and dE/dy."""
    rng = np.random.default_rng(k + side)
    shapes = (1, 64, side, side), (64, 64, k, k), (64,), (1, 64, side + 3 - k, side + 3 - k)
    scale = 1, (2 / (64 * k * k)) ** 0.5, 1, 1
    return [(s * rng.standard_normal(shape)).astype(np.float32) for s, shape in zip(scale, shapes, strict=True)]


def auto(x, w, b):
    return conv2d(x, w, b, padding=1)


@pytest.mark.parametrize("layer", LAYERS)
def test_even_numbers_take_winograds_algorithm(layer):
    x, w, b, _ = map(Tensor, a_layer(*LAYERS[layer]))
    y = auto(Tensor(x.data, requires_grad=True), w, b)
    assert type(y.function).__name__ == "Winograd2d" and y.function.m == int(layer[-1])


@pytest.mark.parametrize("outlier", OUTLIERS)
@pytest.mark.parametrize("where", ["x", "weight", "dE/dy"])
@pytest.mark.parametrize(("layer", "row"), [("2x2, m = 3", 0), ("3x3, m = 2", 1)])
@pytest.mark.filterwarnings("ignore:.*encountered in")
def test_an_outlier_gives_what_im2col_gives(layer, row, where, outlier):
    x, w, b, dy = a_layer(*LAYERS[layer])
    hit = {"x": x, "weight": w, "dE/dy": dy}[where]
    hit[0, 5, row, 1] = outlier
    y, gradients = run(auto, x, w, b, cotangent=dy)
    expected, wanted = run(lambda *xs: conv2d(*xs, padding=1, algorithm="im2col"), x, w, b, cotangent=dy)
    rms = np.sqrt((expected**2).mean(dtype=float))
    bound = 2e-5 * rms if where == "dE/dy" else 0  # y itself was computed by Winograd's algorithm
    np.testing.assert_allclose(y, expected, rtol=0, atol=bound)
    for ours, theirs in zip(gradients, wanted, strict=True):
        np.testing.assert_array_equal(ours, theirs)  # infinities and NaN at the same places too


BOUNDS = {"2x2, m = 3": 2e-5, "3x3, m = 2": 2e-5, "3x3, m = 4": 2e-4}


@pytest.mark.parametrize("layer", BOUNDS)
@pytest.mark.parametrize("times", [1.0, 0.95 * LARGEST])
def test_below_the_limit_errors_stay_below_the_docstrings_bounds(layer, times):
    for place in (6, 8):  # rows that do not count in the mean, and that do
        x, w, b, dy = a_layer(*LAYERS[layer])
        x[0, 5, place, place] = times * np.abs(x).mean()
        dy[0, 7, place, place] = times * np.abs(dy).mean()
        y, (dx, dw, db) = run(auto, x, w, b, cotangent=dy)
        exact = run(by("im2col", None, 1, 1), *(a.astype(np.float64) for a in (x, w, b)), cotangent=dy.astype(float))
        for ours, theirs in ((y, exact[0]), (dx, exact[1][0]), (db, exact[1][2])):
            assert np.abs(ours - theirs).max() < BOUNDS[layer] * np.sqrt((theirs**2).mean())
        assert np.abs(dw - exact[1][1]).max() < BOUNDS[layer] * np.abs(exact[1][1]).max()


def test_winograds_algorithm_by_name_is_never_replaced():
    x, w, b, _ = a_layer(2, 14)
    x[0, 0, 0, 0] = np.inf
    with np.errstate(all="ignore"):
        y = conv2d(Tensor(x, requires_grad=True), Tensor(w), Tensor(b), padding=1, algorithm="winograd")
    assert type(y.function).__name__ == "Winograd2d" and not np.isfinite(y.data[0, :, 2, 2]).any()


def test_winograds_algorithm_in_the_place_of_auto_is_never_replaced_either():
    x, w, b, _ = a_layer(2, 14)
    x[0, 0, 0, 0] = np.inf
    with using_algorithm("winograd"), np.errstate(all="ignore"):
        y = auto(Tensor(x, requires_grad=True), Tensor(w), Tensor(b))
    assert type(y.function).__name__ == "Winograd2d" and not y.function.careful


@pytest.mark.parametrize(("x", "even"), [
    (np.zeros((2, 8, 8, 3)), True), (np.zeros((0, 8, 8, 3)), True), (np.full((1, 4, 4, 1), -7.0), True),
    (np.eye(64).reshape(1, 64, 64, 1), True), (np.eye(128).reshape(1, 128, 128, 1), False),
    (np.ones((1, 12, 12, 1)) + 120 * np.eye(144)[77].reshape(1, 12, 12, 1), False),
    (np.ones((1, 12, 12, 1)) + 90 * np.eye(144)[77].reshape(1, 12, 12, 1), True),
    (np.full((1, 4, 4, 1), np.nan), False),
    (np.full((1, 4, 4, 1), 3e38, np.float32), False), (np.full((1, 4, 4, 1), -np.inf), False),
])  # fmt: skip
def test_even_is_what_its_formula_says(x, even):
    assert is_even(x) is even
