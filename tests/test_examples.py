"""The examples run as a reader would run them, and what they print is true."""

import re
import runpy

import pytest

from minidelve import data
from tests.helpers import ROOT, python


def run(name: str, *args: object) -> str:
    return python(ROOT / "examples" / name, *args).stdout


def test_quickstart_learns():
    out = run("quickstart.py")
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", out)]
    assert len(losses) == 5 and losses[-1] < 0.7 * losses[0] and losses == sorted(losses, reverse=True)
    assert int(re.search(r"top-1 error on new pictures: (\d+)%", out)[1]) < 70


def test_first_steps_has_a_line_for_each_training(tmp_path):
    data.write_toy(tmp_path / "toy", train_size=70, val_size=10)
    lines = run("first_steps.py", tmp_path / "toy", 2, 2, "fc 256").splitlines()
    assert len(lines) == 2 and all("--width 0.5 --fc 256" in line and "NOT FINITE" not in line for line in lines)
    assert all(float(value) < 2 for line in lines for value in re.findall(r"(?:first|largest|last) ([\d.]+)", line))


def test_an_op_of_ones_own_is_right_and_learns():
    out = run("own_op.py")
    assert "the gradient agrees" in out and int(re.search(r"(\d+)% of the points", out)[1]) > 95


def test_train_imagenet_subset_runs_on_a_folder(tmp_path):
    data.write_toy(tmp_path / "toy", train_size=130, val_size=70)
    out = run("train_imagenet_subset.py", tmp_path / "toy", 2, 2)
    assert "(imagenet layout), split train" in out
    assert re.search(r"^epoch  2  lr 1e-02  loss [\d.]+  top-1 error [\d.]+%", out, re.M)
    slopes = [float(slope) for slope in re.findall(r"mean slope (\S+)", out)]
    assert len(slopes) == 13 and any(slope != 0.25 for slope in slopes)


def test_train_imagenet_subset_says_how_to_call_it():
    assert "tiny-imagenet-20.zip" in python(ROOT / "examples" / "train_imagenet_subset.py", exit_code=1).stderr


def test_untrained_run_can_be_evaluated_and_used(tmp_path):
    data.write_toy(tmp_path / "toy", train_size=20, val_size=30)
    out = run("untrained_run.py", "lab14", tmp_path / "toy", tmp_path / "run", 40)
    assert "lab14 with 1,6" in out and "random parameters, 10 classes, crops of 40" in out
    said = python("-m", "minidelve", "evaluate", tmp_path / "run", "--protocol", "dense", "--scales", "48").stdout
    assert said.startswith("toy val, dense windows, mirrored too at scale 48: top-1 error") and "(30 images)" in said


def test_dense_by_hand_agrees(tmp_path):
    data.write_toy(tmp_path / "toy", train_size=20, val_size=10)
    run("untrained_run.py", "lab14", tmp_path / "toy", tmp_path / "run", 40)
    out = run("dense_by_hand.py", tmp_path / "run", tmp_path / "toy", 72, 2)
    differences = [float(value) for value in re.findall(r"largest difference (\S+) of", out)]
    assert len(differences) == 2 and max(differences) < 1e-5
    assert out.count("map 9 x 9, 25 windows") == 2


def test_the_bridge_to_pytorch_carries_gradients_both_ways(capsys):
    pytest.importorskip("torch", reason="PyTorch is not installed: nothing to cross over to")
    runpy.run_path(str(ROOT / "examples/torch_bridge.py"), run_name="__main__")  # raises where gradients disagree
    out = capsys.readouterr().out
    assert out.count("agrees with the gradient of our") == 3 and "gradient of PyTorch's gelu" in out
    assert int(re.search(r"(\d+)% of the points", out)[1]) > 90


def test_ladder_has_its_rungs_and_they_agree():
    out = run("ladder.py", 1, 6)  # which asserts that every rung computes the first one's gradients
    assert len(re.findall(r"^  .* ms  \([\d.]+ to [\d.]+\)  x [\d.]+$", out, re.M)) == 12


def test_growth_measures_batches_and_sizes():
    out = run("growth.py", "lab14", 56, 8)
    assert len(re.findall(r"^lab14 +14 layers  batch +\d+ +\d+ px .* MB$", out, re.M)) == 3


def test_four_languages_compute_the_same_on_this_processor():
    out = run("four_languages.py", 1, 300, 16)  # which asserts that every rung agrees with the reference kernels
    rungs = re.findall(r"^  (\S.*?)\s+[\d.]+ ns", out, re.M)
    assert len(rungs) >= 4 and "NumPy (kernels/reference)" in rungs and "GPU: " in out


def test_loader_speed_measures_every_way(tiny_data):
    """Its figures are for a quiet machine and are not tested."""
    out = run("loader_speed.py", tiny_data, 1, 32)
    speeds = re.findall(r"^(plain|Loader from JPEGs|Loader from a store of 32).* (\d+) images/s ", out, re.M)
    assert len(speeds) == 3 and all(int(speed) > 0 for _, speed in speeds)
    python(ROOT / "examples" / "loader_speed.py", "toy", exit_code=1)


def test_an_exported_run_agrees_in_onnxruntime(tmp_path):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: nothing to compare with")
    data.write_toy(tmp_path / "toy", train_size=20, val_size=10)
    run("untrained_run.py", "lab14", tmp_path / "toy", tmp_path / "run", 40)
    out = run("compare_with_onnxruntime.py", tmp_path / "run", tmp_path / "toy", 8, 2)
    differences = [float(value) for value in re.findall(r"^onnxruntime .*: (\S+)$", out, re.M)]
    assert len(differences) == 8 and max(differences) < 1e-5
