from fractions import Fraction

import numpy as np
import pytest

import minidelve.backend.threads
from minidelve import Tensor, conv2d
from minidelve.ops.conv import winograd
from minidelve.ops.conv.winograd import Winograd2d, tile_size
from minidelve.ops.conv.winograd_matrices import exact_matrices
from minidelve.testing import check_gradients
from tests.ops.helpers import agree_with_torch, assert_close, empty_batch, layout_does_not_matter, raises, run, zeros

pytestmark = pytest.mark.usefixtures("kernels")

ALL = [(m, k) for k, ms in winograd.SIDES.items() for m in ms]
# x, weight, padding
GEOMETRIES = [
    ((2, 3, 6, 5), (4, 3, 2, 2), 0),
    ((1, 2, 4, 7), (3, 2, 2, 2), 1),
    ((2, 2, 5, 4), (2, 2, 3, 3), 1),
    ((1, 3, 6, 3), (2, 3, 3, 3), 0),
    ((1, 1, 2, 2), (1, 1, 2, 2), 0),  # one output
    ((2, 1, 3, 1), (2, 1, 3, 3), (0, 1)),
    ((1, 2, 2, 3), (2, 2, 2, 2), (3, 2)),  # tiles that see the frame only
]


def by_winograd(m, padding):
    padding = padding if isinstance(padding, tuple) else (padding, padding)
    return lambda x, weight, bias=None: Winograd2d.apply(x, weight, bias, None, stride=(1, 1), padding=padding, m=m, slope=None)


@pytest.fixture(params=GEOMETRIES, ids=str)
def problem(request, rng):
    """(x, weight, bias), padding"""
    x_shape, w_shape, padding = request.param
    return [rng.standard_normal(shape) for shape in (x_shape, w_shape, w_shape[:1])], padding


@pytest.mark.parametrize(("m", "k"), [*ALL, (5, 2), (3, 3), (5, 3)])
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
    assert [row[winograd.ONE] for row in AT] == [1] * m  # the bias relies on it


def test_is_im2col_and_its_gradients_are_the_differences(problem):
    arrays, padding = problem
    expected, gradients = run(lambda *xs: conv2d(*xs, 1, padding, "im2col"), *arrays)
    for m in winograd.SIDES[arrays[1].shape[2]]:
        y, own = run(by_winograd(m, padding), *arrays)
        assert_close(y, expected)
        for gradient, other in zip(own, gradients, strict=True):
            assert_close(gradient, other)
    check_gradients(lambda *xs: conv2d(*xs, 1, padding, "winograd"), *arrays)
    check_gradients(lambda *xs: conv2d(*xs, padding=padding, algorithm="winograd"), *arrays[:2])


def test_agrees_with_torch(problem):
    theirs = pytest.importorskip("torch").nn.functional.conv2d
    (x, weight, bias), padding = problem
    for m in winograd.SIDES[weight.shape[2]]:
        agree_with_torch(by_winograd(m, padding), lambda *xs: theirs(*xs, padding=padding), x, weight, bias)


@pytest.mark.parametrize(("m", "k"), ALL)
def test_float32_is_as_exact_as_the_docstring_says(m, k, rng):
    arrays = [rng.standard_normal(shape) for shape in ((2, 64, 9, 9), (64, 64, k, k), (64,))]
    exact, gradients = run(lambda *xs: conv2d(*xs, 1, 1, "im2col"), *arrays)
    y, own = run(by_winograd(m, 1), *(x.astype(np.float32) for x in arrays), cotangent=None)
    bound = 2e-6 if m < 4 else 2e-5
    assert y.dtype == np.float32
    assert np.abs(y - exact).max() < bound * np.abs(exact).max()
    # the cotangent is the same numbers rounded
    for gradient, other in zip(own, gradients, strict=True):
        assert np.abs(gradient - other).max() < bound * np.abs(other).max()


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("room", [1, 1 << 12, 1 << 30])
def test_images_at_a_time_and_threads_do_not_matter(threads, room, rng, monkeypatch):
    arrays = [rng.standard_normal(shape) for shape in ((5, 2, 5, 5), (3, 2, 2, 2), (3,))]
    expected, gradients = run(conv2d, *arrays)
    monkeypatch.setattr(minidelve.backend.threads, "thread_count", lambda: threads)
    monkeypatch.setattr(winograd, "TILE_BYTES", room)
    y, own = run(lambda *xs: conv2d(*xs, algorithm="winograd"), *arrays)
    assert_close(y, expected)
    for gradient, other in zip(own, gradients, strict=True):
        assert_close(gradient, other)


