"""`minidelve data pack`: from images to a store, whatever stops it, and training on the store."""

import os
import re
import shutil
import signal
import time

import pytest

from minidelve import data
from tests.commands.runs import interrupted, metrics, remarks, snapshot
from tests.data.files import encode, pixels_of


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


def test_a_store_is_packed_described_and_checked(ok, tiny_data, store):
    out = ok("data", "pack", tiny_data, store, "--short-side", 28, "--workers", 3)
    assert "train: 48 images packed\nval: 16 images packed\n" in out
    assert "about 0.2 MB of pixels for 64 images" in out and "smaller" not in out
    assert f"train on it with --data {store}" in out
    out = ok("data", store)
    assert "store (packed layout), split train" in out and "all 28 x 28 pixels" in out
    assert re.search(r"^yellow +12 +4  yellow$", out, re.M)
    assert "64 images checked, 0 bad" in ok("data", store, "--check")


def test_check_names_damaged_images(cli, ok, tiny_data, store):
    ok("data", "pack", tiny_data, store, "--short-side", 28)
    with open(store / "val.pixels", "r+b") as file:
        file.seek(7 * 28 * 28 * 3)
        file.write(b"damage")
    code, out, _ = cli("data", store, "--check")
    assert code == 1 and "64 images checked, 1 bad" in out
    assert f"bad: {store}/val.pixels[7]: is damaged" in out


def test_training_on_a_store_is_training_on_its_images(ok, tiny_data, tmp_path, store, quick, no_drawing):
    ok("data", "pack", tiny_data, store, "--short-side", 32)
    runs = {tmp_path / "run-1": tiny_data, tmp_path / "run-2": store}
    for out, path in runs.items():
        ok("train", *quick, "--data", path, "--out", out)
    direct, packed = map(metrics, runs)
    assert direct == packed and len(direct) == 2


def test_a_bad_image_is_one_line_or_left_out(cli, ok, tiny_data, tmp_path, store):
    folder = shutil.copytree(tiny_data, tmp_path / "data")
    (folder / "train" / "red" / "x.png").write_text("text")
    code, _, err = cli("data", "pack", folder, store)
    assert code == 2 and "train/red/x.png: is neither JPEG nor PNG" in err and len(err.splitlines()) == 1
    out = ok("data", "pack", folder, store, "--on-bad-image", "skip")
    assert "train: 48 images packed" in out
    assert f"left out: {folder}/train/red/x.png: is neither JPEG nor PNG" in out
    assert "left out 1 that could not be read: " in ok("data", store)


def test_mistakes_are_one_line_and_smaller_images_keep_their_size(ok, refused, tiny_data, store):
    refused(["data", "pack", "/nowhere", store], "/nowhere", "does not exist")
    refused(["data", "pack", tiny_data, store, "--short-side", 0], "--short-side", "'0'")
    assert "48 of them are smaller than 256 and kept their size" in ok("data", "pack", tiny_data, store)
    assert data.open_dataset(store).image(0).shape == (32, 32, 3)
    refused(["data", "pack", tiny_data, store], "finished packed store", "--overwrite")
    ok("data", "pack", tiny_data, store, "--overwrite", "--short-side", 16)


def test_an_unfinished_store_is_refused(cli, refused, tiny_data, tmp_path, monkeypatch):
    pack = ["data", "pack", tiny_data, tmp_path / "my store", "--short-side", 16]
    with monkeypatch.context() as patch:
        patch.setattr("minidelve.data.packing.pack.check_room", interrupted)
        assert cli(*pack)[::2] == (130, "minidelve: interrupted\n")  # nothing is there with which to go on
    with monkeypatch.context() as patch:
        patch.setattr("minidelve.commands.data_pack.show_images", interrupted)
        code, _, err = cli(*pack)
    assert code == 130 and "goes on where it was" in err
    again = f"minidelve data pack {tiny_data} '{tmp_path}/my store' --short-side 16"
    for command in (["data"], ["train", "--out", tmp_path / "run", "--data"]):
        refused([*command, tmp_path / "my store"], "is unfinished", again)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_process_stopped_from_outside_loses_nothing(cli, ok, spawn, tmp_path, store, how):
    folder = tmp_path / "set" / "train" / "c"
    folder.mkdir(parents=True)
    for k in range(10):
        (folder / f"{k:04}.JPEG").write_bytes(encode(pixels_of(k, size=150), "JPEG"))
    for k in range(10, 900):
        os.link(folder / f"{k % 10:04}.JPEG", folder / f"{k:04}.JPEG")
    pack = ["data", "pack", tmp_path / "set", "--short-side", 140]
    process = spawn(*pack, store)
    deadline = time.monotonic() + 30
    while not (store / "train.journal").exists() or not (store / "train.journal").stat().st_size:
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.002)
    process.send_signal(how)
    _, err = process.communicate(timeout=30)
    if how != signal.SIGKILL:
        what = "interrupted" if how == signal.SIGINT else "ended by SIGTERM"
        line = f"minidelve: {what}; the same command, without --overwrite, goes on where it was"
        assert (process.returncode, remarks(err)) == (128 + how, [line])
    assert cli("data", store).code == 2
    assert re.search(r"train: \d+ of 900 images are packed already", ok(*pack, store))
    ok(*pack, tmp_path / "whole")
    assert snapshot(store) == snapshot(tmp_path / "whole")


def test_a_folder_called_pack_is_no_action_and_help_shows_the_actions(ok, tiny_data, tmp_path, monkeypatch):
    shutil.copytree(tiny_data, tmp_path / "pack")
    monkeypatch.chdir(tmp_path)
    assert "pack (imagenet layout)" in ok("data", "./pack")
    for use in ("pack SRC DST", "fetch NAME"):
        assert f"minidelve data {use}" in ok("data", "--help")
        assert f"usage: minidelve data {use.split()[0]}" in ok("data", use.split()[0], "--help")
