"""`minidelve train`: what a run leaves behind, that it can be repeated, stopped and resumed."""

import json
import shutil
import signal

import numpy as np
import pytest
from PIL import Image

from minidelve import data
from minidelve.training import checkpoint
from minidelve.training import loop as training
from tests.commands.runs import altered, bits, interrupted, metrics, remarks


def test_a_run_folder_holds_what_the_design_says(ok, quick, tmp_path):
    out = tmp_path / "deep" / "run"
    said = ok("train", *quick, "--epochs", 2, "--lr", 0.02, "--out", out)
    assert {p.name for p in out.iterdir()} == {
        "config.json", "metrics.csv", "curves.png", "last.npz", "best.npz", "result.json"
    }  # fmt: skip
    header, *rows = (out / "metrics.csv").read_text().splitlines()
    assert header == "epoch,lr,train_loss,train_top1_error,val_top1_error,val_top5_error,seconds,images_per_second"
    assert [row.split(",")[:2] for row in rows] == [["1", "0.02"], ["2", "0.002"]]
    config = json.loads((out / "config.json").read_text())
    assert (config["lr"], config["milestones"], config["seed"]) == (0.02, [1], 0)
    assert {"minidelve", "python", "numpy", "numba", "pillow"} <= config["versions"].keys()
    result = json.loads((out / "result.json").read_text())
    assert result["final"]["epoch"] == 2 and result["epochs"] == 2
    assert result["best"]["val_top1_error"] == min(float(row.split(",")[4]) for row in rows)
    assert "4 classes, 48 training and 16 validation images" in said and "epoch   2/2" in said
    with Image.open(out / "curves.png") as picture:
        assert picture.size == (1200, 480)


def test_same_seed_same_metrics_for_any_number_of_workers(ok, quick, tmp_path, no_drawing):
    runs = [["--workers", 1], ["--workers", 4], ["--workers", 0], ["--seed", 1]]
    for i, options in enumerate(runs):
        ok("train", *quick, "--epochs", 2, *options, "--out", tmp_path / str(i))
    one, four, none, other = (metrics(tmp_path / str(i)) for i in range(len(runs)))
    assert one == four == none != other


def pretend(monkeypatch, errors: list[float]) -> list[float]:
    """Epochs that end with these validation errors, without any training; the rates they would have had, in time."""
    rates: list[float] = []

    def epoch(run, *loaders):
        rates.append(run.optimizer.lr)
        keys = ("train_loss", "train_top1_error", "val_top1_error", "val_top5_error", "seconds", "images_per_second")
        row = dict.fromkeys(keys, 50.0) | {"val_top1_error": errors[run.epoch]}
        return {"epoch": run.epoch + 1, "lr": run.optimizer.lr, **row}

    monkeypatch.setattr(training, "train_epoch", epoch)
    return rates


@pytest.mark.parametrize(
    ("options", "rates"),
    [
        (["--milestones", "2,3"], [0.01, 0.01, 1e-3, 1e-4, 1e-4]),
        ([], [0.01, 0.01, 0.01, 1e-3, 1e-4]),  # after 60% and 85% of 5 epochs
        (["--plateau", "--epochs", 9], [0.01] * 7 + [1e-3] * 2),  # one epoch sets the mark, six more stay above it
    ],
)
def test_the_rate_drops_as_asked(ok, quick, tmp_path, monkeypatch, options, rates):
    seen = pretend(monkeypatch, [50.0] * 9)
    ok("train", *quick, "--epochs", 5, *options, "--out", tmp_path / "run")
    np.testing.assert_allclose(seen, rates)


