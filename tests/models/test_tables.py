"""Every network against a list of its layers written out by hand from the paper's Tables 1 and 3."""

from typing import NamedTuple

import numpy as np
import pytest

from minidelve import Tensor, models, nn, no_grad, ops
from minidelve.analysis.summary import summarize
from minidelve.models import small14


class Stage(NamedTuple):
    """Conv layers alike but for the side of the map that comes out of each."""

    kernel: int
    channels: int
    sides: list[int]


class Pool(NamedTuple):
    """A pooling layer whose stride is its kernel."""

    kernel: int
    side: int


def small(channels, pool1, sides, thirds: int = 3) -> list[Stage | Pool]:
    """Table 1 and its relatives; `sides` of conv1, pool1, pool2. A pair of 2x2 layers loses a pixel and regains it."""
    (a, b, c), (first, second, third) = channels, sides
    return [Stage(7, a, [first]), Pool(pool1, second), Stage(2, b, [second - 1, second] * 2),
            Pool(2, third), Stage(2, c, [third - 1, third] * thirds)]  # fmt: skip


def large(*channels, layers: int) -> list[Stage | Pool]:
    """A, B and C of Table 3."""
    rows: list[Stage | Pool] = [Stage(7, 96, [112])]
    for c, side in zip(channels, (56, 28, 14), strict=True):
        rows += [Pool(2, side), Stage(3, c, [side] * layers)]
    return rows


VGG19 = [
    Stage(3, 64, [224] * 2), Pool(2, 112), Stage(3, 128, [112] * 2), Pool(2, 56), Stage(3, 256, [56] * 4),
    Pool(2, 28), Stage(3, 512, [28] * 4), Pool(2, 14), Stage(3, 512, [14] * 4),
]  # fmt: skip
SMALL14, LAB14 = (64, 128, 256), (32, 64, 128)
# name, side of the image: (layers up to the pyramid, its levels)
NETWORKS = {
    ("small14", 224): (small(SMALL14, 3, (112, 37, 18)), (6, 3, 2, 1)),
    ("small14", 64): (small(SMALL14, 3, (32, 10, 5)), (6, 3, 2, 1)),
    ("small14", 56): (small(SMALL14, 3, (28, 9, 4)), (6, 3, 2, 1)),
    ("lab14", 224): (small(LAB14, 2, (112, 56, 28)), (3, 2, 1)),
    ("lab14", 64): (small(LAB14, 2, (32, 16, 8)), (3, 2, 1)),
    ("lab14", 56): (small(LAB14, 2, (28, 14, 7)), (3, 2, 1)),
    ("small30", 224): (small(SMALL14, 3, (112, 37, 18), thirds=11), (6, 3, 2, 1)),
    ("vgg19", 224): (VGG19, (7,)),
    ("model_a", 224): (large(256, 512, 512, layers=5), (7, 3, 2, 1)),
    ("model_b", 224): (large(256, 512, 512, layers=6), (7, 3, 2, 1)),
    ("model_c", 224): (large(384, 768, 896, layers=6), (7, 3, 2, 1)),
}
# As the notes on the paper derive them: (multiply-adds / 1e10, weights and biases / 1e6, slopes), 1000 classes.
COUNTS = {
    "vgg19": (1.963, 143.667, 64 * 2 + 128 * 2 + 256 * 4 + 512 * 8 + 8192),
    "model_a": (1.906, 178.0, 14_688), "model_b": (2.322, 183.3, 15_968), "model_c": (5.346, 330.6, 20_576),
}  # fmt: skip
DEPTH = {"small14": 14, "lab14": 14, "small30": 30, "vgg19": 19, "model_a": 19, "model_b": 22, "model_c": 22}
DEPTHS = list(DEPTH)


def units(name: str) -> int:
    return 512 if name == "lab14" else 4096


