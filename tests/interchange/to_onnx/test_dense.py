"""The dense graph: the scores of evaluate --protocol dense --no-flip, and images that are too small for it."""

from dataclasses import replace

import numpy as np
import pytest

from minidelve import nn
from minidelve.evaluation.dense import DenseScorer
from minidelve.interchange.to_onnx.dense import add_dense_layers
from minidelve.interchange.to_onnx.graph import Graph
from minidelve.interchange.to_onnx.model import onnx_model
from tests.helpers import in_python
from tests.interchange.to_onnx.conftest import CROP, images, meta_of, network_of, onnx, run

SIZES = [(CROP, CROP), (CROP, CROP + 9), (CROP + 21, CROP + 5), (CROP + 1, CROP), (2 * CROP, 2 * CROP + 3)]


@pytest.mark.parametrize("activation", ["prelu", "prelu-shared", "lrelu"])
def test_scores_are_those_of_dense_testing(statistics, activation):
    # On the 4 x 4 map of a crop, 3 x 3 bins overlap.
    network = network_of(activation)
    model = onnx_model(network, statistics, meta_of(activation), dense=True)
    onnx.checker.check_model(model, full_check=True)
    scorer = DenseScorer(network, statistics, False, 64, 10**9)
    for height, width in SIZES:
        x = images(3, height, width)
        np.testing.assert_allclose(run(model, x), scorer(list(x)), rtol=0, atol=1e-5)


def test_a_mean_colour_is_not_resized(statistics):
    network = network_of("relu")
    plain = replace(statistics, mean=np.full_like(statistics.mean, 99))
    model = onnx_model(network, plain, meta_of("relu"), dense=True)
    assert not any(node.op_type == "Resize" for node in model.graph.node)
    x = images(2, 40, 47)
    expected = DenseScorer(network, plain, False, 64, 10**9)(list(x))
    np.testing.assert_allclose(run(model, x), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("mean", ["image", "colour"])
def test_a_small_image_is_an_error_that_says_so(statistics, tmp_path, mean):
    # In a process of its own: without the guard onnxruntime ends it.
    one = statistics if mean == "image" else replace(statistics, mean=np.full_like(statistics.mean, 99))
    onnx.save(onnx_model(network_of("relu"), one, meta_of("relu"), dense=True), tmp_path / "dense.onnx")
    said = in_python(f"""
import numpy, onnxruntime
session = onnxruntime.InferenceSession({str(tmp_path / "dense.onnx")!r})
for size in ({CROP}, {CROP}), ({CROP - 1}, 90), (90, {CROP - 1}), (3, 3):
    try:
        session.run(None, {{"rgb_images": numpy.zeros((1, *size, 3), numpy.uint8)}})
        print("done")
    except Exception as error:
        print(str(error).partition("Name:")[2].split()[0])
""")
    assert said.splitlines() == ["done", *["'images_need_at_least_32_x_32_pixels'"] * 3]


def test_a_pooling_in_ceil_mode_is_refused_as_its_padding_is_of_one_size():
    layers = nn.Sequential(nn.MaxPool2d(2, 2, ceil_mode=True), nn.SpatialPyramidPool2d([1]), nn.Linear(3, 2))
    with pytest.raises(ValueError, match="cannot have a pooling in ceil mode"):
        add_dense_layers(Graph(), layers.named_children(), "x", 5)


def test_without_a_pyramid_there_is_no_dense_graph():
    layers = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 4, 2))
    with pytest.raises(ValueError, match="needs spatial pyramid pooling"):
        add_dense_layers(Graph(), layers.named_children(), "x", 4)
