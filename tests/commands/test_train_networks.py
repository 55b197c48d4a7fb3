"""`minidelve train`: the options of the network, --warm-start and --aux-after, from the flag to the result."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from minidelve.training import checkpoint, curves

SMALL = ["--width", 0.25, "--fc", 16]


def metrics(run: Path) -> list[list[str]]:
    """The lines of metrics.csv without the two time columns."""
    return [line.split(",")[:-2] for line in (run / "metrics.csv").read_text().splitlines()]


def bits(path: Path) -> dict[str, bytes]:
    with np.load(path) as file:
        return {name: file[name].tobytes() for name in file.files if name != "meta"}


@pytest.fixture(autouse=True)
def no_drawing(monkeypatch):
    """Curves take longer to draw than these networks to train."""
    monkeypatch.setattr(curves, "draw_curves", lambda *args, **kwargs: None)


@pytest.fixture
def train(cli, quick):
    """train(out, option, ...): a short run of a narrow lab14; what it said."""

    def run(out, *options) -> str:
        code, said, err = cli("train", *quick, *SMALL, *options, "--out", out)
        assert (code, err) == (0, "")
        return said

    return run


def evaluated(cli, run: Path) -> str:
    code, said, err = cli("evaluate", run)
    assert (code, err) == (0, "")
    return said


@pytest.mark.parametrize("model", ["small30", "model_a", "model_b", "model_c", "vgg19"])
def test_every_model_of_the_paper_can_be_trained(train, cli, tmp_path, model):
    train(tmp_path, "--model", model, "--width", 0.03)
    assert "top-1 error" in evaluated(cli, tmp_path)


def test_a_resumed_auxiliary_run_has_the_bits_of_one_that_never_stopped(cli, train, tmp_path):
    aux = ["--aux-after", "conv3_1", "--aux-weight", 0.5, "--plateau"]
    train(tmp_path / "whole", "--epochs", 2, *aux)
    train(tmp_path / "stopped", "--epochs", 1, *aux)
    first = bits(tmp_path / "stopped" / "last.npz")
    assert cli("train", "--resume", "--epochs", 2, "--out", tmp_path / "stopped").code == 0
    assert metrics(tmp_path / "stopped") == metrics(tmp_path / "whole")
    last = bits(tmp_path / "stopped" / "last.npz")
    assert last == bits(tmp_path / "whole" / "last.npz")
    assert last["model/aux.fc.weight"] != first["model/aux.fc.weight"]


def test_a_resumed_run_decays_its_slopes_and_keeps_every_epochs_course(cli, train, tmp_path):
    options = ["--decay-slopes", "--weight-decay", 0.5, "--plateau"]
    train(tmp_path / "whole", "--epochs", 2, *options)
    train(tmp_path / "stopped", "--epochs", 1, *options)
    first = checkpoint.load_meta(tmp_path / "stopped" / "last.npz")["history"]
    assert cli("train", "--resume", "--epochs", 2, "--out", tmp_path / "stopped").code == 0
    assert bits(tmp_path / "stopped" / "last.npz") == bits(tmp_path / "whole" / "last.npz")
    whole, resumed = (checkpoint.load_meta(tmp_path / run / "last.npz")["history"] for run in ("whole", "stopped"))
    assert resumed[0] == first[0] and len(resumed[0]["within"]) == 6  # steps: 48 images, 8 each
    assert [row["within"] for row in resumed] == [row["within"] for row in whole]
    assert "within" not in metrics(tmp_path / "whole")[0]


def test_evaluation_and_prediction_ignore_the_auxiliary_classifier(cli, train, tiny_data, tmp_path):
    run, image = tmp_path / "run", tiny_data / "val" / "red" / "00.png"

    def said(drawing: str) -> tuple[str, str]:
        code, out, err = cli("predict", run, image, "--out", tmp_path / drawing)
        assert (code, err) == (0, "")
        return evaluated(cli, run), out.replace(drawing, "")

    train(run, "--aux-after", "conv2_2")
    before = said("before.png")
    state = checkpoint.load(run / "best.npz")
    state.parameters["aux.fc.weight"][...] = np.nan
    checkpoint.save(run / "best.npz", state)
    assert said("after.png") == before


def test_a_warm_start_begins_with_the_other_run_s_weights(cli, train, tmp_path):
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
    code, said, err = cli("train", "--resume", "--epochs", 2, "--out", tmp_path / "deep")
    assert (code, err) == (0, "") and "warm start" not in said
    deep = bits(tmp_path / "deep" / "last.npz")
    assert all(deep[name] == given[name] for name in names)


def test_a_run_from_before_these_options_is_evaluated_and_resumed(cli, quick, tmp_path):
    assert cli("train", *quick, "--out", tmp_path).code == 0
    before = evaluated(cli, tmp_path)
    for name in ("best.npz", "last.npz"):
        state = checkpoint.load(tmp_path / name)
        for field in ("recipe", "slope", "width", "levels", "fc", "fc_init", "warm_start", "aux_after", "aux_weight",
                      "decay_slopes", "short_side", "jitter", "colour", "normalize", "precision"):  # fmt: skip
            del state.meta["config"][field]
        checkpoint.save(tmp_path / name, state)
    assert evaluated(cli, tmp_path) == before
    assert cli("train", "--resume", "--epochs", 2, "--out", tmp_path).code == 0


def test_what_does_not_fit_together_is_refused(refused, quick, tmp_path):
    out = ["--out", tmp_path / "run"]
    refused(["train", *quick, "--aux-after", "conv9", *out], "conv9", "expected one of: conv1, pool1, conv2_1")
    refused(["train", *quick, "--slope", 0.25, *out], "slope is 0.25", "prelu", "lrelu")
    refused(["train", *quick, "--aux-weight", 0.25, *out], "aux_weight is 0.25", "aux_after")
    refused(["train", *quick, "--warm-start", tmp_path / "none", *out], tmp_path / "none", "neither a run folder")


def test_a_warm_start_of_which_nothing_fits_is_refused(refused, trained, quick, tmp_path):
    # Other channels and units; fc3 is 4 x 5 instead of 4 x 512, and there are no slopes.
    narrow = ["--width", 0.1, "--fc", 5, "--activation", "relu"]
    refused(
        ["train", *quick, *narrow, "--warm-start", trained, "--out", tmp_path / "x"],
        f"--warm-start {trained}: no layer", "--width",
    )  # fmt: skip
