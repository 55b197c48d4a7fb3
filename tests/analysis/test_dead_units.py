"""Which units are dead, counted another way, and how much of the gradient they let through."""

import numpy as np
import pytest

from minidelve import Tensor, models, nn
from minidelve.analysis.dead_units import NotFinite, dead_units, gradient_factor


def images(rng, count=5):
    return rng.standard_normal((count, 3, 24, 24)).astype(np.float32)


@pytest.mark.parametrize("activation", ["relu", "lrelu", "prelu", "prelu-shared"])
@pytest.mark.parametrize("cores", [1, 2])
def test_a_unit_is_dead_if_no_position_of_any_image_is_above_0(activation, cores, threads_are, rng):
    """Counted from the layers run one by one, with biases that leave some units alive in a few places only."""
    threads_are(cores)
    net = models.create("lab14", 3, activation, width=0.25, fc=16).eval()
    for name, p in net.named_parameters():
        if name.endswith(".bias"):
            p.data[...] = -np.abs(rng.normal(2, 1, p.shape))
    x = images(rng, 12)
    expected, y = {}, Tensor(x)
    for name, layer in net.named_children():
        y = layer(y)
        if hasattr(net, f"{name}_act"):
            units = y.data.swapaxes(0, 1).reshape(y.shape[1], -1)
            expected[name] = units.max(axis=1) <= 0
    found = dead_units(net, np.split(x, 3))
    assert list(found) == list(expected) and len(found) == 13
    for name, dead in expected.items():
        np.testing.assert_array_equal(found[name], dead, err_msg=name)
    assert 0 < sum(dead.sum() for dead in expected.values()) < sum(dead.size for dead in expected.values())
    assert any(0 < dead.sum() < dead.size for dead in expected.values())
    assert all(module.hook is None for module in net.modules())


def test_zero_counts_as_dead_and_the_last_image_can_bring_a_unit_to_life(rng):
    net = models.create("lab14", 3, "relu", width=0.0625, fc=2).eval()
    net.conv1.weight.data[...] = 0
    dark, bright = np.zeros((4, 3, 24, 24), np.float32), np.zeros((2, 3, 24, 24), np.float32)
    assert dead_units(net, [dark, bright])["conv1"].tolist() == [True, True]
    net.conv1.weight.data[1, 0, 3, 3] = 1.0
    bright[1, 0, 12, 12] = 1e-3  # one pixel of one image
    assert dead_units(net, [dark, bright])["conv1"].tolist() == [True, False]
    assert dead_units(net, [bright, dark])["conv1"].tolist() == [True, False]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_neither_dead_nor_alive(value, rng):
    net = models.create("lab14", 3, "relu", width=0.0625, fc=2).eval()
    net.conv2_3.bias.data[0] = value
    with pytest.raises(NotFinite, match="output of conv2_3 is not finite"):
        dead_units(net, [images(rng)])


@pytest.mark.parametrize(
    ("activation", "factor"),
    [(nn.ReLU(), 0.0), (nn.LeakyReLU(0.01), 0.01), (nn.PReLU(3), 0.25 / 2 + 0.5 / 2), (nn.PReLU(1, 0.1), 0.1)],
)
def test_always_negative_units_learn_by_the_factor_that_the_table_has(activation, factor, rng):
    """Beside the same layer without an activation, for which dE/dw = df x."""
    if isinstance(activation, nn.PReLU) and len(activation.a) == 3:
        activation.a.data[...] = [0.25, 9.0, -0.5]
    linear = nn.Linear(4, 3, rng=rng)
    linear.bias.data[...] = [-100, 100, -100]
    x, df = rng.standard_normal((6, 4)).astype(np.float32), rng.standard_normal((6, 3)).astype(np.float32)
    activation(linear(Tensor(x))).backward(df)
    with_activation = linear.weight.grad
    linear.weight.grad = None
    linear(Tensor(x)).backward(df)
    dead = np.array([True, False, True])
    passed = np.abs(with_activation / linear.weight.grad)[dead].mean()
    assert gradient_factor(activation, dead) == pytest.approx(factor) == pytest.approx(passed, rel=1e-5)
    assert gradient_factor(activation, np.zeros(3, bool)) is None
