import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidelve.backend.threads
from minidelve import Tensor, conv2d
from minidelve.backend.threads import using
from minidelve.testing import check_gradients
from tests.ops.helpers import agree_with_torch, assert_close, empty_batch, layout_does_not_matter, raises, run, zeros

pytestmark = pytest.mark.usefixtures("kernels")

# x, weight, stride, padding
GEOMETRIES = [
    ((2, 3, 5, 6), (4, 3, 3, 3), 1, 0),
    ((2, 3, 5, 6), (4, 3, 3, 2), 1, 1),
    ((1, 2, 9, 7), (3, 2, 7, 7), 2, 3),
    ((2, 1, 7, 5), (2, 1, 2, 3), (3, 2), (0, 2)),
    ((2, 2, 4, 4), (3, 2, 1, 1), (1, 3), 0),
    ((3, 1, 1, 1), (1, 1, 1, 1), 1, 0),
    ((1, 2, 1, 2), (2, 2, 3, 4), 1, (2, 3)),  # more frame than map: windows that see zeros only
    ((2, 2, 3, 5), (2, 2, 3, 5), 1, 0),  # one output position
    ((1, 1, 6, 6), (1, 1, 2, 2), 4, 0),  # rows that no window reads
]


@pytest.fixture(params=GEOMETRIES, ids=str)
def problem(request, rng):
    """(conv2d with the options set, the options, x, weight, bias)."""
    x_shape, w_shape, stride, padding = request.param
    options = {"stride": stride, "padding": padding}
    arrays = [rng.standard_normal(shape) for shape in (x_shape, w_shape, w_shape[:1])]
    return lambda *xs: conv2d(*xs, **options), options, arrays


