"""The networks of Table 3, and small30, against a list of layers written out by hand."""

import numpy as np
import pytest

from minidelve import Tensor, models, nn, no_grad, ops
from minidelve.analysis.summary import summarize
from minidelve.models import small14

# name: for an image of 224 pixels, every conv layer as (kernel, channels, side of its output),
#       the bins of the pyramid, and the paper's counts as our notes on it derive them:
#       (conv + fc multiply-adds / 1e10, weights and biases / 1e6, PReLU slopes)
NETWORKS = {
    "small30": (
        [(7, 64, 112)] + [(2, 128, 36), (2, 128, 37)] * 2 + [(2, 256, 17), (2, 256, 18)] * 11,
        36 + 9 + 4 + 1,
        None,
    ),
    "vgg19": (
        [(3, 64, 224)] * 2 + [(3, 128, 112)] * 2 + [(3, 256, 56)] * 4 + [(3, 512, 28)] * 4 + [(3, 512, 14)] * 4,
        49,
        (1.963, 143.667, 64 * 2 + 128 * 2 + 256 * 4 + 512 * 8 + 8192),
    ),
    "model_a": (
        [(7, 96, 112)] + [(3, 256, 56)] * 5 + [(3, 512, 28)] * 5 + [(3, 512, 14)] * 5,
        49 + 9 + 4 + 1,
        (1.906, 178.0, 14_688),
    ),
    "model_b": (
        [(7, 96, 112)] + [(3, 256, 56)] * 6 + [(3, 512, 28)] * 6 + [(3, 512, 14)] * 6,
        49 + 9 + 4 + 1,
        (2.322, 183.3, 15_968),
    ),
    "model_c": (
        [(7, 96, 112)] + [(3, 384, 56)] * 6 + [(3, 768, 28)] * 6 + [(3, 896, 14)] * 6,
        49 + 9 + 4 + 1,
        (5.346, 330.6, 20_576),
    ),
}
DEPTH = {"small30": 30, "vgg19": 19, "model_a": 19, "model_b": 22, "model_c": 22}


@pytest.fixture(scope="module", params=NETWORKS)
def name(request):
    return request.param


def counted(name: str) -> tuple[int, int, int]:
    """(multiply-adds, weights and biases, slopes) of the list above, with 4096, 4096 and 1000 units on top."""
    convs, bins, _ = NETWORKS[name]
    inputs = [3] + [channels for _, channels, _ in convs]
    operations = weights = slopes = 0
    for c, (k, d, side) in zip(inputs, convs, strict=False):
        operations += k * k * c * d * side * side
        weights += k * k * c * d + d
        slopes += d
    for c, d in ((convs[-1][1] * bins, 4096), (4096, 4096), (4096, 1000)):
        operations += c * d
        weights += c * d + d
    return operations, weights, slopes + 2 * 4096


def test_every_layer_has_the_kernel_channels_and_map_of_the_paper(name):
    convs, bins, _ = NETWORKS[name]
    net = models.create(name, 1000, init=models.UNFILLED)
    lines = {line.name: line for line in summarize(net, 224)}
    found = [
        (layer.weight.shape[2:], layer.weight.shape[0], lines[n].shape[1:])
        for n, layer in net.children() if isinstance(layer, nn.Conv2d)
    ]  # fmt: skip
    assert found == [((k, k), d, (side, side)) for k, d, side in convs]
    assert lines["spp"].shape == (convs[-1][1] * bins,)
    assert [lines[f"fc{i}"].shape for i in (1, 2, 3)] == [(4096,), (4096,), (1000,)]
    assert len(convs) + 3 == DEPTH[name]
    assert net.fc1_drop.p == net.fc2_drop.p == 0.5


def test_parameters_and_multiply_adds_are_those_counted_by_hand(name):
    layers = summarize(models.create(name, 1000, init=models.UNFILLED), 224)
    found = tuple(sum(getattr(a, what) for a in layers) for what in ("multiply_adds", "weights", "slopes"))
    assert found == counted(name)
    if NETWORKS[name][2]:
        operations, weights, slopes = NETWORKS[name][2]
        assert round(found[0] / 1e10, 3) == operations and found[2] == slopes
        assert found[1] / 1e6 == pytest.approx(weights, abs=0.05 if weights > 150 else 0.0005)