def test_an_edited_record_is_not_read_and_that_is_said(cli, ok, quick, tmp_path, monkeypatch, no_drawing):
    pretend(monkeypatch, [50.0] * 9)
    ok("train", *quick, "--epochs", 2, "--out", tmp_path)
    record = tmp_path / "config.json"
    for content, remark in [
        (json.dumps(json.loads(record.read_text()) | {"lr": 0.5}), "config.json says lr 0.5, the run has 0.01: that"),
        ("{", ""), ("[]", ""), ('{"mine": 3}', ""),
    ]:  # fmt: skip
        record.write_text(content)
        result = cli("train", "--resume", "--out", tmp_path, "--show-config")
        assert remark in result.err and result.err.count("\n") == bool(remark) and "lr = 0.01 " in result.out
    record.unlink()
    ok("train", "--resume", "--epochs", 3, "--out", tmp_path)  # a change that is asked for is none of the record


def test_a_run_of_a_later_version_is_not_resumed_by_guesses(refused, ok, quick, tmp_path, monkeypatch, no_drawing):
    pretend(monkeypatch, [50.0] * 9)
    ok("train", *quick, "--out", tmp_path)
    altered(tmp_path / "last.npz", tmp_path / "last.npz", lambda arrays, meta: meta["config"].update(dropconnect=0.5))
    resume = ["train", "--resume", "--epochs", 2, "--out", tmp_path]
    refused(resume, "last.npz: its run has the option 'dropconnect', which this version", "the version that wrote it")


def test_best_is_the_first_epoch_with_the_lowest_error(ok, quick, tmp_path, monkeypatch):
    pretend(monkeypatch, [40.0, 30.0, 35.0, 30.0])
    assert "best top-1 30.0% in epoch 2" in ok("train", *quick, "--epochs", 4, "--out", tmp_path)
    for name, epochs in (("best.npz", 2), ("last.npz", 4)):
        assert len(checkpoint.load_meta(tmp_path / name)["history"]) == epochs


