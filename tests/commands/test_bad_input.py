"""What a user can get wrong when training: one line with the value and the cure, exit code 2, nothing lost."""

import shutil
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def data(tiny_data, tmp_path) -> Path:
    """A copy of the tiny data set, to be spoilt."""
    return Path(shutil.copytree(tiny_data, tmp_path / "data"))


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "run"


# ---- the data ----


def test_data_that_is_not_there(refused, data, tmp_path, out):
    (tmp_path / "empty").mkdir()
    for image in (data / "train" / "red").iterdir():
        image.unlink()
    for path, *parts in (
        ("/nowhere/at-all", "/nowhere/at-all", "does not exist", "check the path"),
        (tmp_path / "empty", "empty: is empty", "expected train/ and val/"),
        (data, "train/red", "holds no image", "add some or remove the class"),
    ):
        refused(["train", "--data", path, "--out", out], *parts)


def test_a_text_file_named_jpeg(refused, data, quick, out):
    (data / "train" / "red" / "x.JPEG").write_text("I am text")
    refused(["train", *quick, "--data", data, "--out", out], "train/red/x.JPEG", "neither JPEG nor PNG", "remove it")


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_truncated_jpeg(refused, data, quick, out, split):
    path = data / split / "red" / "cut.JPEG"
    Image.fromarray(np.full((40, 40, 3), 99, np.uint8)).save(path, "jpeg")
    path.write_bytes(path.read_bytes()[:-100])
    refused(["train", *quick, "--data", data, "--out", out], path, "broken or truncated", "fetch the file again")


def test_a_picture_of_200_megapixels(refused, data, quick, out):
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 10_000, 8, 2, 0, 0, 0))
    path = data / "train" / "red" / "huge.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))
    refused(["train", *quick, "--data", data, "--out", out], path, "200 megapixels", "at most 100", "scale")


def test_a_zip_that_is_none(refused, tmp_path, out):
    (tmp_path / "a.zip").write_bytes(b"no zip")
    refused(["train", "--data", tmp_path / "a.zip", "--out", out], "not a zip archive", "expected a folder or a .zip")


def test_a_zip_that_leads_outside(refused, tmp_path, out):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("train/a/../../../evil.png", b"")
    refused(["train", "--data", tmp_path / "a.zip", "--out", out], "evil.png", "without '..'", "get the archive")


def test_a_label_that_names_no_class(refused, tmp_path, out):
    root = tmp_path / "tiny"
    for folder in ("train/n01/images", "val/images"):
        (root / folder).mkdir(parents=True)
        Image.new("RGB", (32, 32)).save(root / folder / "a.png")
    (root / "wnids.txt").write_text("n01\n")
    (root / "val" / "val_annotations.txt").write_text("a.png\tn99\t0\t0\t9\t9\n")
    refused(["train", "--data", root, "--out", out], "val_annotations.txt", "'n99'", "wnids.txt names", "correct")


# ---- options ----


@pytest.mark.parametrize(
    ("option", "parts"),
    [
        (["--size", 40], ["32 x 32", "crop of 40 x 40", "--size of at most 32"]),
        (["--size", 4], ["--size 4 is too small for lab14", "choose a larger one"]),
        (["--batch-size", 49], ["batch of 49", "48 images", "at most 48"]),
    ],
)
def test_an_option_that_does_not_fit_the_data_or_the_network(refused, quick, out, option, parts):
    refused(["train", *quick, *option, "--out", out], *parts)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--model", "lab15"], ["'lab15'", "lab14"]),
        (["--activation", "swish"], ["'swish'", "prelu-shared"]),
        (["--init", "zero"], ["'zero'", "he-backward"]),
        (["--epochs", "0"], ["'0' is not an integer of at least 1"]),
        (["--batch-size", "x"], ["'x' is not an integer of at least 1"]),
        (["--lr", "-1"], ["'-1' is not a number above 0"]),
        (["--lr", "nan"], ["'nan' is not a number above 0"]),
        (["--momentum", "1"], ["'1' is not a number from 0 to below 1"]),
        (["--milestones", "7,3"], ["'7,3'", "such as 12,17"]),
        (["--milestones", "7", "--epochs", "7"], ["after epoch 7", "--epochs 7", "earlier milestones"]),
        (["--milestones", "7", "--plateau"], ["--plateau", "not allowed with", "--milestones"]),
        (["--device", "tpu"], ["'tpu'", "cuda"]),
        (["--epoch", "3"], ["unrecognized arguments: --epoch 3"]),
    ],
)
def test_an_option_that_makes_no_sense(refused, out, options, parts):
    refused(["train", "--out", out, *options], *parts)


def test_out_is_required(refused):
    refused(["train"], "--out")


