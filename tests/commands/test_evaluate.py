"""`minidelve evaluate`: the errors of a run's best checkpoint."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest


def test_it_repeats_the_best_validation_error_of_the_run(cli, trained):
    code, out, err = cli("evaluate", trained)
    best = json.loads((trained / "result.json").read_text())["best"]
    assert (code, err) == (0, "")
    assert f"four val: top-1 error {best['val_top1_error']:.2f}%, top-5 error 0.00%" in out
    assert "(16 images)" in out


def test_split_and_checkpoint_can_be_chosen(cli, trained):
    assert "four train" in cli("evaluate", trained / "last.npz", "--split", "train").out
    assert "(48 images)" in cli("evaluate", trained / "last.npz", "--split", "train").out


def test_batch_size_and_workers_do_not_matter(cli, trained):
    line = cli("evaluate", trained).out
    assert cli("evaluate", trained, "--batch-size", 5, "--workers", 0).out == line


def test_a_bad_image_is_fatal_or_left_out(cli, refused, trained, tiny_data, tmp_path):
    data = shutil.copytree(tiny_data, tmp_path / "data")
    (data / "val" / "red" / "00.png").write_text("text")
    refused(["evaluate", trained, "--data", data], "val/red/00.png", "neither JPEG nor PNG", "--on-bad-image skip")
    code, out, _ = cli("evaluate", trained, "--data", data, "--on-bad-image", "skip")
    assert code == 0 and "(15 images)" in out and "left out: " in out and "val/red/00.png" in out


def test_other_classes_are_refused(refused, trained):
    refused(["evaluate", trained, "--data", "toy"], "toy has 10 classes", "the 4 the run was trained on", "--data")


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_what_is_no_run(refused, tmp_path, trained, command):
    rest = [] if command == "evaluate" else ["a.png", "--out", tmp_path / "p.png"]
    np.savez(tmp_path / "foreign.npz", weights=np.ones(3))
    np.save(tmp_path / "array.npy", np.ones(3))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    with np.load(trained / "best.npz") as file:
        entries = dict(file)
    np.savez(tmp_path / "lost.npz", **{k: v for k, v in entries.items() if k != "model/fc3.bias"})
    np.savez(tmp_path / "no_mean.npz", **{k: v for k, v in entries.items() if k != "mean"})
    meta = json.loads(str(entries["meta"]))
    np.savez(tmp_path / "future.npz", **entries | {"meta": np.array(json.dumps(meta | {"format": 99}))})
    del meta["classes"]
    np.savez(tmp_path / "poor.npz", **entries | {"meta": np.array(json.dumps(meta))})
    for name, part in (
        ("foreign.npz", "no intact checkpoint"), ("array.npz", "no intact checkpoint"), ("lost.npz", "fc3.bias"),
        ("no_mean.npz", "mean"), ("future.npz", "format 99"), ("poor.npz", "lacks one of"),
        ("nowhere", "no run folder and no .npz file"), ("nowhere.npz", "does not exist"),
        (".", "no run folder with a best.npz"),
    ):  # fmt: skip
        cure = "minidelve train" if name in (".", "nowhere", "nowhere.npz") else "use "
        refused([command, tmp_path / name, *rest], tmp_path / name, part, cure)


def test_python_m_minidelve_is_the_same_program(trained):
    command = [sys.executable, "-m", "minidelve", "evaluate"]
    done = subprocess.run([*command, str(trained)], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("four val: top-1 error")
    failed = subprocess.run([*command, "/nowhere"], capture_output=True, text=True)
    assert failed.returncode == 2 and failed.stdout == ""
    assert failed.stderr.splitlines() == [
        "minidelve: /nowhere is no run folder and no .npz file; give the --out folder of a `minidelve train`"
    ]
