"""`minidelve summary`: the paper's own figures come out."""

import re

import pytest

from minidelve import models
from minidelve.nn import init
from minidelve.summary import summarize


def total(text: str, name: str) -> int:
    return int(re.search(rf"^{name} +([\d,]+)", text, re.M)[1].replace(",", ""))


def test_lab14_layer_by_layer(cli):
    code, out, err = cli("summary", "lab14", "--classes", 20)
    assert (code, err) == (0, "")
    assert re.search(r"^conv1 +Conv2d +32 x 28 x 28 +4,736 +3,687,936$", out, re.M)
    assert re.search(r"^conv3_6_act +PReLU +128 x 7 x 7 +128$", out, re.M)
    assert re.search(r"^spp +SpatialPyramidPool2d +1792$", out, re.M)
    assert re.search(r"^fc3 +Linear +20 +10,260 +10,240$", out, re.M)
    assert total(out, "PReLU slopes") == 32 + 4 * 64 + 6 * 128 + 2 * 512
    parameters = models.create("lab14", 20).parameters()
    assert total(out, "weights and biases") + total(out, "PReLU slopes") == sum(p.size for p in parameters)


def test_options_have_their_effect(cli):
    base = cli("summary", "lab14").out
    assert "1000 classes, an image of 3 x 56 x 56" in base
    assert total(cli("summary", "lab14", "--activation", "prelu-shared").out, "PReLU slopes") == 13
    assert total(cli("summary", "lab14", "--activation", "relu").out, "PReLU slopes") == 0
    assert total(cli("summary", "lab14", "--size", 64).out, "conv multiply-adds") > total(base, "conv multiply-adds")


def test_small14_has_the_figures_of_the_paper(monkeypatch):
    """Table 1 and section 2.1: 13,000 channel-wise slopes are the 10,304 here; He & Sun give 0.88e9 multiply-adds."""
    for draw in ("he_normal_", "normal_"):  # 75 million random numbers would take seconds
        monkeypatch.setattr(init, draw, lambda *args: None)
    layers = summarize(models.create("small14", num_classes=2), size=224)
    assert sum(layer.slopes for layer in layers) == 64 + 4 * 128 + 6 * 256 + 2 * 4096 == 10_304
    conv = sum(layer.multiply_adds for layer in layers if layer.kind == "Conv2d")
    assert conv == pytest.approx(0.88e9, rel=0.02)
    shapes = {layer.name: layer.shape for layer in layers}
    assert shapes["conv1"] == (64, 112, 112) and shapes["conv2_4"] == (128, 37, 37)
    assert shapes["conv3_6"] == (256, 18, 18) and shapes["spp"] == (256 * (36 + 9 + 4 + 1),)


def test_summarize_leaves_the_network_in_its_mode():
    network = models.create("lab14", 2)
    summarize(network, 32)
    assert network.training and network.fc1_drop.training


def test_bad_input(refused):
    refused(["summary", "lab15"], "'lab15'", "lab14")
    refused(["summary", "lab14", "--size", 3], "--size 3 is too small for lab14", "choose a larger one")
    refused(["summary", "lab14", "--classes", 0], "'0' is not an integer of at least 1")