def test_small14_needs_as_much_as_he_and_sun_say_if_all_maps_are_36_and_18():
    layers = [a for a in summarize(models.create("small14", 2, init=models.UNFILLED), 224) if a.kind == "Conv2d"]
    ours = sum(a.multiply_adds for a in layers)
    theirs = sum(a.multiply_adds // a.shape[1] ** 2 * {1: 112, 2: 36, 3: 18}[int(a.name[4])] ** 2 for a in layers)
    assert round(theirs / 1e9, 2) == 0.88 and ours == 869_056_512
    assert f"{ours:,}" in small14.__doc__


def test_small14_has_10304_slopes_or_13():
    for activation, slopes in (("prelu", 10_304), ("prelu-shared", 13), ("relu", 0)):
        net = models.create("small14", 1000, activation, models.UNFILLED)
        assert sum(line.slopes for line in summarize(net, 224)) == slopes


def small(name: str, **options) -> models.Network:
    return models.create(name, 5, **{"width": 0.02, "fc": 6, "seed": 1, **options})


@pytest.mark.parametrize("size", [32, 45, 64])
def test_an_image_of_any_size_goes_through_with_the_shapes_that_summary_says(name, size):
    net = small(name).eval()
    x = Tensor(np.random.default_rng(0).standard_normal((2, 3, size, size - 1)).astype(np.float32))
    with no_grad():
        assert net(x).shape == (2, 5)
        x = Tensor(x.data[:, :, :, : size - 1].repeat(2, axis=3)[..., :size])
        for line, layer in zip(summarize(net, size), net, strict=True):
            x = layer(x)
            assert x.shape[1:] == line.shape, line.name


@pytest.mark.parametrize("activation", ["prelu", "relu"])
def test_a_gradient_reaches_every_parameter(name, activation, rng):
    net = small(name, activation=activation, width=0.05, fc=32)
    # Each image has a colour of its own: of white noise pool1 would keep hardly any negative number for conv1_act.a.
    x = rng.standard_normal((8, 3, 32, 32)) + 3 * rng.standard_normal((8, 3, 1, 1))
    ops.cross_entropy(net(Tensor(x.astype(np.float32))), np.arange(8) % 5).backward()
    for parameter, p in net.named_parameters():
        assert p.grad is not None and np.isfinite(p.grad).all() and np.abs(p.grad).max() > 0, parameter


def test_7_bins_over_14_pixels_are_vgg19s_fifth_pooling(rng):
    """2x2 windows of stride 2, then flattened in the order (channel, row, column)."""
    net = small("vgg19")
    x = rng.standard_normal((2, 10, 14, 14))
    pooled = x.reshape(2, 10, 7, 2, 7, 2).max(axis=(3, 5))
    np.testing.assert_array_equal(net.spp(Tensor(x)).data, pooled.reshape(2, 10 * 7 * 7))


# -- initialization ----------------------------------------------------------------------------------

STD = {
    "he": lambda n, nhat, a: np.sqrt(2 / ((1 + a * a) * n)),
    "he-backward": lambda n, nhat, a: np.sqrt(2 / ((1 + a * a) * nhat)),
    "xavier": lambda n, nhat, a: np.sqrt(1 / n),
    "gaussian": lambda n, nhat, a: 0.01,
}


@pytest.mark.parametrize("init", models.INITS)
@pytest.mark.parametrize(("activation", "slope"), [("prelu", 0.25), ("relu", 0.0), ("lrelu", 0.6)])
def test_the_std_of_every_layer_is_that_of_the_initialization(name, init, activation, slope):
    chosen = {"slope": slope} if activation == "lrelu" else {}
    net = small(name, init=init, activation=activation, width=0.125, fc=100, **chosen)
    fixed = {"fc1": 0.01, "fc2": 0.01, "fc3": 0.001}
    for layer, module in net.children():
        if isinstance(module, nn.Conv2d | nn.Linear):
            w = module.weight.data
            expected = fixed.get(layer) or STD[init](w[0].size, w[:, 0].size, slope)
            assert w.std() == pytest.approx(expected, rel=4 / np.sqrt(2 * w.size)), layer
            assert not module.bias.data.any()
