"""`minidelve export`: a run as a file for other programs, and what a user can get wrong."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from minidelve import data
from minidelve.evaluation.crops import CropScorer
from minidelve.evaluation.ten_views import CropViews
from minidelve.training import checkpoint
from tests.commands.runs import altered

onnx = pytest.importorskip("onnx", reason="onnx is not installed: nothing to export with")


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "run.onnx"


def test_a_run_gives_the_scores_of_evaluate_in_onnxruntime(ok, trained, tiny_data, out):
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: nothing to run a graph with")
    assert ok("export", trained, out) == (f"{out}: rgb_images, uint8 (N, 28, 28, 3) -> probabilities, float32 (N, 4)\n")
    saved = checkpoint.load(trained / "best.npz")
    network = checkpoint.trained_network(saved, trained)
    pictures = data.open_dataset(tiny_data, "val")
    images = [pictures.image(i) for i in range(len(pictures))]
    expected = CropScorer(network, saved.statistics, CropViews(28, False, False), 64, 10**9)(images)
    crops = np.stack([image[2:-2, 2:-2] for image in images])
    found = runtime.InferenceSession(out).run(["probabilities"], {"rgb_images": crops})[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_a_dense_graph_takes_images_of_any_size(ok, trained, out):
    assert "uint8 (N, height, width, 3) -> probabilities, float32 (N, 4)" in ok("export", trained, out, "--dense")
    onnx.checker.check_model(onnx.load(out), full_check=True)


def test_dense_is_of_graphs_alone(refused, trained, tmp_path):
    refused(["export", trained, tmp_path / "a.safetensors", "--dense"], "--dense is not for", "leave it out")


def test_a_file_is_never_replaced_unasked(ok, refused, trained, out):
    out.write_text("mine")
    refused(["export", trained, out], f"{out} exists", "--overwrite", "another file")
    ok("export", trained, out, "--overwrite")
    assert onnx.load(out).producer_name == "minidelve"


def test_a_link_to_nothing_is_a_file_that_exists(refused, trained, tmp_path, out):
    out.symlink_to(tmp_path / "elsewhere.onnx")
    refused(["export", trained, out], f"{out} exists", "--overwrite")
    assert not (tmp_path / "elsewhere.onnx").exists()


def test_the_place_is_looked_at_before_the_run_is_read(refused, tmp_path, out):
    (tmp_path / "broken.npz").write_text("text")
    out.write_text("mine")
    refused(["export", tmp_path / "broken.npz", out], f"{out} exists")


def test_an_ending_may_be_in_capitals(ok, trained, tmp_path):
    ok("export", trained, tmp_path / "A.ONNX")
    assert onnx.load(tmp_path / "A.ONNX").producer_name == "minidelve"


def test_a_place_that_cannot_be_written(refused, trained, tmp_path):
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link.onnx").symlink_to(tmp_path / "no" / "x.onnx")
    for name, *parts in (
        ("folder.onnx", "is a folder", "ends in .onnx"), ("a.onyx", "ends in .onyx", "expected .onnx"),
        ("a", "ends in nothing", ".onnx"), ("no/a.onnx", "there is no folder", "make it"),
        ("file/a.onnx", "there is no folder"), ("link.onnx", "link.onnx"),
    ):  # fmt: skip
        refused(["export", trained, tmp_path / name], tmp_path / name, *parts)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_leaves_nothing(refused, trained, out):
    out.symlink_to("/dev/full")
    refused(["export", trained, out, "--overwrite"], f"{out} cannot be written (No space left on device)", "another")


def test_what_is_no_run(refused, trained, tmp_path, out):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.npz").write_text("text")
    (tmp_path / "picture.png").touch()
    for name, *parts in (
        ("empty", "a folder without best.npz or last.npz", "--out folder of a `minidelve train`"),
        ("text.npz", "is not an intact checkpoint", "give another checkpoint"),
        ("none", "neither a run folder nor an .npz"), ("picture.png", "neither a run folder nor an .npz"),
    ):  # fmt: skip
        refused(["export", tmp_path / name, out], tmp_path / name, *parts)


def test_a_diverged_run_is_not_exported(refused, trained, tmp_path, out):
    def diverge(arrays, meta):
        arrays["model/conv1.weight"][0, 0, 0, 0] = np.nan

    run = altered(trained / "best.npz", tmp_path / "nan.npz", diverge)
    refused(["export", run, out], "conv1.weight is not finite", "had diverged", "another checkpoint")


def test_without_the_library_one_line_says_what_to_install(refused, trained, out, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    refused(["export", trained, out], "an .onnx file needs the library onnx", "pip install 'minidelve[onnx]'")


def test_a_forgotten_word_is_missed(refused, trained):
    refused(["export", trained], "missing: OUT")
    refused(["export"], "missing: RUN, OUT")


def test_a_run_of_its_own_is_not_touched(ok, trained, tmp_path):
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    ok("export", run / "last.npz", tmp_path / "last.onnx")
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
