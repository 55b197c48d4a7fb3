"""`minidelve evaluate`: the errors of runs' best checkpoints, in each of the paper's ways of testing."""

import csv
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from minidelve.cli import main
from tests.helpers import python


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
        ("foreign.npz", "not an intact checkpoint"), ("array.npz", "not an intact checkpoint"),
        ("lost.npz", "fc3.bias"), ("no_mean.npz", "mean"), ("future.npz", "format 99"), ("poor.npz", "lacks one of"),
        ("nowhere", "neither a run folder nor an .npz file"), ("nowhere.npz", "does not exist"),
        (".", "a folder without best.npz"),
    ):  # fmt: skip
        cure = "minidelve train" if name in (".", "nowhere", "nowhere.npz") else "use "
        refused([command, tmp_path / name, *rest], tmp_path / name, part, cure)


def test_python_m_minidelve_is_the_same_program(trained):
    assert python("-m", "minidelve", "evaluate", trained).stdout.startswith("four val: top-1 error")
    failed = python("-m", "minidelve", "evaluate", "/nowhere", exit_code=2)
    assert failed.stdout == "" and failed.stderr.splitlines() == [
        "minidelve: /nowhere is neither a run folder nor an .npz file; give the --out folder of a `minidelve train`"
    ]


# ---- the paper's ways of testing ----


@pytest.fixture(scope="module")
def other(tiny_data, tmp_path_factory):
    """Another run on the same classes: ReLU, another size of crop, and a shorter side that is not 8/7 of it."""
    out = tmp_path_factory.mktemp("other") / "run"
    options = ["--data", tiny_data, "--size", 24, "--epochs", 2, "--batch-size", 8, "--activation", "relu"]
    options += ["--short-side", 40]
    assert main(["train", *map(str, options), "--out", str(out)]) == 0
    return out


def figures(out: str) -> dict[tuple[str, str], list[float]]:
    """(run, scale) -> [top-1 error, top-5 error, cross entropy] from the table."""
    lines = re.findall(r"^(\S+)  +(\S+(?: \S+)?)  +([\d.]+)%  +([\d.]+)%  +([\d.]+)$", out, re.M)
    return {(run, scale): [float(x) for x in rest] for run, scale, *rest in lines}


def result(folder) -> dict:
    return json.loads((folder / "evaluation.json").read_text())


def test_scales_make_a_row_each_and_one_for_all(cli, trained, tmp_path):
    table = figures(cli("evaluate", trained, "--scales", "32,40", "--protocol", "dense", "--out", tmp_path / "t").out)
    name = str(trained)
    assert list(table) == [(name, "32"), (name, "40"), (name, "all scales")]
    for scale in ("32", "40"):
        alone = cli("evaluate", trained, "--scales", scale, "--protocol", "dense").out
        assert f"top-1 error {table[name, scale][0]:.2f}%" in alone and f"{table[name, scale][2]:.4f}" in alone
    assert table[name, "32"][2] != table[name, "40"][2]
    rows = result(tmp_path / "t")["rows"]
    assert [row["scale"] for row in rows] == ["32", "40", "all scales"]
    assert f"{rows[2]['cross_entropy']:.4f}" == f"{table[name, 'all scales'][2]:.4f}"


@pytest.mark.parametrize(("protocol", "flips"), [("center", False), ("ten-view", True), ("dense", True)])
def test_flips_are_on_for_ten_view_and_dense_and_off_for_the_centre(cli, trained, protocol, flips):
    flags: list[list[str]] = [[], ["--flip"], ["--no-flip"]]
    line, on, off = (cli("evaluate", trained, "--protocol", protocol, *flag).out for flag in flags)
    assert on != off and line == (on if flips else off)


def test_protocols_differ_but_the_centre_is_the_default(cli, trained):
    lines = [cli("evaluate", trained, "--protocol", name).out for name in ("center", "ten-view", "dense")]
    assert lines[0] == cli("evaluate", trained).out and len(set(lines)) == 3


def test_scales_enlarge_small_images_and_without_them_images_stay(cli, trained):
    """The images have 32 pixels a side, and so has the shorter side that the run tests at."""
    default, same, larger = (cli("evaluate", trained, *more).out for more in ([], ["--scales", 32], ["--scales", 64]))
    assert default == same.replace(" at scale 32", "") and "at scale 64" in larger
    assert default.partition(":")[2] != larger.partition(":")[2]


def test_a_run_is_tested_at_the_shorter_side_that_it_was_trained_with(cli, other):
    """40 for crops of 24. Without it, images would be shrunk to 27, or stay as they are, 32."""
    best = json.loads((other / "result.json").read_text())["best"]
    said = [cli("evaluate", other, *more).out for more in ([], *(["--scales", side] for side in (40, 27, 32)))]
    default, same, shrunk, unscaled = (re.search(r"top-1 .* cross entropy [\d.]+", out)[0] for out in said)
    assert default.startswith(f"top-1 error {best['val_top1_error']:.2f}%")
    assert default == same and default not in (shrunk, unscaled)


