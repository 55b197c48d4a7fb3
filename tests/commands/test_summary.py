"""`minidelve summary`: the paper's own figures come out."""

import re

import numpy as np
import pytest

from minidelve import Tensor, models, nn, ops
from minidelve.analysis.summary import multiply_adds, output_shape, summarize
from minidelve.nn import init


def total(text: str, name: str) -> int:
    return int(re.search(rf"^{name} +([\d,]+)", text, re.M)[1].replace(",", ""))


def test_lab14_layer_by_layer(ok):
    out = ok("summary", "lab14", "--classes", 20)
    for line in (
        r"conv1 +Conv2d +32 x 28 x 28 +4,736 +3,687,936", r"conv3_6_act +PReLU +128 x 7 x 7 +128",
        r"spp +SpatialPyramidPool2d +1792", r"fc3 +Linear +20 +10,260 +10,240",
    ):  # fmt: skip
        assert re.search(f"^{line}$", out, re.M), line
    assert total(out, "PReLU slopes") == 32 + 4 * 64 + 6 * 128 + 2 * 512
    parameters = models.create("lab14", 20).parameters()
    assert total(out, "weights and biases") + total(out, "PReLU slopes") == sum(p.size for p in parameters)


def test_options_have_their_effect(ok):
    base = ok("summary", "lab14")
    assert "1000 classes, an image of 3 x 56 x 56" in base
    assert total(ok("summary", "lab14", "--activation", "prelu-shared"), "PReLU slopes") == 13
    assert total(ok("summary", "lab14", "--activation", "relu"), "PReLU slopes") == 0
    assert total(ok("summary", "lab14", "--size", 64), "conv multiply-adds") > total(base, "conv multiply-adds")
    out = ok("summary", "small30", "--width", 0.25, "--levels", "3,1", "--fc", 50)
    assert re.search(r"^conv3_22 +Conv2d +64 x 18 x 18", out, re.M)
    assert re.search(rf"^spp +SpatialPyramidPool2d +{64 * 10}$", out, re.M)
    assert re.search(r"^fc2 +Linear +50 +2,550 +2,500$", out, re.M)


@pytest.mark.parametrize(
    ("name", "operations", "parameters", "slopes"),
    [
        ("vgg19", 1.963, "143.67 million", 13_696),
        ("model_a", 1.906, "178.02 million", 14_688),
        ("model_b", 2.322, "183.33 million", 15_968),
        ("model_c", 5.346, "330.60 million", 20_576),
    ],
)
def test_the_totals_are_those_of_table_3(ok, monkeypatch, name, operations, parameters, slopes):
    def computed(*args, **kwargs):
        raise AssertionError("a summary draws no weight and multiplies nothing")

    monkeypatch.setattr(init, "normal_", computed)
    monkeypatch.setattr(ops, "conv2d", computed)
    out = ok("summary", name)
    assert "an image of 3 x 224 x 224" in out
    assert re.search(rf"^conv\+fc multiply-adds +[\d,]+  \(.* billion\), {operations} x 1e10$", out, re.M)
    assert re.search(rf"^weights and biases +[\d,]+  \({parameters}\)$", out, re.M)
    assert total(out, "PReLU slopes") == slopes
    assert total(out, r"conv\+fc multiply-adds") == total(out, "conv multiply-adds") + total(out, "fc multiply-adds")


def test_summarize_leaves_the_network_in_its_mode():
    network = models.create("lab14", 2)
    summarize(network, 32)
    assert network.training and network.fc1_drop.training


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 4, (2, 3), stride=(2, 1), padding=(1, 0)), nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2, ceil_mode=True),
        nn.PReLU(3), nn.ReLU(), nn.LeakyReLU(), nn.Dropout(), nn.LocalResponseNorm(), nn.Flatten(),
        nn.SpatialPyramidPool2d((3, 1)), nn.Sequential(nn.Flatten(), nn.Linear(3 * 7 * 9, 5)),
    ],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
def test_the_shape_that_follows_is_the_shape_that_comes_out(layer):
    shape = (3, 7, 9)
    for part in layer if isinstance(layer, nn.Sequential) else [layer]:
        shape = output_shape(part, shape)
    assert layer(Tensor(np.ones((2, 3, 7, 9), np.float32))).shape[1:] == shape


def test_what_does_not_fit_has_no_shape():
    for layer, shape in (
        (nn.Conv2d(3, 4, 5), (3, 4, 9)), (nn.Conv2d(3, 4, 1), (2, 4, 4)), (nn.MaxPool2d(3), (3, 2, 5)),
        (nn.Linear(4, 2), (5,)), (nn.Linear(4, 2), (1, 2, 2)),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="fit"):
            output_shape(layer, shape)
    with pytest.raises(TypeError, match="shape of a Sequential"):
        output_shape(nn.Sequential(), (3, 4, 4))


def test_bad_input(refused):
    refused(["summary", "lab15"], "'lab15'", "lab14")
    refused(["summary", "lab14", "--size", 3], "--size 3 is too small for lab14", "choose a larger one")
    refused(["summary", "lab14", "--classes", 0], "'0' is not an integer of at least 1")


def test_multiply_adds_of_a_map_that_is_no_square():
    """4 x 5 x 7 outputs, each the sum of 3 * 2 * 3 products."""
    assert multiply_adds(nn.Conv2d(3, 4, (2, 3)), (4, 5, 7)) == 4 * 5 * 7 * 18 == 2_520
    assert multiply_adds(nn.Linear(6, 5), (5,)) == 30 and multiply_adds(nn.MaxPool2d(2), (4, 5, 7)) == 0
