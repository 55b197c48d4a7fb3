"""What an import settles by itself: activation, scale, normalisation, classes."""

import shutil

import numpy as np
import pytest

from minidelve import models
from minidelve.errors import CheckpointError, DataError, RunError
from minidelve.interchange.weights import safetensors_file
from minidelve.interchange.weights.exporting import write_safetensors
from minidelve.interchange.weights.importing import imported
from minidelve.training.checkpoint import trained_network
from tests.helpers import raises

NARROW = {"width": 0.1, "fc": 8, "levels": [1]}
MEAN = {"input.mean": np.zeros((28, 28, 3), np.float32)}


@pytest.fixture
def run_of(tmp_path, tiny_data):
    """run_of(arrays, input, ...): the run that an .npz of them makes."""

    def make(arrays, input="none", **options):
        with open(tmp_path / "a.npz", "wb") as file:
            np.savez(file, **arrays)
        common = {"data": str(tiny_data), "model": "lab14", "size": 28, **NARROW}
        return imported(tmp_path / "a.npz", input, common | options).checkpoint

    return make


def state(classes=4, **options):
    return models.create("lab14", classes, **{**NARROW, "activation": "relu", **options}).state_dict()


@pytest.mark.parametrize("activation", ["prelu", "prelu-shared", "relu"])
def test_the_slopes_in_a_file_tell_its_activation(run_of, activation):
    assert run_of(state(activation=activation)).meta["config"]["activation"] == activation


def test_a_slope_without_an_activation_is_that_of_lrelu(run_of):
    config = run_of(state(), slope=0.125).meta["config"]
    assert (config["activation"], config["slope"]) == ("lrelu", 0.125)


def test_pictures_are_brought_to_256_for_crops_of_224_unless_told(run_of):
    assert run_of(state()).meta["config"]["short_side"] == 32
    assert run_of(state(), short_side=40).meta["config"]["short_side"] == 40


def test_a_run_of_ours_shows_pictures_as_it_did_before(tiny_data, tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    for side in (None, 40, "all"):  # the last is no side, whoever wrote it
        with open(tmp_path / "a.safetensors", "wb") as file:
            safetensors_file.write(file, state() | MEAN | {"input.std": np.ones(1, np.float32)}, {"short_side": side})
        options = {"data": str(tiny_data), "model": "lab14", "activation": "relu", **NARROW}
        config = imported(tmp_path / "a.safetensors", "minidelve", options).checkpoint.meta["config"]
        assert config["short_side"] == (side if side == 40 else None)
        told = imported(tmp_path / "a.safetensors", "minidelve", options | {"short_side": 36})
        assert told.checkpoint.meta["config"]["short_side"] == 36


def test_what_is_exported_says_how_pictures_were_shown(run_of, tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    for side in (40, None):
        saved = run_of(state(), short_side=side)
        with open(tmp_path / "out.safetensors", "wb") as file:
            write_safetensors(file, saved, trained_network(saved, tmp_path))
        assert safetensors_file.short_side_of(tmp_path / "out.safetensors") == side


def test_what_a_run_divides_by_is_the_mean_of_the_deviations(run_of):
    for input, std, normalize in (
        ("torchvision", 255 * (0.229 + 0.224 + 0.225) / 3, "mean-std"), ("caffe", 1.0, "mean"), ("none", 1.0, "mean"),
    ):  # fmt: skip
        meta = run_of(state(), input).meta
        assert meta["std"] == pytest.approx(std) and meta["config"]["normalize"] == normalize


def test_training_images_tell_the_classes_where_there_are_no_others(run_of, tiny_data, tmp_path):
    shutil.copytree(tiny_data / "train", tmp_path / "one" / "train")
    assert run_of(state(), data=str(tmp_path / "one")).meta["classes"] == ["blue", "green", "red", "yellow"]


def test_classes_are_counted_only_in_a_last_layer_that_fits_otherwise(run_of):
    raises(DataError, lambda: run_of(state(classes=5)), "tells 5 classes apart")
    raises(RunError, lambda: run_of(state(classes=5, fc=9)), "fc1.weight has shape (9, 13)")


def test_a_normalisation_of_ours_is_whole_and_divides_by_a_number_above_0(run_of):
    own = {"input": "minidelve", "activation": "relu"}
    for std, error, part in (
        (np.array([-1.0]), CheckpointError, "input.std is -1.0; expected a number above 0"),
        (np.ones(2), RunError, "input.std of shape (2,)"), (np.ones(()), RunError, "input.std of shape ()"),
    ):  # fmt: skip
        raises(error, lambda std=std: run_of({**state(), **MEAN, "input.std": std}, **own), part)
    raises(RunError, lambda: run_of({**state(), **MEAN}, **own), "has input.mean of shape (28, 28, 3); expected")
    raises(RunError, lambda: run_of({**state(), "input.std": np.ones(1)}), "unknown: input.std")
