"""`minidelve ... --device cuda`: what it computes, what it leaves behind, and what it says when it cannot."""

import csv

import pytest

from minidelve.cli import main

NETWORK = ["--model", "lab14", "--width", "0.25", "--fc", "32", "--size", "24"]
OPTIONS = [*NETWORK, "--batch-size", "16", "--lr", "0.003", "--workers", "1"]


pytestmark = pytest.mark.usefixtures("dropout_draws_on_the_cpu")


def train(data, out, device, *more):
    assert main(["train", "--data", str(data), "--out", str(out), "--device", device, *OPTIONS, *more]) == 0
    with open(out / "metrics.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    timing = ("seconds", "images_per_second")
    return [{name: float(value or 0) for name, value in row.items() if name not in timing} for row in rows]


def test_training_on_the_device_gives_the_cpu_s_metrics(tiny_data, tmp_path, capsys):
    ours, theirs = (train(tiny_data, tmp_path / device, device, "--epochs", "2") for device in ("cpu", "cuda"))
    assert len(ours) == len(theirs) == 2 and ours[1]["train_loss"] < ours[0]["train_loss"]
    for cpu, cuda in zip(ours, theirs):
        assert cuda.pop("train_loss") == pytest.approx(cpu.pop("train_loss"), rel=1e-4)
        assert cuda == cpu


def test_a_run_goes_on_and_is_evaluated_on_another_device(tiny_data, tmp_path, capsys):
    """Two epochs on the device and one on the CPU: the metrics of three on the device.  A checkpoint has no device."""
    whole = train(tiny_data, tmp_path / "whole", "cuda", "--epochs", "3", "--milestones", "1")
    first = train(tiny_data, tmp_path / "parts", "cuda", "--epochs", "2", "--milestones", "1")
    assert first == whole[:2]
    parts = train(tiny_data, tmp_path / "parts", "cpu", "--epochs", "3", "--milestones", "1", "--resume")
    assert [row.pop("train_loss") for row in parts] == pytest.approx([row.pop("train_loss") for row in whole], rel=1e-4)
    assert parts == whole

    said = []
    for device in ("cpu", "cuda"):
        capsys.readouterr()
        assert main(["evaluate", str(tmp_path / "whole"), "--device", device, "--out", str(tmp_path / device)]) == 0
        said.append(capsys.readouterr().out.replace(str(tmp_path / device), ""))
    assert said[0] == said[1]


@pytest.mark.parametrize("precision", ["tf32", "mixed"])
def test_training_with_rounded_factors_works_on_the_device(tiny_data, tmp_path, capsys, precision):
    more = "--epochs", "1", "--precision", precision
    ours, theirs = (train(tiny_data, tmp_path / device, device, *more)[0] for device in ("cpu", "cuda"))
    assert theirs["train_loss"] == pytest.approx(ours["train_loss"], rel=5e-3)


def test_an_image_is_predicted_as_on_the_cpu(tiny_data, tmp_path, capsys):
    train(tiny_data, tmp_path / "run", "cpu", "--epochs", "1")
    picture = next((tiny_data / "val").glob("*/*.png"))
    said = []
    for device in ("cpu", "cuda"):
        capsys.readouterr()
        out = str(tmp_path / f"{device}.png")
        assert main(["predict", str(tmp_path / "run"), str(picture), "--out", out, "--device", device]) == 0
        said.append(capsys.readouterr().out.replace(out, ""))
    assert said[0] == said[1] and said[0]
