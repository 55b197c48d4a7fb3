"""Each algorithm computes what the composed twin does, and so do its gradients: algorithm x shape x dtype x kernels."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidelve import Tensor, conv2d
from minidelve.backend.threads import using
from minidelve.ops.conv import conv2d_simple
from tests.helpers import assert_close, empty_batch, layout_does_not_matter, run
from tests.ops.conv.algorithms import GRID, NAMES, able, by, images_at_a_time, normal

pytestmark = pytest.mark.usefixtures("kernels")
each_algorithm = pytest.mark.parametrize("name", NAMES)


def assert_is_the_twin(f, twin, *arrays):
    """The same value and the same gradients to rounding, and of the arrays' dtype; and both without a bias too."""
    for inputs in arrays, arrays[:2]:
        y, gradients = run(f, *inputs)
        expected, others = run(twin, *(x.astype(np.float64) for x in inputs), cotangent=cotangent(y))
        for one, other in zip([y, *gradients], [expected, *others], strict=True):
            error = 1e-10 if y.dtype == np.float64 else 2e-5 * max(1, np.abs(other).max())  # of sums of large terms
            np.testing.assert_allclose(one, other.astype(y.dtype), rtol=1e-10, atol=error, strict=True)


def cotangent(y):
    """The one that `run` draws, in float64."""
    return np.random.default_rng(7).standard_normal(y.shape).astype(y.dtype).astype(np.float64)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("name", "m", "x", "weight", "stride", "padding"), GRID, ids=str)
def test_value_and_gradients_are_the_twin_s(name, m, x, weight, stride, padding, dtype, rng):
    arrays = normal(rng, x, weight, weight[:1], dtype=dtype)
    twin = lambda *xs: conv2d_simple(*xs, stride=stride, padding=padding)  # noqa: E731
    assert_is_the_twin(by(name, m, stride, padding), twin, *arrays)


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@given(pairs, pairs, pairs, st.tuples(st.integers(0, 3), st.integers(0, 3)), pairs, st.integers(0, 99))
def test_any_geometry_gives_the_twin_s_value_and_gradients(kernel, more, stride, padding, channels, seed):
    size = [k + n - 1 for k, n in zip(kernel, more, strict=True)]
    shapes = (2, channels[0], *size), (channels[1], channels[0], *kernel), (channels[1],)
    arrays = normal(np.random.default_rng(seed), *shapes)
    twin = lambda *xs: conv2d_simple(*xs, stride=stride, padding=padding)  # noqa: E731
    for name, m in able(kernel, stride, padding):
        assert_is_the_twin(by(name, m, stride, padding), twin, *arrays)


@pytest.mark.parametrize("images", [1, 2, 99])
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@each_algorithm
def test_images_at_a_time_and_threads_do_not_matter(name, threads, images, rng, monkeypatch, threads_are):
    arrays = normal(rng, (5, 2, 4, 4), (3, 2, 3, 3), (3,))
    threads_are(threads)
    images_at_a_time(monkeypatch, images)
    assert_is_the_twin(by(name), conv2d_simple, *arrays)


@each_algorithm
def test_strides_and_dtype_do_not_matter(name, rng):
    layout_does_not_matter(by(name, padding=1), *normal(rng, (2, 3, 5, 4), (4, 3, 2, 2), (4,)))


def test_strides_and_dtype_do_not_matter_to_a_strided_window(rng):
    for name in "im2col", "direct":
        layout_does_not_matter(by(name, None, (2, 1), 1), *normal(rng, (2, 3, 5, 4), (4, 3, 3, 2), (4,)))


@each_algorithm
def test_a_mixture_of_dtypes_is_computed_in_the_wider_one(name, rng):
    for dtypes in np.ndindex(2, 2, 2):
        arrays = normal(rng, (1, 2, 5, 5), (2, 2, 2, 2), (2,))
        arrays = [x.astype((np.float32, np.float64)[d]) for x, d in zip(arrays, dtypes, strict=True)]
        y, gradients = run(by(name), *arrays)
        assert y.dtype == (np.float64 if 1 in dtypes else np.float32)
        assert [d.dtype for d in gradients] == [x.dtype for x in arrays]
        expected, others = run(conv2d_simple, *(x.astype(np.float64) for x in arrays), cotangent=cotangent(y))
        tolerance = 1e-10 if dtypes == (1, 1, 1) else 2e-5
        for one, other in zip([y, *gradients], [expected, *others], strict=True):
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("wanted", [0, 1, 2])
@each_algorithm
def test_each_gradient_comes_alone_too(name, wanted, rng):
    arrays = normal(rng, (2, 2, 4, 4), (3, 2, 2, 2), (3,))
    _, expected = run(conv2d_simple, *arrays, cotangent=np.ones((2, 3, 3, 3)))
    inputs = [Tensor(x, requires_grad=i == wanted) for i, x in enumerate(arrays)]
    y = by(name)(*inputs)
    assert [d is not None for d in y.function.backward(np.ones(y.shape))[:3]] == [i == wanted for i in range(3)]
    y.backward(np.ones(y.shape))
    assert [x.grad is not None for x in inputs] == [i == wanted for i in range(3)]
    assert_close(inputs[wanted].grad, expected[wanted])


@each_algorithm
def test_empty_batch(name):
    empty_batch(by(name, padding=1), (3, 5, 5), (4, 5, 5), np.ones((4, 3, 3, 3)), np.ones(4))


EXACTNESS = [
    # algorithm, m, k, channels in and out, error in float32 beside the largest number (winograd.py's docstring)
    *(("im2col", None, 2, C, O, 2e-6) for C, O in ((3, 32), (64, 64), (65, 130))),
    *(("direct", None, 2, C, O, 2e-6) for C, O in ((3, 32), (64, 64), (65, 130))),
    ("winograd", 3, 2, 64, 64, 2e-6),
    ("winograd", 2, 3, 64, 64, 2e-6),
    ("winograd", 4, 3, 64, 64, 2e-5),
]


@pytest.mark.parametrize(("name", "m", "k", "C", "O", "bound"), EXACTNESS)
def test_float32_is_as_exact_as_the_docstrings_say(name, m, k, C, O, bound, rng):
    arrays = normal(rng, (9 if m is None else 2, C, 9, 9), (O, C, k, k), (O,))
    exact, gradients = run(lambda *xs: conv2d(*xs, 1, 1, "im2col"), *arrays)
    y, own = run(by(name, m, 1, 1), *(x.astype(np.float32) for x in arrays))  # with the cotangent's numbers rounded
    assert y.dtype == np.float32
    for result, other in zip((y, *own), (exact, *gradients), strict=True):
        assert np.abs(result - other).max() < bound * np.abs(other).max()


@pytest.mark.parametrize(("name", "room"), [("im2col", 4 << 20), ("direct", 12 << 20), ("winograd", 24 << 20)])
def test_what_is_computed_on_the_way_is_there_for_a_few_images(name, room, rng):
    """All cols would take 75 MB, and all tiles V and M 57 MB."""
    x, w = normal(rng, (256, 32, 16, 16), (64, 32, 3, 3), dtype=np.float32)
    convolve = by(name, 4 if name == "winograd" else None, 1, 1)
    with using(1):
        convolve(Tensor(x[:1]), Tensor(w))  # compiles
        tracemalloc.start()
        y = convolve(Tensor(x), Tensor(w))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x.nbytes + y.data.nbytes + room  # x channels last, y, and the pieces
