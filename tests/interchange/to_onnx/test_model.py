"""The .onnx file of a run: onnxruntime finds the scores of `minidelve evaluate`, and a stranger what it needs."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from minidelve import __version__, models
from minidelve.errors import RunError
from minidelve.evaluation.crops import CropScorer
from minidelve.evaluation.ten_views import CropViews
from minidelve.interchange.to_onnx import model as written
from minidelve.interchange.to_onnx.model import onnx_model, write_onnx
from minidelve.training.checkpoint import Checkpoint
from tests.interchange.to_onnx.conftest import CLASSES, CROP, NAMES, images, meta_of, network_of, onnx, run


def scores(network, statistics, x):
    return CropScorer(network, statistics, CropViews(CROP, False, False), len(x), 10**9)(list(x))


@pytest.mark.parametrize("activation", models.ACTIVATIONS)
def test_scores_are_those_of_evaluate_for_any_batch(statistics, activation):
    network = network_of(activation)
    model = onnx_model(network, statistics, meta_of(activation))
    onnx.checker.check_model(model, full_check=True)
    x = images(64)
    expected = scores(network, statistics, x)
    assert expected.max() > 0.9 and expected.max(axis=0).min() > 0.2  # the network has opinions, and several
    for count in (1, 7, 64):
        np.testing.assert_allclose(run(model, x[:count]), expected[:count], rtol=0, atol=1e-5)


def test_a_mean_colour_takes_three_numbers(statistics):
    network, colour = network_of("relu"), np.float32([120, 110, 90])
    plain = replace(statistics, mean=np.broadcast_to(colour, statistics.mean.shape).copy())
    model = onnx_model(network, plain, meta_of("relu"))
    (mean,) = (onnx.numpy_helper.to_array(w) for w in model.graph.initializer if w.name == "mean")
    assert mean.ravel().tolist() == colour.tolist()
    x = images(3)
    np.testing.assert_allclose(run(model, x), scores(network, plain, x), rtol=0, atol=1e-5)


def test_a_mean_image_with_one_other_pixel_stays_whole(statistics):
    mean = np.full_like(statistics.mean, 99)
    mean[-1, -1, -1] += 0.5
    np.testing.assert_array_equal(written.mean_of(replace(statistics, mean=mean)), mean.transpose(2, 0, 1))


def test_an_auxiliary_classifier_stays_behind(statistics):
    network, alone = network_of("relu", aux_after="conv2_4"), network_of("relu")
    alone.load_state_dict({name: array for name, array in network.state_dict().items() if "aux." not in name})
    made = [onnx_model(net, statistics, meta_of("relu")).SerializeToString() for net in (network, alone)]
    assert made[0] == made[1]


def test_a_stranger_finds_what_it_needs(statistics):
    model = onnx_model(network_of("prelu"), statistics, meta_of())
    assert (model.ir_version, [(o.domain, o.version) for o in model.opset_import]) == (8, [("", 17)])
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert (about["model"], about["activation"], about["minidelve_version"]) == ("lab14", "prelu", __version__)
    assert (json.loads(about["classes"]), json.loads(about["class_names"])) == (CLASSES, NAMES)
    assert "central crop" in model.graph.input[0].doc_string and "37" in model.graph.input[0].doc_string
    assert "class_names" in model.graph.output[0].doc_string
    names = {weight.name for weight in model.graph.initializer}
    assert {*network_of("prelu").state_dict()} <= names


@pytest.mark.parametrize(
    ("config", "dense", "words"),
    [
        ({}, False, "the central crop of an image whose shorter side was shrunk if it is larger, bilinearly, to 37"),
        ({"short_side": 40}, False, "the central crop of an image whose shorter side was resized, bilinearly, to 40"),
        ({"short_side": 40}, True, "any size of at least 32 x 32"),
    ],
)
def test_the_input_says_how_the_run_was_tested(config, dense, words):
    assert words in written.described(config, CROP, dense)


def test_what_is_written_is_the_model_and_what_is_said_its_ends(statistics):
    network, file = network_of("prelu"), io.BytesIO()
    saved = Checkpoint({}, [], statistics.mean, {**meta_of(), "std": statistics.std})
    said = write_onnx(file, saved, network)
    assert said == "rgb_images, uint8 (N, 32, 32, 3) -> probabilities, float32 (N, 5)"
    assert file.getvalue() == onnx_model(network, statistics, meta_of()).SerializeToString()
    assert "(N, height, width, 3)" in write_onnx(file, saved, network, dense=True)


def test_two_gigabytes_are_refused_before_anything_is_written(statistics, monkeypatch):
    assert written.MOST_BYTES < 2**31  # where protobuf ends
    network, file = network_of("prelu"), io.BytesIO()
    saved = Checkpoint({}, [], statistics.mean, {**meta_of(), "std": statistics.std})
    most = sum(p.data.nbytes for p in network.parameters()) + statistics.mean.nbytes
    monkeypatch.setattr(written, "MOST_BYTES", most - 1)
    with pytest.raises(RunError, match=r"of weights; expected at most .*; export it as .safetensors, or"):
        write_onnx(file, saved, network)
    assert file.getvalue() == b""
    monkeypatch.setattr(written, "MOST_BYTES", most)
    write_onnx(file, saved, network)
