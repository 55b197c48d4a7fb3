"""`minidelve evaluate`: the errors of runs' best checkpoints, in each of the paper's ways of testing."""

import csv
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from minidelve.cli import main
from tests.commands.runs import altered
from tests.helpers import python


def test_it_repeats_the_best_validation_error_of_the_run(ok, trained):
    best = json.loads((trained / "result.json").read_text())["best"]
    out = ok("evaluate", trained)
    assert f"four val: top-1 error {best['val_top1_error']:.2f}%, cross entropy" in out and "(16 images)" in out
    assert ok("evaluate", trained, "--batch-size", 5, "--workers", 0) == out
    out = ok("evaluate", trained / "last.npz", "--split", "train")
    assert "four train" in out and "(48 images)" in out


def test_a_bad_image_is_fatal_or_left_out(ok, refused, trained, tiny_data, tmp_path):
    data = shutil.copytree(tiny_data, tmp_path / "data")
    (data / "val" / "red" / "00.png").write_text("text")
    evaluate = ["evaluate", trained, "--data", data]
    refused(evaluate, "val/red/00.png", "neither JPEG nor PNG", "--on-bad-image skip")
    out = ok(*evaluate, "--on-bad-image", "skip")
    assert "(15 images)" in out and "left out: " in out and "val/red/00.png" in out


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite(refused, tmp_path, trained, tiny_data, bad):
    def spoil(arrays, meta):
        arrays["model/conv2_1.weight"][1, 2] = bad

    run = altered(trained / "best.npz", tmp_path / "best.npz", spoil)
    train = ["train", "--data", tiny_data, "--size", 28, "--epochs", 4, "--batch-size", 8, "--out"]
    resumed = shutil.copytree(trained, tmp_path / "run")
    shutil.copy(run, resumed / "last.npz")
    for command in (
        ["evaluate", run], ["predict", run, tiny_data / "val/red/00.png", "--out", tmp_path / "p.png"],
        [*train, tmp_path / "warm", "--warm-start", run], [*train, resumed, "--resume"],
    ):  # fmt: skip
        refused(command, ".npz: conv2_1.weight is not finite", "had diverged", "a smaller --lr")


def test_finite_weights_with_which_a_picture_overflows(refused, tmp_path, trained, tiny_data):
    def spoil(arrays, meta):
        for name in arrays:
            if name.startswith("model/") and name.endswith("weight"):
                arrays[name] = np.full_like(arrays[name], 1e30)

    run = altered(trained / "best.npz", tmp_path / "best.npz", spoil)
    picture = tiny_data / "val/red/00.png"
    refused(["predict", run, picture, "--out", tmp_path / "p.png"], picture, "not finite", "another checkpoint")


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_what_is_no_run(refused, tmp_path, trained, command):
    rest = [] if command == "evaluate" else ["a.png", "--out", tmp_path / "p.png"]
    np.savez(tmp_path / "foreign.npz", weights=np.ones(3))
    with open(tmp_path / "array.npz", "wb") as file:
        np.save(file, np.ones(3))
    for name, change in {
        "lost.npz": lambda arrays, meta: arrays.pop("model/fc3.bias"),
        "no_mean.npz": lambda arrays, meta: arrays.pop("mean"),
        "future.npz": lambda arrays, meta: meta.update(format=99),
        "poor.npz": lambda arrays, meta: meta.pop("classes"),
    }.items():
        altered(trained / "best.npz", tmp_path / name, change)
    for name, part in (
        ("foreign.npz", "not an intact checkpoint"), ("array.npz", "not an intact checkpoint"),
        ("lost.npz", "fc3.bias"), ("no_mean.npz", "mean"), ("future.npz", "format 99"), ("poor.npz", "classes"),
        ("nowhere", "neither a run folder nor an .npz file"), ("nowhere.npz", "does not exist"),
        (".", "a folder without best.npz"),
    ):  # fmt: skip
        cure = "minidelve train" if name in (".", "nowhere", "nowhere.npz") else "give another checkpoint"
        cure = "use the version that wrote it" if name == "future.npz" else cure
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
    assert main(["train", *map(str, [*options, "--short-side", 40, "--out", out])]) == 0
    return out


def figures(out: str) -> dict[tuple[str, str], list[float]]:
    """(run, scale) -> [top-1 error, cross entropy] from the table; of four classes there is no top-5 error."""
    lines = re.findall(r"^(\S+)  +(\S+(?: \S+)?)  +([\d.]+)%  +-  +([\d.]+)$", out, re.M)
    return {(run, scale): [float(x) for x in rest] for run, scale, *rest in lines}


def result(folder) -> dict:
    return json.loads((folder / "evaluation.json").read_text())


def test_scales_make_a_row_each_and_one_for_all(ok, trained, tmp_path):
    table = figures(ok("evaluate", trained, "--scales", "32,40", "--protocol", "dense", "--out", tmp_path / "t"))
    name = str(trained)
    assert list(table) == [(name, "32"), (name, "40"), (name, "all scales")]
    for scale in ("32", "40"):
        alone = ok("evaluate", trained, "--scales", scale, "--protocol", "dense")
        assert f"top-1 error {table[name, scale][0]:.2f}%" in alone and f"{table[name, scale][1]:.4f}" in alone
    assert table[name, "32"][1] != table[name, "40"][1]
    rows = result(tmp_path / "t")["rows"]
    assert [row["scale"] for row in rows] == ["32", "40", "all scales"]
    assert f"{rows[2]['cross_entropy']:.4f}" == f"{table[name, 'all scales'][1]:.4f}"