@pytest.mark.parametrize("command", ["train", "evaluate", "predict"])
def test_cuda_where_there_is_none(refused, trained, out, monkeypatch, command):
    monkeypatch.setattr("minidelve.backend.cuda._state", (None, "CuPy finds no driver"))
    args = {"train": ["--out", out], "evaluate": [trained], "predict": [trained, "a.png", "--out", f"{out}.png"]}
    refused([command, *args[command], "--device", "cuda"], "--device cuda", "CuPy finds no driver", "--device cpu")


# ---- the run folder ----


def test_out_is_a_file_or_under_one(refused, quick, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    for path in (file, file / "run"):
        refused(["train", *quick, "--out", path], f"--out {path} is a file or lies under one", "expected a folder")


def test_out_cannot_be_written(refused, quick):
    refused(["train", *quick, "--out", "/proc/minidelve/run"], "--out /proc/minidelve/run cannot be", "name another")


def test_a_used_out(refused, quick, trained, out):
    shutil.copytree(trained, out)
    refused(["train", *quick, "--out", out], f"--out {out} is not empty", "--resume", "--overwrite")


def test_strangers_in_out_are_never_overwritten(refused, quick, trained, out):
    shutil.copytree(trained, out)
    (out / "thesis.tex").write_text("years of work")
    refused(["train", *quick, "--out", out, "--overwrite"], out, "thesis.tex", "not part of a run", "another folder")


@pytest.mark.parametrize("spoil", ["bad option", "bad image", "diverges", "ctrl-c"])
def test_an_overwritten_run_is_there_until_the_new_one_has_an_epoch(
    cli, refused, quick, data, trained, out, monkeypatch, spoil
):
    shutil.copytree(trained, out)
    args = ["train", *quick, "--data", data, "--out", out, "--overwrite"]
    if spoil == "bad option":
        refused([*args, "--size", 40], "40 x 40")
    elif spoil == "bad image":
        (data / "val" / "red" / "00.png").write_text("text")
        refused(args, "val/red/00.png")
    elif spoil == "diverges":
        refused([*args, "--lr", "1e6"], "the loss became nan in epoch 1, step")
    else:
        monkeypatch.setattr(
            "minidelve.training.loop.train_epoch", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        assert cli(*args).code == 130
    assert {p.name: p.read_bytes() for p in out.iterdir()} == {p.name: p.read_bytes() for p in trained.iterdir()}


# ---- resuming ----


def test_resume_of_nothing(refused, out, tmp_path):
    for path in (out, tmp_path):
        refused(["train", "--resume", "--out", path], f"--resume: {path} holds no last.npz", "leave --resume out")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--lr", "0.1"], ["--lr 0.1 differs from the run's 0.01"]),
        (["--model", "small14"], ["--model small14 differs from the run's lab14"]),
        (["--plateau"], ["--plateau True differs from the run's False"]),
        (["--width", 0.5], ["--width 0.5 differs from the run's 1.0"]),
        (["--levels", "2"], ["--levels [2] differs from the run's None"]),
        (["--fc", 9], ["--fc 9 differs from the run's None"]),
        (["--fc-init", "he"], ["--fc-init he differs from the run's table"]),
        (["--aux-after", "conv1"], ["--aux-after conv1 differs from the run's None"]),
        (["--warm-start", "other"], ["--warm-start", "other differs from the run's None"]),
        (["--decay-slopes"], ["--decay-slopes True differs from the run's False"]),
        (["--epochs", "2"], ["--epochs 2 is less than the run's 3"]),
        (["--overwrite"], ["--overwrite", "not allowed with", "--resume"]),
        (["--data", "toy"], ["toy has other classes", "give its data set"]),
    ],
)
def test_resume_with_what_contradicts_the_run(refused, trained, out, options, parts):
    shutil.copytree(trained, out)
    refused(["train", "--resume", "--out", out, *options], *parts)


def test_resume_from_what_is_no_checkpoint(refused, trained, out):
    shutil.copytree(trained, out)
    whole = (out / "last.npz").read_bytes()
    middle = len(whole) // 2
    for content in (b"", b"text", whole[:-99], whole[:middle] + b"?" * 9 + whole[middle + 9 :]):
        (out / "last.npz").write_bytes(content)
        refused(
            ["train", "--resume", "--epochs", 4, "--out", out], "last.npz is not an intact checkpoint", "use another"
        )


# ---- a run that diverges ----


def test_a_loss_not_finite_names_step_and_layer_and_keeps_the_last_epoch(cli, quick, out):
    # One batch an epoch: its loss is finite, the weights after it are not.
    args = ["train", *quick, "--batch-size", 48, "--epochs", 3, "--lr", "1e6", "--out", out]
    code, _, err = cli(*args)
    assert code == 2 and len(err.splitlines()) == 1
    assert "the loss became nan in epoch 2, step 1; first layer whose output is not finite: " in err
    assert "(Conv2d)" in err or "(Linear)" in err
    assert "try a smaller --lr than 1e+06" in err
    assert len((out / "metrics.csv").read_text().splitlines()) == 2 and (out / "last.npz").exists()
    assert cli("evaluate", out).code == 0
