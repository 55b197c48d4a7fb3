"""small14 and lab14, layer by layer, against the paper's Table 1 and our choice of padding."""

import numpy as np
import pytest

from minidelve import Tensor, models, no_grad


@pytest.fixture(scope="module")
def small14():
    return models.create("small14", num_classes=1000).eval()


@pytest.fixture(scope="module")
def lab14():
    return models.create("lab14", num_classes=20).eval()


def shapes(net, size: int) -> dict[str, tuple[int, ...]]:
    """Layer name -> output shape without the batch axis, for one image of size x size."""
    seen = {}
    x = Tensor(np.zeros((1, 3, size, size), np.float32))
    with no_grad():
        for name, layer in net.children():
            x = layer(x)
            seen[name] = x.shape[1:]
    return seen


CONV2, CONV3 = [f"conv2_{i}" for i in range(1, 5)], [f"conv3_{i}" for i in range(1, 7)]
CONVS = ["conv1", *CONV2, *CONV3]

# image size: (conv1, pool1, conv2_1..4, pool2, conv3_1..6), the side of each map
SMALL14_MAPS = {
    224: (112, 37, (36, 37, 36, 37), 18, (17, 18, 17, 18, 17, 18)),
    64: (32, 10, (9, 10, 9, 10), 5, (4, 5, 4, 5, 4, 5)),
    56: (28, 9, (8, 9, 8, 9), 4, (3, 4, 3, 4, 3, 4)),
}
LAB14_MAPS = {
    224: (112, 56, (55, 56, 55, 56), 28, (27, 28, 27, 28, 27, 28)),
    64: (32, 16, (15, 16, 15, 16), 8, (7, 8, 7, 8, 7, 8)),
    56: (28, 14, (13, 14, 13, 14), 7, (6, 7, 6, 7, 6, 7)),
}


def expected_shapes(maps, channels, bins: int, units: int, classes: int) -> dict[str, tuple[int, ...]]:
    """The table written out: every layer in order, an activation after all but the last."""
    conv1, pool1, stage2, pool2, stage3 = maps
    c1, c2, c3 = channels
    rows = [("conv1", (c1, conv1, conv1)), ("pool1", (c1, pool1, pool1))]
    rows += [(name, (c2, side, side)) for name, side in zip(CONV2, stage2, strict=True)]
    rows += [("pool2", (c2, pool2, pool2))]
    rows += [(name, (c3, side, side)) for name, side in zip(CONV3, stage3, strict=True)]
    rows += [("spp", (c3 * bins,)), ("fc1", (units,)), ("fc2", (units,)), ("fc3", (classes,))]
    table = {}
    for name, shape in rows:
        table[name] = shape
        if name.startswith("conv") or name in ("fc1", "fc2"):
            table[f"{name}_act"] = shape
        if name in ("fc1", "fc2"):
            table[f"{name}_drop"] = shape
    return table


@pytest.mark.parametrize("size", SMALL14_MAPS)
def test_small14_is_the_papers_table_1(small14, size):
    expected = expected_shapes(SMALL14_MAPS[size], (64, 128, 256), 50, 4096, 1000)
    assert list(shapes(small14, size).items()) == list(expected.items())


@pytest.mark.parametrize("size", LAB14_MAPS)
def test_lab14_is_the_same_fourteen_layers_for_small_images(lab14, size):
    expected = expected_shapes(LAB14_MAPS[size], (32, 64, 128), 14, 512, 20)
    assert list(shapes(lab14, size).items()) == list(expected.items())


def test_kernels_strides_and_pools_are_those_of_the_tables(small14, lab14):
    for net, pool1, levels in ((small14, 3, (6, 3, 2, 1)), (lab14, 2, (3, 2, 1))):
        assert net.conv1.weight.shape[2:] == (7, 7) and net.conv1.stride == (2, 2) and net.conv1.padding == (3, 3)
        for i, name in enumerate([*CONV2, *CONV3]):
            layer = getattr(net, name)
            padding = (0, 1)[(i if name in CONV2 else i - 4) % 2]
            assert layer.weight.shape[2:] == (2, 2) and layer.stride == (1, 1) and layer.padding == (padding,) * 2
        assert (net.pool1.kernel_size, net.pool1.stride, net.pool1.padding) == ((pool1,) * 2, (pool1,) * 2, 0)
        assert (net.pool2.kernel_size, net.pool2.stride, net.pool2.padding) == ((2, 2), (2, 2), 0)
        assert net.spp.levels == levels and net.fc1_drop.p == net.fc2_drop.p == 0.5


def count(net, ending: str = "") -> int:
    return sum(p.size for name, p in net.named_parameters() if name.endswith(ending))


def test_the_number_of_parameters_follows_from_the_tables(small14, lab14):
    for net, (c1, c2, c3), bins, units, classes in (
        (small14, (64, 128, 256), 50, 4096, 1000), (lab14, (32, 64, 128), 14, 512, 20),
    ):  # fmt: skip
        conv = 49 * 3 * c1 + 4 * (c1 * c2 + 3 * c2 * c2 + c2 * c3 + 5 * c3 * c3)
        fc = bins * c3 * units + units * units + units * classes
        biases = c1 + 4 * c2 + 6 * c3 + 2 * units + classes
        slopes = c1 + 4 * c2 + 6 * c3 + 2 * units
        assert (count(net, ".weight"), count(net, ".bias"), count(net, ".a")) == (conv + fc, biases, slopes)
    assert count(small14, ".a") == 10_304  # paper.md: 64 + 4*128 + 6*256 + 2*4096
    assert round(sum(getattr(small14, name).weight.size for name in CONVS) / 1e6, 2) == 1.68
    assert round(sum(getattr(small14, f"fc{i}").weight.size for i in (1, 2, 3)) / 1e6, 1) == 73.3


def test_the_fixed_stds_of_the_fully_connected_layers_are_the_papers(small14):
    for name, std in (("fc1", 0.01), ("fc2", 0.01), ("fc3", 0.001)):
        assert getattr(small14, name).weight.data.std() == pytest.approx(std, rel=0.01)
    for name in CONVS:
        weight = getattr(small14, name).weight.data
        assert weight.std() == pytest.approx(np.sqrt(2 / (1.0625 * weight[0].size)), rel=0.03)
