"""conv2d with an activation is conv2d and then the activation, in half of the memory."""

import numpy as np
import pytest

from minidelve import Tensor, conv2d, leaky_relu, nn, no_grad, prelu, relu
from minidelve.nn.chain import run_chain
from minidelve.ops.conv import conv2d_simple
from minidelve.ops.conv.activation import LEAST, look_at
from minidelve.tensor import reverse_topological_order
from minidelve.testing import check_gradients
from tests.helpers import assert_close, run
from tests.ops.conv.algorithms import NAMES, by, images_at_a_time, leaves, normal

pytestmark = pytest.mark.usefixtures("kernels")
each_algorithm = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def arrays(rng):
    """x, weight, bias: of several pieces a share, the last one not full, if a piece holds few images."""
    return normal(rng, (7, 3, 6, 5), (16, 3, 3, 3), (16,))


@pytest.fixture(params=["whole", "pieces"])
def pieces(request, monkeypatch):
    """Once with all images in a piece, once with two at most."""
    if request.param == "pieces":
        images_at_a_time(monkeypatch, 2)


@pytest.mark.parametrize("slope", [None, 1, 16, 0.0, 0.01, 1.5])
@each_algorithm
def test_value_and_gradients_are_those_of_the_two_ops(arrays, rng, pieces, name, slope):
    """A float is a fixed slope; a whole number is how many slopes are learned; None is no activation."""
    learned = [rng.uniform(0.1, 2, slope)] if type(slope) is int else []

    def apart(x, w, b, a=None):
        y = conv2d_simple(x, w, b, 1, 1)
        return prelu(y, a) if learned else y if slope is None else leaky_relu(y, slope)

    y, gradients = run(lambda x, w, b, a=slope: by(name, None, 1, 1)(x, w, b, a), *arrays, *learned)
    expected, others = run(apart, *arrays, *learned)
    for one, other in zip([y, *gradients], [expected, *others], strict=True):
        assert_close(one, other)
    assert (y.min() >= 0) == (slope == 0 and not learned)


@each_algorithm
def test_gradients_are_the_differences(rng, name):
    arrays = normal(rng, (3, 2, 4, 5), (3, 2, 3, 3), (3,))
    for a in rng.uniform(0.1, 2, 3), rng.uniform(0.1, 2, 1):
        check_gradients(by(name, None, 1, 1), *arrays, a)
    check_gradients(lambda x, w: by(name, None, 1, 1)(x, w, None, 0.3), *arrays[:2])


@pytest.mark.parametrize(
    "a", [[0.5, 0.0], [0.5, -0.25], [0.5, LEAST / 2], [0.5, 1e-30], [0.5, 1e30], [np.nan, 0.5], [-1.0]]
)
def test_a_slope_that_hides_y_takes_the_op_of_its_own(rng, a):
    x, w, b = map(Tensor, normal(rng, (2, 1, 5, 5), (2, 1, 2, 2), (2,)))
    y = conv2d(x, w, b, 2, 1, activation=Tensor(np.array(a), requires_grad=True))
    assert type(y.function).__name__ == "PReLU"
    np.testing.assert_array_equal(y.data, prelu(conv2d(x, w, b, 2, 1), Tensor(np.array(a))).data)
    y = conv2d(x, Tensor(w.data, requires_grad=True), activation=-0.5)
    assert type(y.function).__name__ == "LeakyReLU"
    np.testing.assert_array_equal(y.data, leaky_relu(conv2d(x, w), -0.5).data)


def test_the_op_of_its_own_follows_the_algorithm_that_was_asked_for(rng):
    y = conv2d(*leaves(*normal(rng, (2, 1, 4, 4), (2, 1, 2, 2))), None, 1, 0, "winograd", Tensor([-0.5]))
    assert [type(function).__name__ for function in (y.function, y.function.sources[0])] == ["PReLU", "Winograd2d"]