def test_ctrl_c_keeps_the_last_epoch_and_resume_ends_with_the_same_numbers(spawn, ok, quick, tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    quick = [*quick, "--epochs", 12, "--milestones", "2,7"]
    ok("train", *quick, "--out", whole)
    process = spawn("train", *quick, "--out", stopped)
    for line in process.stdout:
        if line.startswith("epoch   1/12"):
            break
    process.send_signal(signal.SIGINT)
    rest, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert remarks(err) == [
        f"minidelve: interrupted; {stopped}/last.npz holds the last finished epoch; go on with --resume"
    ]
    done = len(metrics(stopped)) - 1
    assert 1 <= done < 12 and metrics(stopped) == metrics(whole)[: done + 1]
    assert f"resuming after epoch {done}" in ok("train", "--resume", "--out", stopped)
    assert metrics(stopped) == metrics(whole)
    for name in ("last.npz", "best.npz"):
        assert bits(stopped / name) == bits(whole / name)


def test_weights_that_overflow_in_an_epochs_last_step_are_not_kept(cli, ok, quick, tmp_path, monkeypatch, no_drawing):
    """No loss tells: the next one would. The run goes on from the epoch before."""
    out, update = tmp_path / "run", training.update

    def overflowing(run, where):
        update(run, where)
        if where == "epoch 2, step 6":
            run.network.fc3.weight.data[0, 0] = np.inf

    monkeypatch.setattr(training, "update", overflowing)
    code, _, err = cli("train", *quick, "--epochs", 3, "--out", out)
    assert code == 2 and "fc3.weight is not finite at the end of epoch 2; try a smaller --lr than 0.01" in err
    assert len(metrics(out)) == 2 and "top-1 error" in ok("evaluate", out)
    monkeypatch.setattr(training, "update", update)
    ok("train", "--resume", "--out", out)
    assert len(metrics(out)) == 4


def test_ctrl_c_in_the_first_epoch_leaves_nothing_behind(cli, quick, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "train_epoch", interrupted)
    code, _, err = cli("train", *quick, "--out", tmp_path / "run")
    assert code == 130 and not (tmp_path / "run").exists()
    assert err.strip() == "minidelve: interrupted; no epoch was finished, nothing was written"


def test_resume_may_add_epochs_and_overwrite_replaces_every_file(ok, quick, tmp_path, no_drawing):
    ok("train", *quick, "--out", tmp_path)
    ok("train", "--resume", "--epochs", 3, "--workers", 1, "--out", tmp_path)
    assert [row[0] for row in metrics(tmp_path)] == ["epoch", "1", "2", "3"]
    assert json.loads((tmp_path / "config.json").read_text())["epochs"] == 3
    ok("train", *quick, "--seed", 5, "--overwrite", "--out", tmp_path)
    assert len(metrics(tmp_path)) == 2 and json.loads((tmp_path / "config.json").read_text())["seed"] == 5


@pytest.mark.parametrize(
    ("options", "rates", "said"),
    [
        ([], [1e-4] * 4, "epochs 5 to 8 at a rate of 0.0001 (it dropped after 2, 3; --milestones sets others)"),
        (["--milestones", "3,6"], [1e-3, 1e-3, 1e-4, 1e-4],
         "epochs 5 to 6 at a rate of 0.001, epochs 7 to 8 at a rate of 0.0001 (it dropped after 3;"),
        (["--milestones", "7"], [1e-2] * 3 + [1e-3], "epochs 5 to 7 at a rate of 0.01, epoch 8 at a rate of 0.001"),
    ],
)  # fmt: skip
def test_more_epochs_say_their_rates_and_take_milestones(
    ok, quick, tmp_path, no_drawing, monkeypatch, options, rates, said
):
    seen = pretend(monkeypatch, [50.0] * 8)
    ok("train", *quick, "--epochs", 4, "--milestones", "2,3", "--out", tmp_path)
    assert f"note: {said}" in ok("train", "--resume", "--epochs", 8, *options, "--out", tmp_path)
    np.testing.assert_allclose(seen, [0.01, 0.01, 1e-3, 1e-4, *rates])


def test_resume_mends_what_a_stop_in_the_middle_of_writing_left_behind(ok, quick, tmp_path):
    ok("train", *quick, "--out", tmp_path)
    before = metrics(tmp_path)
    for name in ("metrics.csv", "best.npz", "curves.png", "result.json"):
        (tmp_path / name).unlink()
    (tmp_path / "last.unfinished").write_text("half")
    ok("train", "--resume", "--out", tmp_path)
    assert metrics(tmp_path) == before
    assert (tmp_path / "best.npz").read_bytes() == (tmp_path / "last.npz").read_bytes()
    assert (tmp_path / "curves.png").exists() and (tmp_path / "result.json").exists()


def test_bad_images_are_left_out_counted_and_named_when_asked(ok, quick, tiny_data, tmp_path):
    folder, out = shutil.copytree(tiny_data, tmp_path / "data"), tmp_path / "run"
    bad = [folder / "train/red/03.png", folder / "val/blue/01.png"]
    for path in bad:
        path.write_text("no picture")
    said = ok("train", *quick, "--data", folder, "--on-bad-image", "skip", "--out", out)
    assert "2 bad images were left out" in said
    named = json.loads((out / "result.json").read_text())["bad_images_left_out"]
    assert named.keys() == set(map(str, bad)) and all("neither JPEG nor PNG" in reason for reason in named.values())


def test_toy_needs_no_download_and_help_has_an_example(ok, tmp_path, monkeypatch):
    assert "examples:\n  minidelve train --out runs/first" in ok("train", "--help")
    small = data.ToyDataset("train", train_size=60), data.ToyDataset("val", val_size=20)
    monkeypatch.setattr(data, "open_for_training", lambda path, *more: small if path == "toy" else None)
    assert "on toy, seed 0" in ok("train", "--epochs", 1, "--batch-size", 20, "--out", tmp_path)


def test_a_run_goes_on_when_the_reader_of_its_output_leaves(spawn, quick, tmp_path):
    out = tmp_path / "run"
    process = spawn("train", *quick, "--epochs", 2, "--out", out)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(120) == 0 and remarks(process.stderr.read()) == []
    assert (out / "result.json").is_file() and (out / "curves.png").is_file()
