"""What a notebook shows: a network as its table of layers, a computation as its graph."""

import re

import numpy as np
import pytest

from minidelve import Tensor, graph, models, nn
from minidelve.analysis.notebook import table_html
from minidelve.analysis.summary import summarize


def cells(html: str) -> list[list[str]]:
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html)]
    assert html.count("<tr>") == html.count("</tr>") == len(rows)
    return rows


@pytest.mark.parametrize(("name", "size"), [("lab14", 56), ("vgg19", 224)])
def test_a_network_of_the_paper_is_the_table_of_summary(name, size):
    net = models.create(name, 10, width=0.1, fc=8, init=models.UNFILLED)
    html = net._repr_html_()
    head, *rows = cells(html)
    assert head == ["layer", "type", "output", "weights, biases", "slopes", "multiply-adds"]
    layers = summarize(net, size)
    assert [row[0] for row in rows] == [layer.name for layer in layers]
    assert [row[2] for row in rows] == [" x ".join(map(str, layer.shape)) for layer in layers]
    assert f"an image of 3 x {size} x {size}" in html and "conv+fc multiply-adds" in html


def test_another_module_is_the_table_of_its_parts():
    class Block(nn.Module):
        def __init__(self):
            self.inner = nn.Sequential(nn.Linear(3, 2), nn.PReLU(2))

    head, *rows = cells(Block()._repr_html_())
    assert head == ["layer", "type", "parameters", "numbers"]
    assert rows == [
        ["inner.0", "Linear(3, 2)", "weight: 2 x 3, bias: 2", "8"], ["inner.1", "PReLU(2)", "a: 2", "2"]
    ]  # fmt: skip
    assert "10 numbers in all" in Block()._repr_html_()
    assert cells(nn.ReLU()._repr_html_())[1:] == [["", "ReLU()", "", "0"]]


def test_a_parameter_beside_parts_has_a_row_so_that_the_numbers_add_up():
    class Scaled(nn.Module):
        def __init__(self):
            self.scale = nn.Parameter(np.ones(3, np.float32))
            self.inner = nn.Linear(3, 2)

    _, *rows = cells(Scaled()._repr_html_())
    assert rows == [["", "Scaled()", "scale: 3", "3"], ["inner", "Linear(3, 2)", "weight: 2 x 3, bias: 2", "8"]]
    assert "11 numbers in all" in Scaled()._repr_html_()


def test_figures_stand_to_the_right_and_words_to_the_left():
    html = table_html([], [("conv1", "1,216")])
    assert re.findall(r"text-align:(\w+)[^>]*>([^<]+)<", html) == [("left", "conv1"), ("right", "1,216")]


def test_names_are_text_and_not_html():
    block = nn.Module()
    setattr(block, "<script>", nn.ReLU())
    assert "<script>" not in block._repr_html_() and "&lt;script&gt;" in block._repr_html_()


def test_a_network_that_its_usual_image_does_not_fit_is_shown_all_the_same():
    net = models.create("lab14", 10, width=0.1, fc=8, init=models.UNFILLED)
    net.conv1 = nn.Conv2d(5, 3, 7, stride=2, padding=3)
    assert "Conv2d(5, 3, kernel_size=(7, 7)" in net._repr_html_()


def test_a_tensor_gives_its_graph():
    loss = (Tensor(np.ones(3), requires_grad=True) * 2).sum()
    assert loss.graph() == graph(loss) and "Multiply" in loss.graph()._repr_svg_()