def test_protocols_differ_in_their_views_and_in_whether_they_flip(ok, trained):
    lines = []
    for protocol, flips in (("center", False), ("ten-view", True), ("dense", True)):
        line, on, off = (ok("evaluate", trained, "--protocol", protocol, *f) for f in ([], ["--flip"], ["--no-flip"]))
        assert on != off and line == (on if flips else off)
        lines.append(line)
    assert lines[0] == ok("evaluate", trained) and len(set(lines)) == 3


def test_scales_enlarge_small_images_and_without_them_images_stay(ok, trained):
    """The images have 32 pixels a side, and so has the shorter side that the run tests at."""
    default, same, larger = (ok("evaluate", trained, *more) for more in ([], ["--scales", 32], ["--scales", 64]))
    assert default == same.replace(" at scale 32", "") and "at scale 64" in larger
    assert default.partition(":")[2] != larger.partition(":")[2]


def test_a_run_is_tested_at_the_shorter_side_that_it_was_trained_with(ok, other):
    """40 for crops of 24. Without it, images would be shrunk to 27, or stay as they are, 32."""
    best = json.loads((other / "result.json").read_text())["best"]
    said = [ok("evaluate", other, *more) for more in ([], *(["--scales", side] for side in (40, 27, 32)))]
    default, same, shrunk, unscaled = (re.search(r"top-1 .* cross entropy [\d.]+", out)[0] for out in said)
    assert default.startswith(f"top-1 error {best['val_top1_error']:.2f}%")
    assert default == same and default not in (shrunk, unscaled)


def test_several_runs_make_an_ensemble(ok, trained, other):
    table = figures(ok("evaluate", trained, other, "--protocol", "ten-view"))
    assert list(table) == [(str(trained), "as trained"), (str(other), "as trained"), ("ensemble", "as trained")]
    for run in (trained, other):
        alone = ok("evaluate", run, "--protocol", "ten-view")
        assert f"cross entropy {table[str(run), 'as trained'][1]:.4f}" in alone
    losses = [row[1] for row in table.values()]
    assert losses[2] <= (losses[0] + losses[1]) / 2  # -log is convex
    same = figures(ok("evaluate", trained, trained / "best.npz", "--protocol", "dense"))
    assert len(set(map(tuple, same.values()))) == 1


def test_other_classes_are_refused(refused, trained, tmp_path):
    refused(["evaluate", trained, "--data", "toy"], "toy has 10 classes", "the 4 the run was trained on", "--data")
    foreign = tmp_path / "foreign.npz"
    altered(trained / "best.npz", foreign, lambda arrays, meta: meta.update(classes=["a", "b", "c", "d"]))
    refused(["evaluate", trained, foreign], foreign, "4 classes that are not the 4 of", "the same classes")


def test_confusions_name_the_worst_classes(ok, trained):
    out = ok("evaluate", trained, "--confusions", 2, "--protocol", "ten-view")
    assert "of 4 classes, 4 have no top-1 error" in out
    wrong = re.findall(r"^(\w+) +- +([\d.]+)% +4  (\w+) \((\d)\)", out, re.M)
    assert ("worst class" in out) == bool(wrong)
    for name, top1, rival, count in wrong:
        assert name != rival and 0 < int(count) <= float(top1) * 4 / 100


def test_out_gets_a_result_and_a_line_per_class(ok, refused, trained, tmp_path):
    out = tmp_path / "new" / "folder"
    evaluate = ["evaluate", trained, "--out", out]
    said = ok(*evaluate)
    top1 = result(out)["rows"][0]["top1_error"]
    assert f"top-1 error {top1:.2f}%" in said and result(out)["protocol"] == "center"
    with open(out / "classes.csv", encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["class"] for line in lines] == ["blue", "green", "red", "yellow"]
    assert sum(float(line["top1_error"]) * int(line["images"]) for line in lines) == pytest.approx(top1 * 16, abs=0.1)
    refused(evaluate, "already holds", "--overwrite")
    ok(*evaluate, "--overwrite")
    (tmp_path / "file").touch()
    refused(["evaluate", trained, "--out", tmp_path / "file"], "is a file")


def test_memory_changes_nothing_but_too_little_is_refused(ok, refused, trained):
    dense = ["evaluate", trained, "--protocol", "dense"]
    assert ok(*dense, "--scales", 48, "--max-memory", "1.8MB") == ok(*dense, "--scales", 48)
    parts = "val/blue/00.png", "32 x 32 pixels needs", "--max-memory is 60.0 KB", "smaller scale"
    refused([*dense, "--max-memory", "60KB"], *parts)
    refused(["evaluate", trained, "--max-memory", "50KB"], "--max-memory 50.0 KB", "a crop of 28 x 28 needs")


def test_bad_options(refused, trained):
    for option, *parts in (
        ("--scales=27", "a scale of 27", "at least 28", "the crops of"),
        ("--scales=64,", "'64,'", "shorter sides such as 256,384,480"),
        ("--scales=64,64", "'64,64'"),
        ("--max-memory=lots", "'lots'", "500MB or 4GB"),
        ("--max-memory=-1GB", "'-1GB'"),
        ("--protocol=nine", "'nine'"),
    ):
        refused(["evaluate", trained, option], *parts)


def test_elongated_images_and_different_sizes_are_tested_densely(ok, trained, tiny_data, tmp_path):
    data = shutil.copytree(tiny_data, tmp_path / "data")
    for name, size in (("00.png", (400, 30)), ("01.png", (40, 70))):
        Image.new("RGB", size, (200, 60, 60)).save(data / "val" / "red" / name)
    for protocol in ("dense", "ten-view"):
        out = ok("evaluate", trained, "--data", data, "--protocol", protocol)
        assert "(16 images)" in out
        assert ok("evaluate", trained, "--data", data, "--protocol", protocol, "--workers", 0, "--batch-size", 1) == out
