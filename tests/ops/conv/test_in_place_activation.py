"""conv2d with an activation is conv2d and then the activation, in half of the memory."""

import sys

import numpy as np
import pytest

from minidelve import Tensor, conv2d, leaky_relu, nn, no_grad, prelu, relu
from minidelve.nn.chain import run_chain
from minidelve.ops.conv.activation import LEAST
from minidelve.tensor import reverse_topological_order
from minidelve.testing import check_gradients
from tests.ops.helpers import assert_close, run

pytestmark = pytest.mark.usefixtures("kernels")

ALGORITHMS = ["im2col", "direct", "winograd"]


@pytest.fixture
def arrays(rng):
    """x, weight, bias: of several pieces a share, the last one not full, if a piece holds few images."""
    return [rng.standard_normal(shape) for shape in ((7, 3, 6, 5), (16, 3, 3, 3), (16,))]


@pytest.fixture(params=["whole", "pieces"])
def pieces(request, monkeypatch):
    """Once with all images in a piece, once with two at most."""
    if request.param == "pieces":
        monkeypatch.setattr("minidelve.ops.conv.direct.PIECE_BYTES", 2 * 6 * 5 * 16 * 8)
        monkeypatch.setattr(sys.modules["minidelve.ops.conv.im2col"], "COLS_BYTES", 2 * 6 * 5 * 27 * 8)
        monkeypatch.setattr("minidelve.ops.conv.winograd.TILE_BYTES", 1)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("slopes", [1, 16])
def test_learned_slopes_are_prelu_s(arrays, rng, pieces, algorithm, slopes):
    a = rng.uniform(0.1, 2, slopes)
    y, gradients = run(lambda x, w, b, a: conv2d(x, w, b, 1, 1, algorithm, a), *arrays, a)
    expected, others = run(lambda x, w, b, a: prelu(conv2d(x, w, b, 1, 1, algorithm), a), *arrays, a)
    assert_close(y, expected)
    assert len(gradients) == 4
    for gradient, other in zip(gradients, others, strict=True):
        assert_close(gradient, other)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("slope", [0.0, 0.01, 1.5])
def test_a_fixed_slope_is_leaky_relu_s(arrays, pieces, algorithm, slope):
    y, gradients = run(lambda x, w, b: conv2d(x, w, b, 1, 1, algorithm, slope), *arrays)
    expected, others = run(lambda x, w, b: leaky_relu(conv2d(x, w, b, 1, 1, algorithm), slope), *arrays)
    assert_close(y, expected)
    for gradient, other in zip(gradients, others, strict=True):
        assert_close(gradient, other)
    assert (y.min() >= 0) == (slope == 0)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_gradients_are_the_differences(rng, algorithm):
    arrays = [rng.standard_normal(shape) for shape in ((3, 2, 4, 5), (3, 2, 3, 3), (3,))]
    for a in rng.uniform(0.1, 2, 3), rng.uniform(0.1, 2, 1):
        check_gradients(lambda x, w, b, a: conv2d(x, w, b, 1, 1, algorithm, a), *arrays, a)
    check_gradients(lambda x, w: conv2d(x, w, None, 1, 1, algorithm, 0.3), *arrays[:2])


@pytest.mark.parametrize(
    "a", [[0.5, 0.0], [0.5, -0.25], [0.5, LEAST / 2], [0.5, 1e-30], [0.5, 1e30], [np.nan, 0.5], [-1.0]]
)
def test_a_slope_that_hides_y_takes_the_op_of_its_own(rng, a):
    x, w = Tensor(rng.standard_normal((2, 1, 4, 4))), Tensor(rng.standard_normal((2, 1, 2, 2)))
    y = conv2d(x, w, activation=Tensor(np.array(a), requires_grad=True))
    assert type(y.function).__name__ == "PReLU"
    np.testing.assert_array_equal(y.data, prelu(conv2d(x, w), Tensor(np.array(a))).data)
    assert type(conv2d(x, Tensor(w.data, requires_grad=True), activation=-0.5).function).__name__ == "LeakyReLU"


def test_gradients_pass_the_differences_also_where_a_slope_is_zero_or_negative(rng):
    arrays = [rng.standard_normal(shape) for shape in ((2, 2, 4, 3), (3, 2, 2, 2))]
    check_gradients(lambda x, w, a: conv2d(x, w, activation=a), *arrays, np.array([0.25, 0.0, -0.5]))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_from_the_least_slope_on_f_keeps_y(rng, algorithm):
    x, w = (Tensor(rng.standard_normal(shape).astype(np.float32)) for shape in ((2, 1, 4, 4), (2, 1, 2, 2)))
    slopes = [Tensor(np.array([2.0**-10, 0.5], np.float32), requires_grad=True) for _ in range(2)]
    y = conv2d(x, w, algorithm=algorithm, activation=slopes[0])
    assert type(y.function).__name__ != "PReLU"
    for f in y, prelu(conv2d(x, w, algorithm=algorithm), slopes[1]):
        f.backward(np.ones(f.shape))
    np.testing.assert_allclose(slopes[0].grad, slopes[1].grad, rtol=1e-5)


