"""Layers: their ops with their parameters and arguments; how parameters begin."""

import numpy as np
import pytest

import minidelve as md
from minidelve import Tensor, nn

X = np.random.default_rng(0).standard_normal((2, 4, 7, 6)).astype(np.float32)

LAYERS = [  # layer, the op it stands for
    (nn.Conv2d(4, 3, 3, 2, 1), lambda m, x: md.conv2d(x, m.weight, m.bias, stride=2, padding=1)),
    (nn.Conv2d(4, 3, (3, 2), (2, 1), (0, 1), bias=False), lambda m, x: md.conv2d(x, m.weight, None, (2, 1), (0, 1))),
    (nn.PReLU(4, init=0.1), lambda m, x: md.prelu(x, m.a)),
    (nn.PReLU(), lambda m, x: md.prelu(x, m.a)),
    (nn.ReLU(), lambda m, x: md.relu(x)),
    (nn.LeakyReLU(0.3), lambda m, x: md.leaky_relu(x, 0.3)),
    (nn.MaxPool2d(3, 2, 1, ceil_mode=True), lambda m, x: md.max_pool2d(x, 3, 2, 1, ceil_mode=True)),
    (nn.MaxPool2d(2), lambda m, x: md.max_pool2d(x, 2)),
    (nn.AvgPool2d((3, 2), padding=1), lambda m, x: md.avg_pool2d(x, (3, 2), padding=1)),
    (nn.SpatialPyramidPool2d([3, 1]), lambda m, x: md.spatial_pyramid_pool2d(x, (3, 1))),
    (nn.LocalResponseNorm(3, 0.1, 0.5, 2.0), lambda m, x: md.local_response_norm(x, 3, 0.1, 0.5, 2.0)),
    (nn.Flatten(), lambda m, x: md.flatten(x)),
]


@pytest.mark.parametrize(("layer", "op"), LAYERS, ids=[type(layer).__name__ for layer, _ in LAYERS])
def test_a_layer_is_its_op_with_its_arguments(layer, op):
    x = Tensor(X)
    np.testing.assert_array_equal(layer(x).data, op(layer, x).data)


def test_linear_is_its_op(rng):
    layer, x = nn.Linear(4, 3), Tensor(rng.standard_normal((2, 4)).astype(np.float32))
    layer.bias.data += 1
    np.testing.assert_allclose(layer(x).data, x.data @ layer.weight.data.T + 1, rtol=1e-5, atol=1e-6)


def test_dropout_is_its_op_with_its_rate_and_generator():
    layer, x = nn.Dropout(0.3, np.random.default_rng(1)), Tensor(X)
    assert layer.p == 0.3
    np.testing.assert_array_equal(layer(x).data, md.dropout(x, 0.3, True, np.random.default_rng(1)).data)
    assert layer.eval()(x) is x


@pytest.mark.parametrize("p", [-0.1, 1.0, float("nan")])
def test_a_dropout_rate_outside_0_1_raises(p):
    with pytest.raises(ValueError, match=f"Dropout: p is {p}; expected 0 <= p < 1"):
        nn.Dropout(p)


@pytest.mark.parametrize(("layer", "n"), [(nn.Conv2d(32, 64, 3), 288), (nn.Linear(400, 300), 400)])
def test_weights_begin_by_equation_10_and_biases_at_zero(layer, n):
    assert layer.weight.data.std() == pytest.approx((2 / n) ** 0.5, rel=0.02)
    assert np.all(layer.bias.data == 0) and layer.weight.dtype == layer.bias.dtype == np.float32


def test_a_generator_makes_weights_repeatable():
    first, second = (nn.Conv2d(3, 4, 2, rng=np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.weight.data, second.weight.data)


def test_slopes_begin_at_a_quarter_and_carry_no_weight_decay():
    assert nn.PReLU(3).a.data.tolist() == [0.25] * 3 and nn.PReLU().a.shape == (1,)
    assert not nn.PReLU().a.weight_decay
    conv = nn.Conv2d(1, 1, 1)
    assert conv.weight.weight_decay and conv.bias.weight_decay


def test_a_conv_weight_looks_oihw_and_lies_channels_last():
    weight = nn.Conv2d(3, 5, (2, 4)).weight
    assert weight.shape == (5, 3, 2, 4) and weight.data.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize(("make", "message"), [
    (lambda: nn.Conv2d(1, 1, 0), "Conv2d: kernel_size is 0"),
    (lambda: nn.Conv2d(1, 1, 2, stride=0), "Conv2d: stride is 0"),
    (lambda: nn.Conv2d(1, 1, 2, padding=-1), "Conv2d: padding is -1"),
    (lambda: nn.MaxPool2d(1.5), "MaxPool2d: kernel_size is 1.5"),
    (lambda: nn.AvgPool2d(2, (1, 0)), r"AvgPool2d: stride is \(1, 0\)"),
])  # fmt: skip
def test_a_wrong_geometry_names_layer_argument_and_value(make, message):
    with pytest.raises(ValueError, match=message + "; expected an integer"):
        make()
