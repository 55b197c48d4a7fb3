"""Words and pictures never end a run: outputs that fail, names that cannot be shown, figures that cannot be drawn."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from matplotlib.figure import Figure

from minidelve import progress
from minidelve.training import curves
from tests.commands.runs import remarks
from tests.helpers import ROOT

NAMES = {"red": "犬", "green": "caf\udce9", "blue": "$x_1$", "yellow": "a\nb"}


@pytest.fixture(autouse=True)
def as_in_a_new_process(monkeypatch):
    monkeypatch.setattr(progress, "_said", set())
    monkeypatch.setattr(progress, "_lost", {})


@pytest.fixture
def strange(tiny_data, tmp_path):
    """The tiny data set, in a folder and with classes whose names are hard to show."""
    root = tmp_path / "set \udce9 $_{"
    try:
        shutil.copytree(tiny_data, root)
        for split in ("train", "val"):
            for old, new in NAMES.items():
                (root / split / old).rename(root / split / new)
    except OSError:
        pytest.skip("this file system takes only names that are UTF-8")
    return root


def test_names_that_cannot_be_shown_end_nothing(cli, quick, strange, tmp_path):
    run, picture = tmp_path / "run \udce9", next((strange / "val/caf\udce9").iterdir())
    train = ["train", *quick, "--data", strange, "--out", run]
    test, store, drawing, graph = (tmp_path / name for name in ("test", "store", "p.svg", "\udce9.onnx"))
    told = []
    for words, files in (
        (["data", strange, "--check", "--sheet", tmp_path / "sheet.png"], [tmp_path / "sheet.png"]),
        (train, [run / name for name in ("result.json", "metrics.csv", "curves.png")]),
        (["evaluate", run, "--confusions", 4, "--out", test], [test / "evaluation.json", test / "classes.csv"]),
        (["predict", run, picture, "--out", drawing], [drawing]),
        (["export", run, graph], [graph]),
        (["data", "pack", strange, store], [store / "minidelve-store.json"]),
    ):
        code, _, err = cli(*words)
        assert code == 0 and all(file.stat().st_size for file in files)
        told += err.splitlines()
    (line,) = told  # once in a process
    assert "cannot show some characters; their codes stand in their place" in line
    assert json.loads((run / "config.json").read_text())["data"] == str(strange)
    assert r"caf\udce9" in (test / "classes.csv").read_text(encoding="utf-8")
    shown = drawing.read_text(encoding="utf-8")
    assert "<!-- class " in shown and "<!-- $x_1$ -->" in shown and "犬" not in shown


FULL = "minidelve: standard output cannot be written (No space left on device); the work goes on without it"


@pytest.mark.parametrize("words", ["train", "evaluate", "data", "reproduce"])
def test_work_is_done_when_its_outputs_fail(words, quick, trained, tiny_data, tmp_path):
    out = tmp_path / "out"
    command, redirection, said, made = {
        "train": (["train", *quick, "--out", out], ">/dev/full", FULL, "result.json"),
        "evaluate": (["evaluate", trained, "--out", out], "2>&1 | true", "", "evaluation.json"),
        "data": (["data", tiny_data, "--check"], ">&- 2>&-", "", None),
        "reproduce": (["reproduce", "momentum", "--out", out], ">/dev/full 2>&1", "", "momentum/page.md"),
    }[words]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "$@" {redirection}', "bash", sys.executable, "-m", "minidelve"]
        + list(map(str, command)),
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout, remarks(done.stderr)) == (0, "", [said] if said else [])
    assert made is None or (out / made).is_file()


def test_results_are_written_before_anything_is_drawn(ok, quick, tmp_path, monkeypatch):
    there = []
    monkeypatch.setattr(curves, "draw_curves", lambda *args, **kw: there.append((tmp_path / "result.json").exists()))
    ok("train", *quick, "--out", tmp_path)
    assert there == [True]


def test_a_figure_that_cannot_be_drawn_costs_nothing_else(cli, quick, trained, tiny_data, tmp_path, monkeypatch):
    def fails(*args, **options):
        raise RuntimeError("LaTeX is missing")

    monkeypatch.setattr(Figure, "savefig", fails)
    for words, what, made in (
        (["train", *quick, "--out", tmp_path / "run"], "curves.png", "run/result.json"),
        (["predict", trained, "--data", tiny_data, "--out", tmp_path / "p.png"], "the figure", None),
        (["reproduce", "momentum", "--out", tmp_path], "momentum's figure.png", "momentum/page.md"),
    ):
        code, out, err = cli(*words)
        assert code == 0 and out and "drawn in" not in out
        assert err == f"minidelve: {what} cannot be drawn (RuntimeError: LaTeX is missing); all else is done\n"
        assert made is None or (tmp_path / made).is_file()
    assert not (tmp_path / "p.png").exists()


def test_a_disk_that_fills_up_before_the_curves_costs_only_them(cli, quick, tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(curves, "write_whole", full)
    code, _, err = cli("train", *quick, "--out", tmp_path / "run")
    assert code == 0 and "curves.png cannot be written (No space left on device)" in err and err.count("\n") == 1
    assert (tmp_path / "run/result.json").is_file()
