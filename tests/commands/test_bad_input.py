"""What a user can get wrong when training: one line with the value and the cure, exit code 2, nothing lost."""

import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.commands.runs import interrupted
from tests.data.files import encode, huge_png, zip_bytes


@pytest.fixture
def data(tiny_data, tmp_path) -> Path:
    """A copy of the tiny data set, to be spoilt."""
    return Path(shutil.copytree(tiny_data, tmp_path / "data"))


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def run(trained, out) -> Path:
    """A copy of a run, at the place that --out names."""
    return Path(shutil.copytree(trained, out))


CUT = encode(np.full((40, 40, 3), 99, np.uint8), "JPEG")[:-100]
PICTURES = [
    ("train/red/x.JPEG", b"I am text", "neither JPEG nor PNG", "remove it"),
    ("train/red/cut.JPEG", CUT, "broken or truncated", "fetch the file again"),
    ("val/red/cut.JPEG", CUT, "broken or truncated", "fetch the file again"),
    ("train/red/huge.png", huge_png(20_000, 10_000), "200 megapixels", "at most 100", "scale"),
]


@pytest.mark.parametrize("row", PICTURES, ids=lambda row: row[0])
def test_what_is_no_picture(refused, data, quick, out, row):
    name, content, *parts = row
    (data / name).write_bytes(content)
    refused(["train", *quick, "--data", data, "--out", out], data / name, *parts)


def test_a_class_without_images(refused, data, out):
    for image in (data / "train/red").iterdir():
        image.unlink()
    refused(["train", "--data", data, "--out", out], "train/red", "holds no image", "add some or remove the class")


def test_a_label_that_names_no_class(refused, tmp_path, out):
    root = tmp_path / "tiny"
    for folder in ("train/n01/images", "val/images"):
        (root / folder).mkdir(parents=True)
        Image.new("RGB", (32, 32)).save(root / folder / "a.png")
    (root / "wnids.txt").write_text("n01\n")
    (root / "val/val_annotations.txt").write_text("a.png\tn99\t0\t0\t9\t9\n")
    refused(["train", "--data", root, "--out", out], "val_annotations.txt", "'n99'", "wnids.txt names", "correct")


def test_what_is_no_data_set(refused, tmp_path, out):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_bytes(b"no zip")
    (tmp_path / "evil.zip").write_bytes(zip_bytes([("train/a/../../../evil.png", b"")]))
    for name, *parts in (
        ("/nowhere/at-all", "/nowhere/at-all", "does not exist", "check the path"),
        ("empty", "empty: is empty", "expected train/ and val/"),
        ("text.zip", "is a text file", "expected a folder", "a .zip"),
        ("evil.zip", "evil.png", "without '..'", "get the archive"),
    ):
        refused(["train", "--data", tmp_path / name, "--out", out], *parts)


OPTIONS = [
    ("--size 40", "32 x 32", "crop of 40 x 40", "--size of at most 32"),
    ("--size 4", "--size 4 is too small for lab14", "choose a larger one"),
    ("--batch-size 49", "batch of 49", "48 images", "at most 48"),
    ("--milestones 7,3", "'7,3'", "such as 12,17"),
    ("--milestones 7 --epochs 7", "after epoch 7", "--epochs 7", "earlier milestones"),
    ("--milestones 7 --plateau", "--plateau", "not allowed with", "--milestones"),
    ("--aux-after conv9", "conv9", "expected one of: conv1, pool1, conv2_1"),
    ("--warm-start nowhere/none", "nowhere/none", "neither a run folder"),
    ("--aux-weight 0.25", "aux_weight is 0.25", "aux_after"), ("--slope 0.25", "slope is 0.25", "prelu", "lrelu"),
    ("--model lab15", "'lab15'", "lab14"), ("--activation swish", "'swish'", "prelu-shared"),
    ("--init zero", "'zero'", "he-backward"), ("--device tpu", "'tpu'", "cuda"),
    ("--epochs 0", "'0' is not an integer of at least 1"), ("--batch-size x", "'x' is not an integer of at least 1"),
    ("--lr -1", "'-1' is not a number above 0"), ("--lr nan", "'nan' is not a number above 0"),
    ("--momentum 1", "'1' is not a number from 0 to below 1"),
    ("--epoch 3", "no option '--epoch'", "did you mean --epochs?"),
    *((f"--{option} ''", f"--{option}", "the path is empty") for option in ("data", "out", "config", "warm-start")),
]  # fmt: skip


@pytest.mark.parametrize("row", OPTIONS, ids=lambda row: row[0])
def test_an_option_that_makes_no_sense(refused, quick, out, row):
    options, *parts = row
    refused(["train", *quick, "--out", out, *shlex.split(options)], *parts)


def test_out_is_required(refused):
    for options in ([], ["--resume", "--show-config"]):
        refused(["train", *options], "--out is missing")