def test_several_runs_make_an_ensemble(cli, trained, other):
    table = figures(cli("evaluate", trained, other, "--protocol", "ten-view").out)
    assert list(table) == [(str(trained), "as trained"), (str(other), "as trained"), ("ensemble", "as trained")]
    for run in (trained, other):
        alone = cli("evaluate", run, "--protocol", "ten-view").out
        assert f"cross entropy {table[str(run), 'as trained'][2]:.4f}" in alone
    losses = [row[2] for row in table.values()]
    assert losses[2] <= (losses[0] + losses[1]) / 2  # -log is convex
    same = figures(cli("evaluate", trained, trained / "best.npz", "--protocol", "dense").out)
    assert len(set(map(tuple, same.values()))) == 1


def test_runs_of_other_classes_make_no_ensemble(refused, trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("foreign") / "run"
    with np.load(trained / "best.npz") as file:
        entries = dict(file)
    meta = json.loads(str(entries["meta"]))
    meta["classes"] = [f"other {i}" for i in range(4)]
    out.mkdir()
    np.savez(out / "best.npz", **entries | {"meta": np.array(json.dumps(meta))})
    refused(["evaluate", trained, out], out, "4 classes that are not the 4 of", "the same classes")


def test_confusions_name_the_worst_classes(cli, trained):
    out = cli("evaluate", trained, "--confusions", 2, "--protocol", "ten-view").out
    assert "of 4 classes, 4 have no top-5 error" in out
    wrong = re.findall(r"^(\w+) +0.00% +([\d.]+)% +4  (\w+) \((\d)\)", out, re.M)
    for name, top1, rival, count in wrong:
        assert name != rival and 0 < int(count) <= float(top1) * 4 / 100
    assert ("worst class" in out) == bool(wrong)


def test_out_gets_a_result_and_a_line_per_class(cli, refused, trained, tmp_path):
    out = tmp_path / "new" / "folder"
    said = cli("evaluate", trained, "--out", out).out
    top1 = result(out)["rows"][0]["top1_error"]
    assert f"top-1 error {top1:.2f}%" in said and result(out)["protocol"] == "center"
    with open(out / "classes.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["class"] for line in lines] == ["blue", "green", "red", "yellow"]
    assert sum(float(line["top1_error"]) * int(line["images"]) for line in lines) == pytest.approx(top1 * 16, abs=0.1)
    refused(["evaluate", trained, "--out", out], "already holds", "--overwrite")
    assert cli("evaluate", trained, "--out", out, "--overwrite").code == 0
    (tmp_path / "file").touch()
    refused(["evaluate", trained, "--out", tmp_path / "file"], "is a file")


def test_memory_changes_nothing_but_too_little_is_refused(cli, refused, trained):
    line = cli("evaluate", trained, "--protocol", "dense", "--scales", 48).out
    assert cli("evaluate", trained, "--protocol", "dense", "--scales", 48, "--max-memory", "1.8MB").out == line
    dense = ["evaluate", trained, "--protocol", "dense", "--max-memory", "60KB"]
    refused(dense, "val/blue/00.png", "32 x 32 pixels needs", "--max-memory is 60.0 KB", "smaller scale")
    refused(["evaluate", trained, "--max-memory", "50KB"], "--max-memory 50.0 KB", "a crop of 28 x 28 needs")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--scales", "27"], ["--scales 27", "crops of 28", "at least that"]),
        (["--scales", "64,"], ["'64,'", "shorter sides such as 256,384,480"]),
        (["--scales", "64,64"], ["'64,64'"]),
        (["--max-memory", "lots"], ["'lots'", "500MB or 4GB"]),
        (["--max-memory", "-1GB"], ["'-1GB'"]),
        (["--protocol", "nine"], ["'nine'"]),
    ],
)
def test_bad_options(refused, trained, options, parts):
    name, value = options
    refused(["evaluate", trained, f"{name}={value}"], *parts)


def test_elongated_images_and_different_sizes_are_tested_densely(cli, trained, tiny_data, tmp_path):
    data = shutil.copytree(tiny_data, tmp_path / "data")
    Image.new("RGB", (400, 30), (200, 60, 60)).save(data / "val" / "red" / "00.png")
    Image.new("RGB", (40, 70), (200, 60, 60)).save(data / "val" / "red" / "01.png")
    for protocol in ("dense", "ten-view"):
        options = ["evaluate", trained, "--data", data, "--protocol", protocol]
        assert "(16 images)" in cli(*options).out
        assert cli(*options, "--workers", 0, "--batch-size", 1).out == cli(*options).out