def by_hand(name: str, size: int) -> list[tuple[str, tuple[int, ...]]]:
    """(layer, shape of what comes out) in order: an activation after all but the last, dropout after fc1 and fc2."""
    rows, levels = NETWORKS[name, size]
    found: list[tuple[str, tuple[int, ...]]] = []
    stage, channels = 0, 3
    for row in rows:
        if isinstance(row, Pool):
            found.append((f"pool{stage}", (channels, row.side, row.side)))
            continue
        stage, channels = stage + 1, row.channels
        for i, side in enumerate(row.sides, 1):
            layer = f"conv{stage}" + (f"_{i}" if len(row.sides) > 1 else "")
            found += [(layer, (channels, side, side)), (f"{layer}_act", (channels, side, side))]
    found.append(("spp", (channels * sum(n * n for n in levels),)))
    for fc in ("fc1", "fc2"):
        found += [(fc + part, (units(name),)) for part in ("", "_act", "_drop")]
    return [*found, ("fc3", (1000,))]


def unfilled(name: str, **options) -> models.Network:
    return models.create(name, 1000, init=models.UNFILLED, **options)


@pytest.mark.parametrize(("name", "size"), NETWORKS)
def test_every_layer_is_the_papers(name, size):
    rows, levels = NETWORKS[name, size]
    net = unfilled(name)
    assert [(line.name, line.shape) for line in summarize(net, size)] == by_hand(name, size)
    kernels = [row.kernel for row in rows if isinstance(row, Stage) for _ in row.sides]
    convs = [layer for layer in net if isinstance(layer, nn.Conv2d)]
    assert [layer.weight.shape[2:] for layer in convs] == [(k, k) for k in kernels]
    assert {(k, layer.stride) for k, layer in zip(kernels, convs, strict=True)} <= {
        (7, (2, 2)), (2, (1, 1)), (3, (1, 1))
    }  # fmt: skip
    pools = [layer for layer in net if isinstance(layer, nn.MaxPool2d)]
    found = [(pool.kernel_size, pool.stride, pool.padding) for pool in pools]
    assert found == [((row.kernel,) * 2, (row.kernel,) * 2, 0) for row in rows if isinstance(row, Pool)]
    assert net.spp.levels == levels and net.fc1_drop.p == net.fc2_drop.p == 0.5
    assert len(kernels) + 3 == DEPTH[name]


@pytest.mark.parametrize("name", DEPTHS)
def test_parameters_and_multiply_adds_are_those_counted_by_hand(name):
    rows, levels = NETWORKS[name, 224]
    operations = weights = slopes = 0
    c = 3
    for row in rows:
        for side in row.sides if isinstance(row, Stage) else ():
            operations += row.kernel**2 * c * row.channels * side * side
            weights += row.kernel**2 * c * row.channels + row.channels
            slopes, c = slopes + row.channels, row.channels
    fc = [c * sum(n * n for n in levels), units(name), units(name), 1000]
    for n, d in zip(fc, fc[1:], strict=False):
        operations, weights = operations + n * d, weights + n * d + d
    layers = summarize(unfilled(name), 224)
    found = tuple(sum(getattr(a, what) for a in layers) for what in ("multiply_adds", "weights", "slopes"))
    assert found == (operations, weights, slopes + 2 * units(name))
    if name in COUNTS:
        operations, weights, slopes = COUNTS[name]
        assert round(found[0] / 1e10, 3) == operations and found[2] == slopes
        assert found[1] / 1e6 == pytest.approx(weights, abs=0.05 if weights > 150 else 0.0005)


