"""The run folder guards what is there; tests/commands/test_bad_input.py does so from outside."""

import errno
import os

import numpy as np
import pytest

from minidelve.errors import CheckpointError, RunError
from minidelve.training import checkpoint
from minidelve.training.checkpoint import Checkpoint
from minidelve.training.run_folder import ROOM_FOR_META, RunFolder, find_checkpoint

ROW = {
    "epoch": 1, "lr": 0.01, "train_loss": 1.23456789012, "train_top1_error": 12.34567, "val_top1_error": 20.0,
    "val_top5_error": 1.0, "seconds": 3.0, "images_per_second": 100.0,
}  # fmt: skip
STATE = Checkpoint({"w": np.ones(2)}, [np.zeros(2)], np.zeros((1, 1, 3)), {"config": {"lr": 1}, "history": [ROW]})


def test_nothing_is_written_before_the_first_epoch(tmp_path):
    with RunFolder(tmp_path / "a" / "b"):
        pass
    assert not (tmp_path / "a").exists()
    with RunFolder(tmp_path / "a" / "b") as folder:
        folder.keep(STATE, is_best=True)
    assert sorted(os.listdir(tmp_path / "a" / "b")) == ["best.npz", "config.json", "last.npz", "metrics.csv"]


def test_metrics_have_enough_digits(tmp_path):
    RunFolder(tmp_path).keep(STATE, is_best=True)
    line = (tmp_path / "metrics.csv").read_text().splitlines()[1]
    assert line == "1,0.01,1.2345679,12.346,20.000,1.000,3.000,100.000"


def test_what_is_left_of_an_overwritten_run_goes_with_the_first_epoch(tmp_path):
    for name in ("result.json", "curves.png"):
        (tmp_path / name).write_text("the old run's")
    folder = RunFolder(tmp_path, overwrite=True)
    assert (tmp_path / "result.json").exists()
    folder.keep(STATE, is_best=True)
    assert sorted(os.listdir(tmp_path)) == ["best.npz", "config.json", "last.npz", "metrics.csv"]


def test_a_run_is_not_overwritten_by_one_for_which_there_is_no_room(tmp_path, monkeypatch):
    RunFolder(tmp_path).keep(STATE, is_best=True)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint, "save", full)
    with pytest.raises(RunError, match="No space left on device"):
        RunFolder(tmp_path, overwrite=True).keep(STATE, is_best=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_room_is_asked_for_three_checkpoints_less_what_is_there(tmp_path, monkeypatch):
    """last.npz, best.npz, and the next last.npz beside them: so much when the run is new, at least one always."""
    asked, folder = [], RunFolder(tmp_path)
    monkeypatch.setattr(folder, "try_room", asked.append)
    each = 8 * (2 + 2 + 3) + ROOM_FOR_META
    for files, there in (((), 0), (("last.npz",), each), (("last.npz", "best.npz"), each), ((), 10 * each)):
        for name in files:
            (tmp_path / name).write_bytes(bytes(there))
        folder.check_room(STATE)
    (tmp_path / "best.npz").write_bytes(bytes(10 * each))
    folder.check_room(STATE)
    assert asked == [3 * each, 2 * each, each, each, each]


def test_best_stays_when_an_epoch_is_worse(tmp_path):
    folder = RunFolder(tmp_path)
    folder.keep(STATE, is_best=True)
    best = (tmp_path / "best.npz").read_bytes()
    worse = Checkpoint({"w": np.zeros(2)}, [np.zeros(2)], STATE.mean, STATE.meta)
    folder.keep(worse, is_best=False)
    assert (tmp_path / "best.npz").read_bytes() == best != (tmp_path / "last.npz").read_bytes()


def test_two_runs_that_begin_in_the_same_place_do_not_mix(tmp_path):
    first, second = RunFolder(tmp_path), RunFolder(tmp_path)
    with first:
        with pytest.raises(RunError, match="is in use by process"):
            second.__enter__()
        first.keep(STATE, is_best=True)
    before = (tmp_path / "last.npz").read_bytes()
    with pytest.raises(RunError, match="is not empty"):
        second.__enter__()
    assert (tmp_path / "last.npz").read_bytes() == before


def test_a_full_disk_is_one_clear_line(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    folder.keep(STATE, is_best=True)

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint, "save", full)
    with pytest.raises(RunError, match="cannot be written .No space left on device.; make room there"):
        folder.keep(STATE, is_best=True)


def test_resume_and_overwrite_exclude_each_other(tmp_path):
    with pytest.raises(RunError, match="exclude each other"):
        RunFolder(tmp_path, resume=True, overwrite=True)


def test_what_lies_beside_or_above_a_run_is_sent_to_the_run(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "last.npz").touch()
    (run / "curves.png").touch()
    for given, meant in ((run / "curves.png", f"give the run itself, {run}"),
                         (tmp_path, f"give one of the runs in it, such as {run}"),
                         (tmp_path / "other", "give the --out folder of a `minidelve train`")):  # fmt: skip
        with pytest.raises(CheckpointError, match=f"; {meant}$"):
            find_checkpoint(given)


def test_find_checkpoint_prefers_best(tmp_path):
    with pytest.raises(CheckpointError, match="a folder without best.npz"):
        find_checkpoint(tmp_path)
    (tmp_path / "last.npz").touch()
    assert find_checkpoint(tmp_path).name == "last.npz"
    (tmp_path / "best.npz").touch()
    assert find_checkpoint(tmp_path).name == "best.npz"
    assert find_checkpoint(tmp_path / "other.npz").name == "other.npz"
