"""Checkpoints: everything comes back bit for bit, a bad file is named, a good one is never half replaced."""

import json
import os

import numpy as np
import pytest

from minidelve import data, models, optim
from minidelve.errors import CheckpointError
from minidelve.training import checkpoint
from minidelve.training.checkpoint import Checkpoint
from minidelve.training.config import Config
from minidelve.training.state import Run

META = {
    "config": {"model": "lab14", "activation": "prelu", "init": "he"}, "std": 60.0, "classes": ["a", "b"],
    "class_names": ["A", "B"], "history": [], "schedule": {}, "lr": 0.1, "skipped": {},
}  # fmt: skip


def state(rng) -> Checkpoint:
    parameters = models.create("lab14", 2, seed=3).state_dict()
    steps = [rng.standard_normal(p.shape).astype(p.dtype) for p in parameters.values()]
    return Checkpoint(parameters, steps, rng.random((4, 4, 3), np.float32), dict(META))


@pytest.mark.parametrize("optimizer", [True, False])
def test_everything_comes_back_bit_for_bit(tmp_path, rng, optimizer):
    """All but the optimizer's arrays where they are not wanted."""
    saved = state(rng)
    checkpoint.save(tmp_path / "last.npz", saved)
    loaded = checkpoint.load(tmp_path / "last.npz", optimizer=optimizer)
    assert loaded.parameters.keys() == saved.parameters.keys() and len(saved.steps) > 0
    for name, value in saved.parameters.items():
        np.testing.assert_array_equal(loaded.parameters[name], value)
    for one, other in zip(loaded.steps, saved.steps if optimizer else [], strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(loaded.mean, saved.mean)
    assert loaded.meta == {"format": 1, **META} == checkpoint.load_meta(tmp_path / "last.npz")
    network = checkpoint.trained_network(loaded, tmp_path / "last.npz")
    assert not network.training
    np.testing.assert_array_equal(network.fc3.weight.data, saved.parameters["fc3.weight"])


def test_a_failed_save_keeps_the_old_file_and_leaves_no_other(tmp_path, rng, monkeypatch):
    path = tmp_path / "last.npz"
    checkpoint.save(path, state(rng))
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    for place in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, place, full)
            with pytest.raises(OSError, match="No space left"):
                checkpoint.save(path, state(rng))
        assert path.read_bytes() == before and os.listdir(tmp_path) == ["last.npz"]


def test_no_pickle_is_ever_opened(tmp_path):
    np.savez(tmp_path / "evil.npz", meta=np.array([print], dtype=object))
    with pytest.raises(CheckpointError, match="not an intact checkpoint .*allow_pickle"):
        checkpoint.load(tmp_path / "evil.npz")


def test_a_flipped_byte_is_noticed(tmp_path, rng):
    path = tmp_path / "last.npz"
    checkpoint.save(path, state(rng))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="not an intact checkpoint .*CRC"):
        checkpoint.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer/0": None}, "no entry optimizer/0"),
        ({"mean": None}, "no entry mean"),
        ({"meta": None}, "meta is not a file"),
        ({"meta": "no json"}, "Expecting value"),
        ({"meta": "[1]"}, "no format"),
        ({"meta": json.dumps({"format": 2})}, "format 2; this version reads format 1"),
        ({"meta": json.dumps({"format": 1, **META, "classes": 4})}, "lacks one of config, std, classes"),
    ],
)
def test_a_foreign_file_is_named_with_the_reason(tmp_path, rng, change, message):
    path = tmp_path / "last.npz"
    checkpoint.save(path, state(rng))
    with np.load(path) as file:
        entries = {name: value for name, value in {**file, **change}.items() if value is not None}
    np.savez(path, **entries)
    with pytest.raises(CheckpointError, match=message) as caught:
        checkpoint.load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_network_that_does_not_fit_is_refused(tmp_path, rng):
    saved = state(rng)
    saved.meta["classes"] = ["a", "b", "c"]
    with pytest.raises(CheckpointError, match="x.npz .*fc3"):
        checkpoint.trained_network(saved, tmp_path / "x.npz")
    saved.meta["config"] = {"model": "lab99", "activation": "prelu", "init": "he"}
    with pytest.raises(CheckpointError, match="x.npz .*lab99"):
        checkpoint.trained_network(saved, tmp_path / "x.npz")


def run(statistics: data.Statistics, **state) -> Run:
    network = models.create("lab14", 2, width=0.1, fc=4)
    optimizer = optim.SGD(network.parameters(), 0.01, 0.9, weight_decay=0.0)
    return Run(
        Config(width=0.1, fc=4), network, optimizer, optim.MultiStepLR(optimizer, [3]), statistics, ["a", "b"],
        ["A", "B"], **state,
    )  # fmt: skip


def test_a_resumed_run_has_its_statistics_and_knows_what_was_left_out(tmp_path, rng):
    statistics = data.Statistics(rng.random((4, 4, 3), np.float32), 1 / 3, 1000 * rng.standard_normal((3, 3)) / 7)
    history, skipped = [{"epoch": 1, "val_top1_error": 25.0}], {"a/1.png": "a/1.png: is broken"}
    checkpoint.save(tmp_path / "last.npz", run(statistics, history=history, skipped=skipped).to_checkpoint())
    saved = checkpoint.load(tmp_path / "last.npz")
    assert saved.statistics.covariance.dtype == np.float64 and saved.statistics.std == 1 / 3
    np.testing.assert_array_equal(saved.statistics.covariance, statistics.covariance)
    np.testing.assert_array_equal(saved.statistics.mean, statistics.mean)
    resumed = run(saved.statistics)
    resumed.restore(saved, tmp_path / "last.npz")
    assert resumed.skipped == skipped and resumed.history == history and resumed.epoch == 1


def test_a_run_without_a_covariance_has_none_when_it_goes_on(tmp_path):
    state = run(data.Statistics(np.zeros((4, 4, 3), np.float32), 60.0)).to_checkpoint()
    checkpoint.save(tmp_path / "last.npz", state)
    assert checkpoint.load(tmp_path / "last.npz").statistics.covariance is None
    del state.meta["covariance"]  # as in a run of an earlier version
    checkpoint.save(tmp_path / "last.npz", state)
    assert checkpoint.load(tmp_path / "last.npz").statistics.covariance is None