def by_definition(x, weight, bias, stride=(1, 1), padding=(0, 0)):
    """y[n, o, i, j] = b[o] + sum over c, u, v of weight[o, c, u, v] x[n, c, i s + u - p, j s + v - p]"""
    (N, C, H, W), (O, _, kh, kw), (sh, sw), (ph, pw) = x.shape, weight.shape, stride, padding
    y = np.zeros((N, O, (H + 2 * ph - kh) // sh + 1, (W + 2 * pw - kw) // sw + 1))
    for n, o, i, j in np.ndindex(y.shape):
        y[n, o, i, j] = bias[o]
        for c, u, v in np.ndindex(C, kh, kw):
            r, w = i * sh + u - ph, j * sw + v - pw
            if 0 <= r < H and 0 <= w < W:
                y[n, o, i, j] += weight[o, c, u, v] * x[n, c, r, w]
    return y


def test_gradients_are_the_differences(problem):
    f, _, (x, weight, bias) = problem
    check_gradients(f, x, weight, bias)
    check_gradients(f, x, weight)


def test_agrees_with_torch(problem):
    f, options, (x, weight, bias) = problem
    theirs = pytest.importorskip("torch").nn.functional.conv2d
    agree_with_torch(f, lambda *xs: theirs(*xs, **options), x, weight, bias)
    agree_with_torch(f, lambda *xs: theirs(*xs, **options), x, weight)


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@given(pairs, pairs, pairs, st.tuples(st.integers(0, 3), st.integers(0, 3)), pairs, st.integers(0, 99))
def test_any_geometry_is_the_definition_and_its_derivative(kernel, more, stride, padding, channels, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, channels[0], kernel[0] + more[0] - 1, kernel[1] + more[1] - 1))
    weight, bias = rng.standard_normal((channels[1], channels[0], *kernel)), rng.standard_normal(channels[1])
    y, _ = run(lambda *xs: conv2d(*xs, stride, padding), x, weight, bias)
    assert_close(y, by_definition(x, weight, bias, stride, padding))
    check_gradients(lambda *xs: conv2d(*xs, stride, padding), x[:1], weight, bias)


def test_strides_and_dtype_do_not_matter(rng):
    arrays = rng.standard_normal((2, 3, 5, 4)), rng.standard_normal((4, 3, 3, 2)), rng.standard_normal(4)
    layout_does_not_matter(lambda *xs: conv2d(*xs, stride=(2, 1), padding=1), *arrays)


def test_correlates_without_flipping_the_kernel():
    x, weight = np.zeros((1, 1, 3, 3)), np.arange(4.0).reshape(1, 1, 2, 2)
    x[0, 0, 0, 0] = 1
    assert conv2d(Tensor(x), Tensor(weight)).data.tolist() == [[[[0, 0], [0, 0]]]]
    x[0, 0, 0, 0], x[0, 0, 0, 1] = 0, 1
    assert conv2d(Tensor(x), Tensor(weight)).data.tolist() == [[[[1, 0], [0, 0]]]]


@pytest.mark.parametrize("images_at_a_time", [1, 2, 3, 99])
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_images_at_a_time_and_threads_do_not_matter(images_at_a_time, threads, rng, monkeypatch):
    arrays = rng.standard_normal((5, 2, 4, 4)), rng.standard_normal((3, 2, 3, 3)), rng.standard_normal(3)
    monkeypatch.setattr(minidelve.backend.threads, "thread_count", lambda: 1)
    y, gradients = run(conv2d, *arrays)
    monkeypatch.setattr(minidelve.backend.threads, "thread_count", lambda: threads)
    one_image = 2 * 2 * 2 * 9 * 8  # bytes of its cols: OH OW K itemsize
    monkeypatch.setattr("minidelve.ops.conv.im2col.COLS_BYTES", images_at_a_time * one_image)
    y_parts, gradients_parts = run(conv2d, *arrays)
    assert_close(y_parts, y)
    for part, whole in zip(gradients_parts, gradients, strict=True):
        assert_close(part, whole)


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_each_gradient_comes_alone_too(wanted, rng):
    arrays = rng.standard_normal((2, 2, 4, 4)), rng.standard_normal((3, 2, 3, 3)), rng.standard_normal(3)
    _, expected = run(conv2d, *arrays, cotangent=np.ones((2, 3, 2, 2)))
    inputs = [Tensor(x, requires_grad=i == wanted) for i, x in enumerate(arrays)]
    conv2d(*inputs).backward(np.ones((2, 3, 2, 2)))
    assert [x.grad is not None for x in inputs] == [i == wanted for i in range(3)]
    assert_close(inputs[wanted].grad, expected[wanted])


def test_empty_batch():
    parameters = np.ones((4, 3, 3, 3)), np.ones(4)
    empty_batch(lambda *xs: conv2d(*xs, 2, 1), (3, 5, 5), (4, 3, 3), *parameters)


def test_wrong_shapes_and_options_are_named():
    x, w = zeros(2, 3, 5, 5), zeros(4, 3, 2, 2)
    raises(ValueError, lambda: conv2d(zeros(3, 5, 5), w), "conv2d", "(3, 5, 5)", "(4, 3, 2, 2)")
    raises(ValueError, lambda: conv2d(x, zeros(4, 12)), "(2, 3, 5, 5)", "(4, 12)")
    raises(ValueError, lambda: conv2d(x, zeros(4, 5, 2, 2)), "(2, 3, 5, 5)", "(4, 5, 2, 2)")
    raises(ValueError, lambda: conv2d(x, zeros(0, 3, 2, 2)), "(0, 3, 2, 2)")
    raises(ValueError, lambda: conv2d(x, w, zeros(3)), "(3,)", "(4,)")
    raises(ValueError, lambda: conv2d(x, w, zeros(4, 1)), "(4, 1)", "(4,)")
    raises(ValueError, lambda: conv2d(x, zeros(4, 3, 6, 2)), "(6, 2)", "(5, 5)")
    raises(ValueError, lambda: conv2d(x, zeros(4, 3, 9, 9), padding=1), "(9, 9)", "(1, 1)")
    for stride in (0, -1, (1, 0), (1, 1, 1), (1,), 1.5, None, "2"):
        raises(ValueError, lambda stride=stride: conv2d(x, w, stride=stride), "stride", repr(stride))
    for padding in (-1, (0, -1), 0.5, None):
        raises(ValueError, lambda padding=padding: conv2d(x, w, padding=padding), "padding", repr(padding))


def test_the_matrix_of_receptive_fields_is_there_for_a_few_images_at_a_time(rng):
    x = Tensor(rng.standard_normal((64, 32, 16, 16)).astype(np.float32))
    w = Tensor(rng.standard_normal((4, 32, 3, 3)).astype(np.float32))
    tracemalloc.start()
    with using(1):
        conv2d(x, w, None, 1, 1, "im2col")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x.data.nbytes + 4 * (1 << 20)  # x channels last and cols; all cols would be 9 times x


def test_whole_numbers_take_im2col(rng):
    x, w = Tensor(rng.integers(0, 9, (5, 2, 4, 4))), Tensor(rng.integers(0, 9, (3, 2, 2, 2)))
    expected = conv2d(Tensor(x.data.astype(float)), Tensor(w.data.astype(float))).data
    np.testing.assert_array_equal(conv2d(x, w).data, expected)
    for algorithm in "direct", "winograd":
        with pytest.raises(ValueError, match=f"the {algorithm} algorithm computes float32 and float64; got int64"):
            conv2d(x, w, algorithm=algorithm)
