"""`minidelve data`: a description, a check, a sheet, the toy set as files."""

import re
import shutil

import pytest
from PIL import Image

from minidelve import data


def test_a_folder_is_described(cli, tiny_data):
    code, out, err = cli("data", tiny_data)
    assert (code, err) == (0, "")
    assert "four (imagenet layout), split train" in out and "split val" in out
    assert "all 32 x 32 pixels (48 images looked at)" in out
    assert re.search(r"^class +train +val  name$", out, re.M)
    assert re.search(r"^yellow +12 +4  yellow$", out, re.M)


def test_one_split(cli, tiny_data):
    out = cli("data", tiny_data, "--split", "val").out
    assert "split val" in out and "split train" not in out and re.search(r"^red +4  red$", out, re.M)


def test_toy_is_the_default(cli):
    out = cli("data").out
    assert "toy (toy layout)" in out and "all 64 x 64 pixels" in out


def test_strays_and_unequal_sizes_are_told(cli, tiny_data, tmp_path):
    folder = shutil.copytree(tiny_data, tmp_path / "data")
    (folder / "train" / "red" / "notes.txt").touch()
    Image.new("RGB", (90, 20)).save(folder / "train" / "red" / "wide.png")
    out = cli("data", folder, "--split", "train").out
    assert "train/red/notes.txt" in out
    assert "width 32 to 90, median 32, height 20 to 32, median 32 pixels (49 images looked at)" in out


def test_check_names_every_bad_image(cli, tiny_data, tmp_path):
    assert cli("data", tiny_data, "--check")[:2][0] == 0
    folder = shutil.copytree(tiny_data, tmp_path / "data")
    bad = [folder / "train" / "red" / "03.png", folder / "val" / "blue" / "00.png"]
    for path in bad:
        path.write_bytes(path.read_bytes()[:200])
    code, out, _ = cli("data", folder, "--check")
    assert code == 1 and "64 images checked, 2 bad" in out
    assert "1 of them cannot be read, --check names them" in out
    assert all(f"bad: {path}: is broken or truncated" in out for path in bad)


def test_long_lists_of_classes_are_cut(cli, tmp_path):
    for split in ("train", "val"):
        for k in range(27):
            (tmp_path / split / f"c{k:02}").mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(tmp_path / split / f"c{k:02}" / "a.png")
    out = cli("data", tmp_path).out
    assert "c24 " in out and "c25 " not in out and "... and 2 more" in out
    assert "c26 " in cli("data", tmp_path, "--all-classes").out


def test_a_sheet_has_a_row_per_class(cli, refused, tiny_data, tmp_path):
    sheet = tmp_path / "sheet.png"
    assert cli("data", tiny_data, "--sheet", sheet).code == 0
    with Image.open(sheet) as picture:
        assert picture.height == 4 * 68 + 4
        red, _, blue = picture.getpixel((206, 2 * 68 + 20))  # classes are sorted: the third is red
        assert picture.size[0] > 600 and isinstance(red, int) and isinstance(blue, int)
        row = picture.crop((190, 4 + 2 * 68, 190 + 32, 4 + 2 * 68 + 32)).resize((1, 1), Image.Resampling.BOX)
        assert row.getpixel((0, 0))[0] > 1.8 * row.getpixel((0, 0))[1]
    refused(["data", tiny_data, "--sheet", sheet], f"--sheet {sheet} exists", "--overwrite")
    refused(["data", tiny_data, "--sheet", tmp_path / "a.pdf"], "a.pdf ends in .pdf", "expected .png")
    assert cli("data", tiny_data, "--sheet", sheet, "--overwrite").code == 0


def test_the_toy_set_is_written_and_reads_back(cli, refused, tmp_path, monkeypatch):
    write = data.write_toy
    monkeypatch.setattr(data, "write_toy", lambda folder, **rest: write(folder, train_size=20, val_size=10, **rest))
    folder = tmp_path / "toy"
    code, out, _ = cli("data", "--write-toy", folder)
    assert code == 0 and f"--data {folder}" in out
    read = data.open_dataset(folder, "train")
    assert len(read) == 20 and read.classes == data.ToyDataset("train").classes
    refused(["data", "--write-toy", folder], folder, "not an empty folder")


@pytest.mark.parametrize("split", ["train", "val"])
def test_bad_input(refused, tmp_path, split):
    refused(["data", "/nowhere", "--split", split], "/nowhere", "does not exist")
    (tmp_path / "empty").mkdir()
    refused(["data", tmp_path / "empty"], "is empty")
