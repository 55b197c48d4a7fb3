import numpy as np
import pytest

import minidelve.backend.threads
from minidelve import Tensor, conv2d
from minidelve.ops.conv.direct import Direct2d
from minidelve.testing import check_gradients
from tests.ops.helpers import agree_with_torch, assert_close, empty_batch, layout_does_not_matter, raises, run, zeros

pytestmark = pytest.mark.usefixtures("kernels")

# x, weight, stride, padding
GEOMETRIES = [
    ((2, 3, 6, 5), (4, 3, 2, 2), (1, 1), (0, 0)),
    ((3, 2, 4, 7), (3, 2, 2, 3), (1, 1), (1, 2)),
    ((1, 17, 5, 4), (18, 17, 3, 3), (1, 1), (2, 1)),
    ((2, 3, 9, 8), (2, 3, 3, 2), (2, 3), (1, 0)),  # rows at the bottom and columns at the right that no window meets
    ((2, 1, 7, 7), (2, 1, 3, 3), (2, 2), (2, 2)),
    ((1, 1, 1, 1), (1, 1, 1, 1), (1, 1), (0, 0)),
    ((2, 2, 5, 4), (3, 2, 1, 1), (2, 2), (0, 0)),
]


def directly(stride, padding):
    options = {"stride": stride, "padding": padding, "slope": None}
    return lambda x, weight, bias=None: Direct2d.apply(x, weight, bias, None, **options)


@pytest.fixture(params=GEOMETRIES, ids=str)
def problem(request, rng):
    """(x, weight, bias), stride, padding"""
    x_shape, w_shape, stride, padding = request.param
    return [rng.standard_normal(shape) for shape in (x_shape, w_shape, w_shape[:1])], stride, padding


def test_is_im2col_and_its_gradients_are_the_differences(problem):
    arrays, stride, padding = problem
    expected, gradients = run(lambda *xs: conv2d(*xs, stride, padding, "im2col"), *arrays)
    y, own = run(directly(stride, padding), *arrays)
    assert_close(y, expected)
    for gradient, other in zip(own, gradients, strict=True):
        assert_close(gradient, other)
    if arrays[0].size < 200:
        check_gradients(lambda *xs: conv2d(*xs, stride, padding, "direct"), *arrays)
        check_gradients(lambda *xs: conv2d(*xs, stride=stride, padding=padding, algorithm="direct"), *arrays[:2])


def test_agrees_with_torch(problem):
    theirs = pytest.importorskip("torch").nn.functional.conv2d
    (x, weight, bias), stride, padding = problem
    agree_with_torch(
        directly(stride, padding), lambda *xs: theirs(*xs, stride=stride, padding=padding), x, weight, bias
    )


@pytest.mark.parametrize("channels", [(3, 32), (64, 64), (65, 130)])
def test_float32_is_as_exact_as_im2col(channels, rng):
    C, O = channels
    arrays = [rng.standard_normal(shape) for shape in ((9, C, 9, 9), (O, C, 2, 2), (O,))]
    exact, gradients = run(lambda *xs: conv2d(*xs, 1, 1, "im2col"), *arrays)
    y, own = run(directly((1, 1), (1, 1)), *(x.astype(np.float32) for x in arrays), cotangent=None)
    assert y.dtype == np.float32
    for result, other in zip((y, *own), (exact, *gradients), strict=True):
        assert np.abs(result - other).max() < 2e-6 * np.abs(other).max()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_do_not_matter(threads, rng, monkeypatch):
    arrays = [rng.standard_normal(shape) for shape in ((5, 2, 5, 5), (3, 2, 2, 2), (3,))]
    expected, gradients = run(lambda *xs: conv2d(*xs, algorithm="im2col"), *arrays)
    monkeypatch.setattr(minidelve.backend.threads, "thread_count", lambda: threads)
    y, own = run(lambda *xs: conv2d(*xs, algorithm="direct"), *arrays)
    assert_close(y, expected)
    for gradient, other in zip(own, gradients, strict=True):
        assert_close(gradient, other)


def test_strides_and_dtype_do_not_matter(rng):
    arrays = rng.standard_normal((2, 3, 5, 4)), rng.standard_normal((4, 3, 2, 2)), rng.standard_normal(4)
    layout_does_not_matter(lambda *xs: conv2d(*xs, padding=1, algorithm="direct"), *arrays)


def test_a_mixture_of_dtypes_is_computed_in_the_wider_one(rng):
    x, weight = rng.standard_normal((1, 2, 5, 5)).astype(np.float32), rng.standard_normal((2, 2, 2, 2))
    bias = np.ones(2, np.float32)
    y, (dx, dw, db) = run(lambda *xs: conv2d(*xs, algorithm="direct"), x, weight, bias)
    assert_close(y, conv2d(Tensor(x), Tensor(weight), Tensor(bias), algorithm="im2col").data)
    assert y.dtype == dw.dtype == np.float64 and dx.dtype == db.dtype == np.float32


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_each_gradient_comes_alone_too(wanted, rng):
    arrays = rng.standard_normal((2, 2, 4, 4)), rng.standard_normal((3, 2, 2, 2)), rng.standard_normal(3)
    _, expected = run(lambda *xs: conv2d(*xs, algorithm="im2col"), *arrays, cotangent=np.ones((2, 3, 3, 3)))
    inputs = [Tensor(x, requires_grad=i == wanted) for i, x in enumerate(arrays)]
    conv2d(*inputs, algorithm="direct").backward(np.ones((2, 3, 3, 3)))
    assert [x.grad is not None for x in inputs] == [i == wanted for i in range(3)]
    assert_close(inputs[wanted].grad, expected[wanted])


def test_empty_batch():
    f = lambda *xs: conv2d(*xs, padding=1, algorithm="direct")  # noqa: E731
    empty_batch(f, (3, 5, 5), (4, 5, 5), np.ones((4, 3, 3, 3)), np.ones(4))


def test_more_padding_than_kernel_is_named():
    x, w = zeros(1, 2, 6, 6), zeros(2, 2, 3, 3)
    raises(ValueError, lambda: conv2d(x, w, padding=3, algorithm="direct"), "(3, 3)", "algorithm='auto'")