def test_strides_and_dtype_do_not_matter(rng):
    arrays = rng.standard_normal((2, 3, 5, 4)), rng.standard_normal((4, 3, 2, 2)), rng.standard_normal(4)
    layout_does_not_matter(lambda *xs: conv2d(*xs, padding=1, algorithm="winograd"), *arrays)


def test_a_mixture_of_dtypes_is_computed_in_the_wider_one(rng):
    x, weight = rng.standard_normal((1, 2, 5, 5)).astype(np.float32), rng.standard_normal((2, 2, 2, 2))
    y, (dx, dw) = run(lambda *xs: conv2d(*xs, algorithm="winograd"), x, weight)
    assert_close(y, conv2d(Tensor(x), Tensor(weight)).data)
    assert y.dtype == dw.dtype == np.float64 and dx.dtype == np.float32


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_each_gradient_comes_alone_too(wanted, rng):
    arrays = rng.standard_normal((2, 2, 4, 4)), rng.standard_normal((3, 2, 2, 2)), rng.standard_normal(3)
    _, expected = run(conv2d, *arrays, cotangent=np.ones((2, 3, 3, 3)))
    inputs = [Tensor(x, requires_grad=i == wanted) for i, x in enumerate(arrays)]
    conv2d(*inputs, algorithm="winograd").backward(np.ones((2, 3, 3, 3)))
    assert [x.grad is not None for x in inputs] == [i == wanted for i in range(3)]
    assert_close(inputs[wanted].grad, expected[wanted])


def test_empty_batch():
    f = lambda *xs: conv2d(*xs, padding=1, algorithm="winograd")  # noqa: E731
    empty_batch(f, (3, 5, 5), (4, 5, 5), np.ones((4, 3, 3, 3)), np.ones(4))


def algorithm(channels, k, size, dtype=np.float32, stride=1, padding=0, image=False, images=1):
    x = Tensor(np.zeros((images, channels, size, size), dtype), not image)
    w = Tensor(np.zeros((64, channels, k, k), dtype), True)
    return type(conv2d(x, w, stride=stride, padding=padding).function).__name__


def test_auto_takes_it_for_wide_layers_in_float32_only():
    assert algorithm(64, 2, 37) == algorithm(64, 3, 16) == "Winograd2d"
    assert algorithm(64, 2, 37, np.float64) == algorithm(32, 2, 37) == algorithm(64, 3, 16, np.float64) == "Direct2d"
    assert algorithm(64, 5, 14) == algorithm(64, 1, 14) == "Direct2d"
    assert algorithm(64, 2, 2) == "Direct2d"  # one output: sixteen multiplications instead of four


def test_auto_takes_im2col_where_the_others_are_slower_or_impossible():
    assert algorithm(3, 7, 20, stride=2, padding=3) == algorithm(3, 3, 20, padding=3) == "Conv2d"
    assert algorithm(3, 7, 20, stride=2, padding=3, image=True) == "Direct2d"  # no one wants its gradient
    assert algorithm(2000, 3, 7, np.float64) == "Conv2d"  # many weights for few pixels


def test_the_choice_does_not_depend_on_the_batch():
    assert {algorithm(64, 3, 14, images=n) for n in (1, 40)} == {"Winograd2d"}


def test_the_tile_fits_the_map():
    assert tile_size((6, 6), 2) == 3
    assert tile_size((56, 56), 3) == 4
    assert tile_size((14, 14), 3) == 2  # model_a: reading U costs more than multiplying


def test_what_it_cannot_do_is_named():
    x, w = zeros(1, 2, 6, 6), zeros(2, 2, 3, 3)
    raises(ValueError, lambda: conv2d(x, w, stride=2, algorithm="winograd"), "stride 1", "(2, 2)")
    raises(ValueError, lambda: conv2d(x, zeros(2, 2, 2, 3), algorithm="winograd"), "2x2 or 3x3", "(2, 3)")
    raises(ValueError, lambda: conv2d(x, zeros(2, 2, 5, 5), algorithm="winograd"), "(5, 5)")
    raises(ValueError, lambda: conv2d(x, w, algorithm="fft"), "'fft'", "'winograd'")
