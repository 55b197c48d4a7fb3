"""`minidelve train`: the options of the network, --warm-start and --aux-after, from the flag to the result."""

import json
import shutil
from pathlib import Path

import pytest

from minidelve.training import checkpoint
from tests.commands.runs import altered, bits, metrics

SMALL = ["--width", 0.25, "--fc", 16]


pytestmark = pytest.mark.usefixtures("no_drawing")


@pytest.fixture
def train(ok, quick):
    """train(out, option, ...): a short run of a narrow lab14; what it said."""
    return lambda out, *options: ok("train", *quick, *SMALL, *options, "--out", out)


@pytest.mark.parametrize("model", ["small30", "model_a", "model_b", "model_c", "vgg19"])
def test_every_model_of_the_paper_can_be_trained(train, ok, tmp_path, model):
    train(tmp_path, "--model", model, "--width", 0.03)
    assert "top-1 error" in ok("evaluate", tmp_path)


@pytest.fixture
def resumed(train, ok, tmp_path):
    """resumed(option, ...): (a run of two epochs, the same run stopped after one, the same resumed), three folders."""

    def runs(*options) -> list[Path]:
        whole, first, second = (tmp_path / name for name in ("whole", "first", "second"))
        train(whole, "--epochs", 2, *options)
        train(first, "--epochs", 1, *options)
        shutil.copytree(first, second)
        ok("train", "--resume", "--epochs", 2, "--out", second)
        assert metrics(second) == metrics(whole) and len(metrics(whole)) == 3
        assert bits(second / "last.npz") == bits(whole / "last.npz")
        return [whole, first, second]

    return runs


def test_a_resumed_auxiliary_run_has_the_bits_of_one_that_never_stopped(resumed):
    whole, first, _ = resumed("--aux-after", "conv3_1", "--aux-weight", 0.5, "--plateau")
    assert bits(whole / "last.npz")["model/aux.fc.weight"] != bits(first / "last.npz")["model/aux.fc.weight"]


def test_a_resumed_run_has_the_same_crops_and_colours(resumed):
    resumed("--jitter", "28,40", "--colour", 0.5, "--plateau")


def test_a_resumed_run_decays_its_slopes_and_keeps_every_epochs_course(resumed):
    runs = resumed("--decay-slopes", "--weight-decay", 0.5, "--plateau")
    whole, first, second = (checkpoint.load_meta(run / "last.npz")["history"] for run in runs)
    assert second[0] == first[0] and len(second[0]["within"]) == 6  # steps: 48 images, 8 each
    assert [row["within"] for row in second] == [row["within"] for row in whole]
    assert "within" not in metrics(runs[0])[0]


def test_evaluation_and_prediction_ignore_the_auxiliary_classifier(ok, train, tiny_data, tmp_path):
    run, image = tmp_path / "run", tiny_data / "val" / "red" / "00.png"

    def said(drawing: str) -> tuple[str, str]:
        predicted = ok("predict", run, image, "--out", tmp_path / drawing)
        return ok("evaluate", run), predicted.replace(drawing, "")

    train(run, "--aux-after", "conv2_2")
    before = said("before.png")
    altered(run / "best.npz", run / "best.npz", lambda arrays, meta: arrays["model/aux.fc.weight"].fill(7.0))
    assert said("after.png") == before


def test_a_warm_start_begins_with_the_other_run_s_weights(ok, train, tmp_path):
    """At a rate at which nothing changes, the deeper run ends with what it was given."""
    assert "warm start" not in train(tmp_path / "shallow", "--model", "small14")
    still = ["--model", "small30", "--lr", 1e-30, "--weight-decay", 0, "--warm-start", tmp_path / "shallow"]
    said = train(tmp_path / "deep", *still)
    assert (
        f"warm start from {tmp_path}/shallow/best.npz: 41 of 89 parameters copied; not copied: conv3_7 to conv3_22_act"
    ) in said.splitlines()
    given, deep = bits(tmp_path / "shallow" / "best.npz"), bits(tmp_path / "deep" / "best.npz")
    names = [name for name in given if name.startswith("model/")]
    assert len(names) == 41 and all(deep[name] == given[name] for name in names)
    assert json.loads((tmp_path / "deep" / "config.json").read_text())["warm_start"] == str(tmp_path / "shallow")

    # The checkpoint holds everything: the other run is needed no more.
    shutil.rmtree(tmp_path / "shallow")
    assert "warm start" not in ok("train", "--resume", "--epochs", 2, "--out", tmp_path / "deep")
    deep = bits(tmp_path / "deep" / "last.npz")
    assert all(deep[name] == given[name] for name in names)


def test_a_run_from_before_these_options_is_evaluated_and_resumed(ok, quick, tmp_path):
    later = ("recipe", "slope", "width", "levels", "fc", "fc_init", "warm_start", "aux_after", "aux_weight",
             "decay_slopes", "short_side", "jitter", "colour", "normalize", "precision")  # fmt: skip
    ok("train", *quick, "--out", tmp_path)
    before = ok("evaluate", tmp_path)
    for path in (tmp_path / "best.npz", tmp_path / "last.npz"):
        altered(path, path, lambda arrays, meta: [meta["config"].pop(name) for name in later])
    assert ok("evaluate", tmp_path) == before
    ok("train", "--resume", "--epochs", 2, "--out", tmp_path)


def test_a_warm_start_of_which_nothing_fits_is_refused(refused, trained, quick, tmp_path):
    # Other channels and units; fc3 is 4 x 5 instead of 4 x 512, and there are no slopes.
    narrow = ["--width", 0.1, "--fc", 5, "--activation", "relu", "--warm-start", trained, "--out", tmp_path / "x"]
    refused(["train", *quick, *narrow], f"--warm-start {trained}: no layer", "--width")
