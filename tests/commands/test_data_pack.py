"""`minidelve data pack`: from images to a store, whatever stops it, and training on the store."""

import os
import re
import shutil
import signal
import time

import numpy as np
import pytest
from PIL import Image

from minidelve import data


def content(store):
    return {path.name: path.read_bytes() for path in sorted(store.iterdir())}


def test_a_store_is_packed_described_and_checked(cli, tiny_data, tmp_path):
    store = tmp_path / "store"
    code, out, _ = cli("data", "pack", tiny_data, store, "--short-side", 28, "--workers", 3)
    assert code == 0 and "train: 48 images packed\nval: 16 images packed\n" in out
    assert "about 0.2 MB of pixels for 64 images" in out and "smaller" not in out
    assert f"train on it with --data {store}" in out
    out = cli("data", store).out
    assert "store (packed layout), split train" in out and "all 28 x 28 pixels" in out
    assert re.search(r"^yellow +12 +4  yellow$", out, re.M)
    code, out, _ = cli("data", store, "--check")
    assert code == 0 and "64 images checked, 0 bad" in out


def test_images_that_are_smaller_keep_their_size_and_it_is_told(cli, tiny_data, tmp_path):
    out = cli("data", "pack", tiny_data, tmp_path / "store").out
    assert "48 of them are smaller than 256 and kept their size" in out
    assert data.open_dataset(tmp_path / "store").image(0).shape == (32, 32, 3)


def test_check_names_damaged_images(cli, tiny_data, tmp_path):
    store = tmp_path / "store"
    cli("data", "pack", tiny_data, store, "--short-side", 28)
    with open(store / "val.pixels", "r+b") as file:
        file.seek(7 * 28 * 28 * 3)
        file.write(b"damage")
    code, out, _ = cli("data", store, "--check")
    assert code == 1 and "64 images checked, 1 bad" in out
    assert f"bad: {store}/val.pixels[7]: is damaged" in out


def test_training_on_a_store_is_training_on_its_images(cli, tiny_data, tmp_path, quick):
    store = tmp_path / "store"
    cli("data", "pack", tiny_data, store, "--short-side", 32)
    metrics = []
    for path in (tiny_data, store):
        out = tmp_path / f"run-{path.name}"
        assert cli("train", *quick, "--data", path, "--out", out).code == 0
        # The last two columns are seconds and speed.
        metrics.append([line.split(",")[:6] for line in (out / "metrics.csv").read_text().splitlines()])
    assert metrics[0] == metrics[1] and len(metrics[0]) == 2


def test_a_bad_image_is_one_line_or_left_out(cli, refused, tiny_data, tmp_path):
    folder = shutil.copytree(tiny_data, tmp_path / "data")
    (folder / "train" / "red" / "x.png").write_text("text")
    code, _, err = cli("data", "pack", folder, tmp_path / "store")
    assert code == 2 and "train/red/x.png: is neither JPEG nor PNG" in err and len(err.splitlines()) == 1
    code, out, _ = cli("data", "pack", folder, tmp_path / "store", "--on-bad-image", "skip")
    assert code == 0 and "train: 48 images packed" in out
    assert f"left out: {folder}/train/red/x.png: is neither JPEG nor PNG" in out
    assert "left out 1 that could not be read: " in cli("data", tmp_path / "store").out


def test_mistakes_are_one_line(cli, refused, tiny_data, tmp_path):
    refused(["data", "pack", "/nowhere", tmp_path / "store"], "/nowhere", "does not exist")
    refused(["data", "pack", tiny_data, tmp_path / "store", "--short-side", 0], "--short-side", "'0'")
    cli("data", "pack", tiny_data, tmp_path / "store")
    refused(["data", "pack", tiny_data, tmp_path / "store"], "finished packed store", "--overwrite")
    assert cli("data", "pack", tiny_data, tmp_path / "store", "--overwrite", "--short-side", 16).code == 0


def test_an_unfinished_store_is_not_taken_for_a_finished_one(cli, refused, tiny_data, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("minidelve.commands.data_pack._shown", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
        code, _, err = cli("data", "pack", tiny_data, tmp_path / "my store", "--short-side", 16)
    assert code == 130 and "goes on where it was" in err
    for command in (["data"], ["train", "--out", tmp_path / "run", "--data"]):
        refused(
            [*command, tmp_path / "my store"],
            "is unfinished",
            f"minidelve data pack {tiny_data} '{tmp_path}/my store' --short-side 16",
        )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_process_stopped_from_outside_loses_nothing(cli, spawn, tmp_path, how):
    rng = np.random.default_rng(1)
    folder = tmp_path / "set" / "train" / "c"
    folder.mkdir(parents=True)
    for k in range(10):
        pixels = rng.integers(0, 256, (150, 150, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{k:04}.JPEG")
    for k in range(10, 900):
        os.link(folder / f"{k % 10:04}.JPEG", folder / f"{k:04}.JPEG")
    store = tmp_path / "store"
    process = spawn("data", "pack", tmp_path / "set", store, "--short-side", 140)
    deadline = time.monotonic() + 30
    while not (store / "train.journal").exists() or not (store / "train.journal").stat().st_size:
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.002)
    process.send_signal(how)
    _, err = process.communicate(timeout=30)
    if how == signal.SIGINT:
        assert process.returncode == 130 and "interrupted; the same command" in err and "Traceback" not in err
    assert cli("data", store).code == 2
    out = cli("data", "pack", tmp_path / "set", store, "--short-side", 140).out
    assert re.search(r"train: \d+ of 900 images are packed already", out)
    cli("data", "pack", tmp_path / "set", tmp_path / "whole", "--short-side", 140)
    assert content(store) == content(tmp_path / "whole")


def test_a_folder_called_pack_is_reached_by_its_path(cli, tiny_data, tmp_path, monkeypatch):
    shutil.copytree(tiny_data, tmp_path / "pack")
    monkeypatch.chdir(tmp_path)
    assert "pack (imagenet layout)" in cli("data", "./pack").out


def test_help_shows_both_actions(cli):
    out = cli("data", "--help").out
    assert "minidelve data pack SRC DST" in out and "minidelve data fetch NAME" in out
    assert "usage: minidelve data pack" in cli("data", "pack", "--help").out
    assert "usage: minidelve data fetch" in cli("data", "fetch", "--help").out