def test_small14_needs_as_much_as_he_and_sun_say_if_maps_are_36_and_18():
    layers = [a for a in summarize(unfilled("small14"), 224) if a.kind == "Conv2d"]
    ours = sum(a.multiply_adds for a in layers)
    theirs = sum(a.multiply_adds // a.shape[1] ** 2 * {1: 112, 2: 36, 3: 18}[int(a.name[4])] ** 2 for a in layers)
    assert round(theirs / 1e9, 2) == 0.88 and ours == 869_056_512
    assert f"{ours:,}" in small14.__doc__


@pytest.mark.parametrize(("activation", "slopes"), [("prelu", 10_304), ("prelu-shared", 13), ("relu", 0)])
def test_small14_has_10304_slopes_or_13(activation, slopes):
    net = unfilled("small14", activation=activation)
    assert sum(line.slopes for line in summarize(net, 224)) == slopes
    weights = {name: p.size for name, p in net.named_parameters() if name.endswith(".weight")}
    assert round(sum(n for name, n in weights.items() if name.startswith("conv")) / 1e6, 2) == 1.68
    assert round(sum(n for name, n in weights.items() if name.startswith("fc")) / 1e6, 1) == 73.3


def narrow(name: str, **options) -> models.Network:
    return models.create(name, 5, **{"width": 0.02, "fc": 6, "seed": 1, **options})


@pytest.mark.parametrize("name", DEPTHS)
@pytest.mark.parametrize("size", [32, 45, 64])
def test_an_image_of_any_size_goes_through_with_the_shapes_of_summary(name, size):
    net = narrow(name).eval()
    x = Tensor(np.random.default_rng(0).standard_normal((2, 3, size, size - 1)).astype(np.float32))
    with no_grad():
        assert net(x).shape == (2, 5)
        x = Tensor(x.data[:, :, :, : size - 1].repeat(2, axis=3)[..., :size])
        for line, layer in zip(summarize(net, size), net, strict=True):
            x = layer(x)
            assert x.shape[1:] == line.shape, line.name


@pytest.mark.parametrize("name", DEPTHS)
@pytest.mark.parametrize("activation", ["prelu", "relu"])
def test_a_gradient_reaches_every_parameter(name, activation, rng):
    net = narrow(name, activation=activation, width=0.05, fc=32)
    # Each image has a colour of its own: of white noise pool1 would keep hardly any negative number for conv1_act.a.
    x = rng.standard_normal((8, 3, 32, 32)) + 3 * rng.standard_normal((8, 3, 1, 1))
    ops.cross_entropy(net(Tensor(x.astype(np.float32))), np.arange(8) % 5).backward()
    for parameter, p in net.named_parameters():
        assert p.grad is not None and np.isfinite(p.grad).all() and np.abs(p.grad).max() > 0, parameter


def test_7_bins_over_14_pixels_are_vgg19s_fifth_pooling(rng):
    """2x2 windows of stride 2, then flattened in the order (channel, row, column)."""
    net = narrow("vgg19")
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


@pytest.mark.parametrize("name", DEPTHS)
@pytest.mark.parametrize("init", models.INITS)
@pytest.mark.parametrize(
    ("activation", "slope"), [("prelu", 0.25), ("prelu-shared", 0.25), ("relu", 0.0), ("lrelu", 0.6)]
)
def test_every_weight_has_the_std_of_its_initialization(name, init, activation, slope):
    """Section 2.2's fixed ones, in lab14 shares of He's, hold in the fully connected layers with every init."""
    chosen = {"slope": slope} if activation == "lrelu" else {}
    net = narrow(name, init=init, activation=activation, width=0.125, fc=100, **chosen)
    fixed = {"fc1": 0.01, "fc2": 0.01, "fc3": 0.001}
    shares = {"fc1": 0.8, "fc2": 0.45, "fc3": 0.045}
    for layer, module in net.named_children():
        if isinstance(module, nn.Conv2d | nn.Linear):
            w = module.weight.data
            expected = STD[init](w[0].size, w[:, 0].size, slope)
            if isinstance(module, nn.Linear):
                he = STD["he"](w[0].size, None, slope)
                expected = shares[layer] * he if name == "lab14" else fixed[layer]
            assert w.std() == pytest.approx(expected, rel=4 / np.sqrt(2 * w.size)), layer
            assert abs(w.mean()) < 5 * expected / np.sqrt(w.size) and not module.bias.data.any(), layer