def test_gradients_are_right_where_a_slope_is_zero_or_negative(rng):
    arrays = normal(rng, (2, 2, 4, 3), (3, 2, 2, 2))
    check_gradients(lambda x, w, a: conv2d(x, w, activation=a), *arrays, np.array([0.25, 0.0, -0.5]))


@each_algorithm
def test_from_the_least_slope_on_f_keeps_y(rng, name):
    x, w = map(Tensor, normal(rng, (2, 1, 4, 4), (2, 1, 2, 2), dtype=np.float32))
    slopes = [Tensor(np.array([2.0**-10, 0.5], np.float32), requires_grad=True) for _ in range(2)]
    y = by(name)(x, w, None, slopes[0])
    assert type(y.function).__name__ != "PReLU"
    for f in y, prelu(by(name)(x, w), slopes[1]):
        f.backward(np.ones(f.shape))
    np.testing.assert_allclose(slopes[0].grad, slopes[1].grad, rtol=1e-5)


def test_the_dtype_is_that_of_the_two_ops(rng):
    x, w = map(Tensor, normal(rng, (2, 1, 4, 4), (2, 1, 2, 2), dtype=np.float32))
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
    y = run_chain([first, activation, activation, nn.MaxPool2d(2), activation, last], x)
    expected = last(op(nn.MaxPool2d(2)(op(op(first(x))))))
    np.testing.assert_allclose(y.data, expected.data, rtol=1e-6)
    names = [type(node).__name__ for node in reverse_topological_order(y.node)]
    assert sum(name in ("PReLU", "LeakyReLU") for name in names) == 2  # the second one, and that behind the pool


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
    np.testing.assert_array_equal(run_chain([conv], x).data, conv(x).data)
    plain = nn.Conv2d(2, 3, 2, rng=rng)
    np.testing.assert_array_equal(run_chain([plain, Shifted()], x).data, (relu(plain(x)) + 1).data)


def test_a_look_finds_of_each_layer_what_conv2d_would_find(rng):
    learned = [Tensor(np.array(a)) for a in ([0.5, 0.25], [0.5, 0.0], [2.0**-10], [2.0**10], [2.0**11], [np.nan])]
    found = look_at([None, *learned, 0.0, 0.3, -0.5])
    assert (
        found[0] is None and [f.a for f in found[1:7]] == learned and [f.slope for f in found[7:]] == [0.0, 0.3, -0.5]
    )
    assert [f.tells_y for f in found[1:]] == [True, False, True, True, False, False, True, True, False]
    x, w, b = map(Tensor, normal(rng, (2, 1, 4, 4), (2, 1, 2, 2), (2,)))
    for rectifier, activation in zip(found[1:], [*learned, 0.0, 0.3, -0.5], strict=True):
        f, expected = (conv2d(x, w, b, activation=z) for z in (rectifier, activation))
        np.testing.assert_array_equal(f.data, expected.data)


@each_algorithm
def test_an_empty_batch_passes(arrays, name):
    inputs = leaves(np.zeros((0, 3, 6, 5)), *arrays[1:], np.full(16, 0.25))
    y = by(name, None, 1, 1)(*inputs)
    y.backward(np.zeros(y.shape))
    assert y.shape == (0, 16, 6, 5) and not inputs[3].grad.any() and not inputs[1].grad.any()


@pytest.mark.parametrize("activation", ["prelu", [0.25], np.ones(3)])
def test_what_is_no_activation_is_named(arrays, activation):
    kind = type(activation).__name__
    with pytest.raises(TypeError, match=f"conv2d: activation is a {kind}; expected PReLU's slopes as a Tensor"):
        conv2d(*map(Tensor, arrays), activation=activation)


def test_slopes_of_a_wrong_shape_are_named(arrays):
    x, w, b = map(Tensor, arrays)
    with pytest.raises(ValueError, match=r"conv2d: activation has slopes of shape \(3,\); expected \(1,\) or \(16,\)"):
        conv2d(x, w, b, activation=Tensor([0.1, 0.2, 0.3]))
