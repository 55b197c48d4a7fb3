"""`minidelve data`: a description, a check, a sheet, the toy set as files."""

import re
import shutil

import pytest
from PIL import Image

from minidelve import data


def test_a_folder_is_described_and_toy_is_the_default(ok, tiny_data):
    out = ok("data", tiny_data)
    assert "four (imagenet layout), split train" in out and "split val" in out
    assert "all 32 x 32 pixels (48 images looked at)" in out
    assert re.search(r"^class +train +val  name$", out, re.M)
    assert re.search(r"^yellow +12 +4  yellow$", out, re.M)
    out = ok("data", tiny_data, "--split", "val")
    assert "split val" in out and "split train" not in out and re.search(r"^red +4  red$", out, re.M)
    out = ok("data")
    assert "toy (toy layout)" in out and "all 64 x 64 pixels" in out


@pytest.fixture
def folder(tiny_data, tmp_path):
    return shutil.copytree(tiny_data, tmp_path / "data")


def test_strays_and_unequal_sizes_are_told(ok, folder):
    (folder / "train" / "red" / "notes.txt").touch()
    Image.new("RGB", (90, 20)).save(folder / "train" / "red" / "wide.png")
    out = ok("data", folder, "--split", "train")
    assert "train/red/notes.txt" in out
    assert "width 32 to 90, median 32, height 20 to 32, median 32 pixels (49 images looked at)" in out


def test_check_names_every_bad_image(cli, folder):
    assert cli("data", folder, "--check").code == 0
    bad = [folder / "train" / "red" / "03.png", folder / "val" / "blue" / "00.png"]
    for path in bad:
        path.write_bytes(path.read_bytes()[:200])
    code, out, _ = cli("data", folder, "--check")
    assert code == 1 and "64 images checked, 2 bad" in out
    assert "1 of them cannot be read, --check names them" in out
    assert all(f"bad: {path}: is broken or truncated" in out for path in bad)


def test_long_lists_of_classes_are_cut(ok, tmp_path):
    for name in [f"{split}/c{k:02}" for split in ("train", "val") for k in range(27)]:
        (tmp_path / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name / "a.png")
    out = ok("data", tmp_path)
    assert "c24 " in out and "c25 " not in out and "... and 2 more" in out
    assert "c26 " in ok("data", tmp_path, "--all-classes")


def test_a_sheet_has_a_row_per_class(ok, refused, tiny_data, tmp_path):
    sheet = tmp_path / "sheet.png"
    ok("data", tiny_data, "--sheet", sheet)
    with Image.open(sheet) as picture:
        assert picture.height == 4 * 68 + 4 and picture.width > 600
        top = 4 + 2 * 68  # classes are sorted: the third is red
        row = picture.crop((190, top, 190 + 32, top + 32)).resize((1, 1), Image.Resampling.BOX)
        red, green, _ = row.getpixel((0, 0))
        assert red > 1.8 * green
    refused(["data", tiny_data, "--sheet", sheet], f"--sheet {sheet} exists", "--overwrite")
    refused(["data", tiny_data, "--sheet", tmp_path / "a.pdf"], "a.pdf ends in .pdf", "expected .png")
    ok("data", tiny_data, "--sheet", sheet, "--overwrite")


def test_the_toy_set_is_written_and_reads_back(ok, refused, tmp_path, monkeypatch):
    write, folder = data.write_toy, tmp_path / "toy"
    monkeypatch.setattr(data, "write_toy", lambda folder, **rest: write(folder, train_size=20, val_size=10, **rest))
    assert f"--data {folder}" in ok("data", "--write-toy", folder)
    read = data.open_dataset(folder, "train")
    assert len(read) == 20 and read.classes == data.ToyDataset("train").classes
    refused(["data", "--write-toy", folder], folder, "not an empty folder")


def test_bad_input(refused, tmp_path):
    for split in ("train", "val"):
        refused(["data", "/nowhere", "--split", split], "/nowhere", "does not exist")
    (tmp_path / "empty").mkdir()
    refused(["data", tmp_path / "empty"], "is empty")
