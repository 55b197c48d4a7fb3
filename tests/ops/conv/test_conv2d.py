"""conv2d's arguments, and the twin that the algorithms are compared with."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidelve import Tensor, conv2d
from minidelve.ops.conv import conv2d_simple
from minidelve.testing import check_gradients
from tests.helpers import agree_with_torch, assert_close, raises, zeros
from tests.ops.conv.algorithms import NAMES, SHAPES, by, normal


def by_definition(x, weight, bias, stride, padding):
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


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@given(pairs, pairs, pairs, st.tuples(st.integers(0, 3), st.integers(0, 3)), pairs, st.integers(0, 99))
def test_the_twin_is_the_definition_and_its_derivative(kernel, more, stride, padding, channels, seed):
    size = [k + n - 1 for k, n in zip(kernel, more, strict=True)]
    shapes = (2, channels[0], *size), (channels[1], channels[0], *kernel), (channels[1],)
    x, weight, bias = normal(np.random.default_rng(seed), *shapes)
    twin = lambda *xs: conv2d_simple(*xs, stride=stride, padding=padding)  # noqa: E731
    assert_close(twin(*map(Tensor, (x, weight, bias))).data, by_definition(x, weight, bias, stride, padding))
    check_gradients(twin, x[:1], weight, bias)
    check_gradients(twin, x[:1], weight)


@pytest.mark.parametrize(("x", "weight", "stride", "padding"), SHAPES, ids=str)
def test_conv2d_and_the_twin_agree_with_torch(x, weight, stride, padding, rng):
    options = {"stride": stride, "padding": padding}
    theirs = pytest.importorskip("torch").nn.functional.conv2d
    arrays = normal(rng, x, weight, weight[:1])
    for ours in conv2d, conv2d_simple:
        for inputs in arrays, arrays[:2]:
            agree_with_torch(lambda *xs: ours(*xs, **options), lambda *xs: theirs(*xs, **options), *inputs)  # noqa: B023


@pytest.mark.parametrize("convolve", [*map(by, NAMES), conv2d, conv2d_simple])
def test_correlates_without_flipping_the_kernel(convolve):
    x, weight = np.zeros((1, 1, 3, 3)), np.arange(4.0).reshape(1, 1, 2, 2)
    x[0, 0, 0, 0] = 1
    np.testing.assert_allclose(convolve(Tensor(x), Tensor(weight)).data, [[[[0, 0], [0, 0]]]], atol=1e-12)
    x[0, 0, 0, 0], x[0, 0, 0, 1] = 0, 1
    np.testing.assert_allclose(convolve(Tensor(x), Tensor(weight)).data, [[[[1, 0], [0, 0]]]], atol=1e-12)


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


def test_what_an_algorithm_cannot_do_is_named():
    x, w = zeros(1, 2, 6, 6), zeros(2, 2, 3, 3)

    def refused(*named, w=w, **options):
        raises(ValueError, lambda: conv2d(x, w, **options), *named)

    refused("(3, 3)", "padding below", "use algorithm='auto'", padding=3, algorithm="direct")
    refused("(3, 0)", "padding below", padding=(3, 0), algorithm="direct")
    refused("(0, 3)", "padding below", padding=(0, 3), algorithm="direct")
    refused("stride 1", "(2, 2)", "use algorithm='auto'", stride=2, algorithm="winograd")
    refused("2x2 or 3x3", "(2, 3)", w=zeros(2, 2, 2, 3), algorithm="winograd")
    refused("2x2 or 3x3", "(5, 5)", w=zeros(2, 2, 5, 5), algorithm="winograd")
    refused("'fft'", "'winograd'", algorithm="fft")


@pytest.mark.parametrize("algorithm", ["auto", "im2col", "direct", "winograd"])
def test_whole_numbers_are_convolved_in_float32(algorithm, rng):
    x, w = Tensor(rng.integers(0, 9, (5, 2, 4, 4))), Tensor(rng.integers(0, 9, (3, 2, 2, 2)))
    expected = conv2d(Tensor(x.data.astype(float)), Tensor(w.data.astype(float))).data
    assert_close(conv2d(x, w, algorithm=algorithm).data, expected.astype(np.float32))