def test_the_dtype_is_that_of_the_two_ops(rng):
    x, w = (Tensor(rng.standard_normal(shape).astype(np.float32)) for shape in ((2, 1, 4, 4), (2, 1, 2, 2)))
    assert conv2d(x, w, activation=Tensor(np.array([0.5]))).dtype == np.float64
    x, w = Tensor(x.data.astype(np.float64)), Tensor(w.data.astype(np.float64))
    y = conv2d(x, w, activation=Tensor(np.array([0.5], np.float32), requires_grad=True))
    assert y.dtype == np.float64 and type(y.function).__name__ != "PReLU"


def test_only_the_result_is_kept(rng):
    """y is not: what backward needs is the array that the next layer reads anyway."""
    x = rng.standard_normal((2, 3, 8, 8)).astype(np.float32)
    layer, act = nn.Conv2d(3, 16, 3, rng=rng), nn.PReLU(16)
    f = run_chain([layer, act], Tensor(x))
    kept = [
        array for node in reverse_topological_order(f.node) for array in getattr(node, "saved", ()) if array is not None
    ]
    large = [array for array in kept if array.size >= f.size]
    assert len(large) == 1 and np.shares_memory(large[0], f.data)
    with no_grad():
        np.testing.assert_array_equal(run_chain([layer, act], Tensor(x)).data, f.data)


@pytest.mark.parametrize(
    ("activation", "op"),
    [
        (nn.PReLU(5), lambda y: prelu(y, Tensor([0.25]))),
        (nn.ReLU(), relu),
        (nn.LeakyReLU(0.2), lambda y: leaky_relu(y, 0.2)),
    ],
)
def test_layers_in_a_chain_are_the_ops_one_after_the_other(rng, activation, op):
    x = Tensor(rng.standard_normal((2, 3, 6, 6)).astype(np.float32))
    first, last = nn.Conv2d(3, 5, 2, rng=rng), nn.Conv2d(5, 2, 2, rng=rng)
    y = run_chain([first, activation, nn.MaxPool2d(2), activation, last], x)
    expected = last(op(nn.MaxPool2d(2)(op(first(x)))))
    np.testing.assert_allclose(y.data, expected.data, rtol=1e-6)
    names = [type(node).__name__ for node in reverse_topological_order(y.node)]
    assert sum(name in ("PReLU", "LeakyReLU") for name in names) == 1  # behind the pool


def test_a_layer_of_the_user_s_gets_a_call_of_its_own(rng):
    class Doubled(nn.Conv2d):
        def forward(self, x):
            return super().forward(x) * 2

    class Shifted(nn.ReLU):
        def forward(self, y):
            return super().forward(y) + 1

    x = Tensor(rng.standard_normal((1, 2, 4, 4)).astype(np.float32))
    conv = Doubled(2, 3, 2, rng=rng)
    np.testing.assert_array_equal(run_chain([conv, nn.ReLU()], x).data, relu(conv(x)).data)
    plain = nn.Conv2d(2, 3, 2, rng=rng)
    np.testing.assert_array_equal(run_chain([plain, Shifted()], x).data, (relu(plain(x)) + 1).data)


def test_an_empty_batch_passes(arrays):
    _, w, b = arrays
    for algorithm in ALGORITHMS:
        leaves = [Tensor(z, requires_grad=True) for z in (np.zeros((0, 3, 6, 5)), w, b, np.full(16, 0.25))]
        y = conv2d(*leaves[:3], 1, 1, algorithm, leaves[3])
        y.backward(np.zeros(y.shape))
        assert y.shape == (0, 16, 6, 5) and not leaves[3].grad.any() and not leaves[1].grad.any()


@pytest.mark.parametrize("activation", ["prelu", [0.25], np.ones(3)])
def test_what_is_no_activation_is_named(arrays, activation):
    kind = type(activation).__name__
    with pytest.raises(TypeError, match=f"conv2d: activation is a {kind}; expected PReLU's slopes as a Tensor"):
        conv2d(*map(Tensor, arrays), activation=activation)


def test_slopes_of_a_wrong_shape_are_named(arrays):
    x, w, b = map(Tensor, arrays)
    with pytest.raises(ValueError, match=r"conv2d: activation has slopes of shape \(3,\); expected \(1,\) or \(16,\)"):
        conv2d(x, w, b, activation=Tensor([0.1, 0.2, 0.3]))