@pytest.mark.parametrize("command", ["train", "evaluate", "predict"])
def test_cuda_where_there_is_none(refused, trained, out, monkeypatch, command):
    monkeypatch.setattr("minidelve.backend.cuda._state", (None, "CuPy finds no driver"))
    args = {"train": ["--out", out], "evaluate": [trained], "predict": [trained, "a.png", "--out", f"{out}.png"]}
    refused([command, *args[command], "--device", "cuda"], "--device cuda", "CuPy finds no driver", "--device cpu")


def test_out_cannot_be_written(refused, quick, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    for path in (file, file / "run"):
        refused(["train", *quick, "--out", path], f"--out {path} is a file or lies under one", "expected a folder")
    refused(["train", *quick, "--out", "/proc/minidelve/run"], "--out /proc/minidelve/run cannot be", "name another")


def test_a_used_out_is_kept_unless_asked_and_strangers_in_it_always(refused, quick, run):
    train = ["train", *quick, "--out", run]
    refused(train, f"--out {run} is not empty", "--resume", "--overwrite")
    refused([*train, "--overwrite", "--warm-start", run], "--warm-start", "would replace")
    (run / "thesis.tex").write_text("years of work")
    refused([*train, "--overwrite"], run, "thesis.tex", "not part of a run", "another folder")


@pytest.mark.parametrize("spoil", ["bad option", "bad image", "diverges", "ctrl-c"])
def test_an_overwritten_run_is_there_until_the_new_one_has_an_epoch(
    cli, refused, quick, data, trained, run, monkeypatch, spoil
):
    args = ["train", *quick, "--data", data, "--out", run, "--overwrite"]
    if spoil == "bad option":
        refused([*args, "--size", 40], "40 x 40")
    elif spoil == "bad image":
        (data / "val" / "red" / "00.png").write_text("text")
        refused(args, "val/red/00.png")
    elif spoil == "diverges":
        refused([*args, "--lr", "1e6"], "the loss became nan in epoch 1, step")
    else:
        monkeypatch.setattr("minidelve.training.loop.train_epoch", interrupted)
        assert cli(*args).code == 130
    assert {p.name: p.read_bytes() for p in run.iterdir()} == {p.name: p.read_bytes() for p in trained.iterdir()}


RESUME = [
    *((f"--{change}", f"--{change} differs from the run's {value}") for change, value in (
        ("lr 0.1", 0.01), ("model small14", "lab14"), ("width 0.5", 1.0), ("fc 9", None), ("fc-init he", "table"),
        ("aux-after conv1", None),
    )),
    ("--levels 2", "--levels [2] differs from the run's None"),
    ("--plateau", "--plateau True differs from the run's False"),
    ("--decay-slopes", "--decay-slopes True differs from the run's False"),
    ("--warm-start other", "--warm-start", "other differs from the run's None"),
    ("--recipe paper-large", "differs from the run's"),
    ("--epochs 2", "--epochs 2 is less than the run's 3"),
    ("--overwrite", "--overwrite", "not allowed with", "--resume"),
    ("--data toy", "toy has other classes", "give its data set"),
]  # fmt: skip


@pytest.mark.parametrize("row", RESUME, ids=lambda row: row[0])
def test_resume_with_what_contradicts_the_run(refused, run, row):
    options, *parts = row
    refused(["train", "--resume", "--out", run, *options.split()], *parts)


def test_resume_from_nothing_or_from_what_is_no_checkpoint(refused, run, tmp_path):
    none = tmp_path / "none"
    refused(["train", "--resume", "--out", none], f"--resume: {none} holds no last.npz", "leave --resume out")
    refused(["train", "--resume", "--out", tmp_path], f"--resume: {tmp_path} holds no last.npz", "name another folder")
    whole = (run / "last.npz").read_bytes()
    middle, resume = len(whole) // 2, ["train", "--resume", "--epochs", 4, "--out", run]
    for content in (b"", b"text", whole[:-99], whole[:middle] + b"?" * 9 + whole[middle + 9 :]):
        (run / "last.npz").write_bytes(content)
        refused(resume, "last.npz is not an intact checkpoint", f"{run}/best.npz is whole: give that")


def test_a_loss_not_finite_names_step_and_layer_and_keeps_the_last_epoch(cli, quick, out):
    # One batch an epoch: its loss is finite, the weights after it are not.
    args = ["train", *quick, "--batch-size", 48, "--epochs", 3, "--lr", "1e6", "--out", out]
    code, _, err = cli(*args)
    assert code == 2 and len(err.splitlines()) == 1
    assert "the loss became nan in epoch 2, step 1; first layer whose output is not finite: " in err
    assert any(f"({kind})" in err for kind in ("Conv2d", "PReLU", "Linear"))
    assert "try a smaller --lr than 1e+06" in err
    assert len((out / "metrics.csv").read_text().splitlines()) == 2 and (out / "last.npz").exists()
    assert cli("evaluate", out).code == 0
