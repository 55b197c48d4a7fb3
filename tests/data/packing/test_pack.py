"""Packing: the right pixels, and the same bytes however often it is stopped."""

import errno
import io
import json
import os
import shutil
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from minidelve import data
from minidelve.data.packing import journal, place
from minidelve.data.packing import pack as packing
from minidelve.data.packing.pack import pack
from minidelve.errors import DataError
from tests.helpers import raises

SHAPES = [(40, 30), (30, 40), (24, 24), (10, 50), (64, 25), (33, 33), (25, 24)]  # height, width
SHORT = 24


@pytest.fixture
def source(tmp_path):
    """23 training and 7 validation images of many sizes in 2 classes, as noisy JPEGs."""
    rng = np.random.default_rng(7)
    for split, count in (("train", 23), ("val", 7)):
        for k in range(count):
            path = tmp_path / "set" / split / f"c{k % 2}" / f"{k:02}.JPEG"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (*SHAPES[k % len(SHAPES)], 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path, quality=90)
    return tmp_path / "set"


@pytest.fixture
def whole(source, tmp_path):
    """The files of the store that is packed in one go."""
    pack(source, tmp_path / "whole", SHORT)
    return content(tmp_path / "whole")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "store"


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(packing, "BLOCK", 4)


def content(store):
    return {path.name: path.read_bytes() for path in sorted(store.iterdir())}


def refused(*args, says, **options):
    raises(DataError, lambda: pack(*args, **options), says)


def interrupted(source, out, count=13, **options):
    """Pack, and press Ctrl-C after so many images."""
    left = count

    def track(items, total, what):
        nonlocal left
        for item in items:
            if not left:
                raise KeyboardInterrupt
            left -= 1
            yield item

    with pytest.raises(KeyboardInterrupt):
        pack(source, out, SHORT, track=track, **options)


@pytest.mark.parametrize("workers", [1, 5])
def test_a_store_holds_every_image_decoded_and_scaled(source, out, workers):
    header = pack(source, out, SHORT, workers=workers)
    for split in ("train", "val"):
        packed, direct = data.open_dataset(out, split), data.open_dataset(source, split)
        assert packed.labels.tolist() == direct.labels.tolist() and packed.classes == direct.classes
        for i in range(len(direct)):
            picture = Image.open(direct.path(i)).convert("RGB")  # Pillow alone, by the definition
            shorter = min(picture.size)
            if shorter > SHORT:
                size = [round(side * SHORT / shorter) for side in picture.size]
                picture = picture.resize(size, Image.Resampling.BILINEAR)
            np.testing.assert_array_equal(packed.image(i), np.asarray(picture))
    # 10 x 50 is image 3 of every 7; 24 x 24 and 25 x 24 are not smaller.
    assert header["splits"]["train"]["smaller"] == 3 and header["splits"]["val"]["smaller"] == 1


@pytest.mark.parametrize("stops", [[0], [3], [4], [9, 2, 11], [23], [22], [1] * 4 + [5] * 4])
def test_interrupted_and_resumed_is_the_same_byte_for_byte(source, out, whole, stops):
    for count in stops:
        interrupted(source, out, count)
        with pytest.raises(DataError, match="is unfinished.*minidelve data pack .*set .*store --short-side 24"):
            data.open_dataset(out)
    journals = [path.read_text().splitlines() for path in out.glob("*.journal")]
    done = sum(json.loads(lines[-1])["next"] for lines in journals if lines)
    assert done >= max(stops) // 4 * 4
    left = []
    pack(source, out, SHORT, track=lambda items, total, what: (left.append(total), items)[1])
    assert sum(left) == 30 - done  # it went on, and did not start again
    assert content(out) == whole


def test_whatever_was_written_after_the_last_whole_block_is_dropped(source, out, whole):
    interrupted(source, out)
    # A killed process leaves pixels without their line, or half a line.
    for name, content_left in (
        ("train.pixels", b"half an image"),
        ("train.journal", b'{"images": [[12, 24, 24, 1'),
    ):
        with open(out / name, "ab") as file:
            file.write(content_left)
    pack(source, out, SHORT)
    assert content(out) == whole


def test_the_journal_vouches_only_for_pixels_that_are_on_the_disk(source, out, monkeypatch):
    synced, to_disk = set(), journal.to_disk

    def watched(file):
        name = os.path.basename(file.name)
        pixels = name.replace("journal", "pixels")
        if name == pixels:
            synced.add(pixels)
            return to_disk(file)
        assert pixels in synced
        synced.clear()
        to_disk(file)
        lines = [json.loads(line) for line in (out / name).read_text().splitlines()]
        promised = sum(h * w * 3 for line in lines for _, h, w, _ in line["images"])
        assert (out / pixels).stat().st_size == promised

    monkeypatch.setattr(journal, "to_disk", watched)
    pack(source, out, SHORT)


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_damaged_line_of_the_journal_is_packed_again_and_said(source, out, whole, line, monkeypatch):
    """A digit of an image's number would be another label; a line that is lost or there twice, other images."""
    monkeypatch.setattr(os, "fsync", lambda file: None)  # no power fails here, and a busy disk takes its time
    interrupted(source, out)
    lines = (out / "train.journal").read_bytes().splitlines(keepends=True)
    assert len(lines) == 3
    digit = lines[line].index(b"[[") + 2
    other = lines[line][:digit] + b"7" + lines[line][digit + 1 :]
    for spoilt in (other, b"", 2 * lines[line], b"{}\n", b"[]\n", b"\n", b"\xff\n", b"9" * 5000 + b"\n"):
        begun = shutil.copytree(out, out.parent / "begun", dirs_exist_ok=True)
        (begun / "train.journal").write_bytes(b"".join(lines[:line]) + spoilt + b"".join(lines[line + 1 :]))
        said = []
        pack(source, begun, SHORT, say=said.append)
        right = line + (spoilt == 2 * lines[line])  # lines that count
        lost = spoilt == b"" and line == 2
        note = f"train: its journal is damaged after image {4 * right}; what follows is packed again"
        assert (note in said) != lost and content(begun) == whole
        shutil.rmtree(begun)


def test_a_journal_without_checksums_is_begun_anew(source, out, whole):
    interrupted(source, out)
    lines = [json.loads(line) for line in (out / "train.journal").read_text().splitlines()]
    for line in lines:
        del line["crc32"]
    (out / "train.journal").write_text("".join(json.dumps(line) + "\n" for line in lines))
    pack(source, out, SHORT)
    assert content(out) == whole


def test_a_lost_pixel_file_is_not_papered_over(source, out):
    interrupted(source, out)
    os.truncate(out / "train.pixels", 100)
    refused(source, out, SHORT, says="has 100 bytes where its journal says")
    pack(source, out, SHORT, overwrite=True)
    data.open_dataset(out)


def test_stopped_between_header_and_tidying_up_is_finished(source, out, whole, monkeypatch):
    remove = place.StoreFolder.remove

    def stopped(folder, names=None):
        if names == place.JOURNALS:
            raise KeyboardInterrupt
        remove(folder, names)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(place.StoreFolder, "remove", stopped)
        pack(source, out, SHORT)
    assert (out / "train.journal").exists() and len(data.open_dataset(out)) == 23
    refused(source, out, SHORT, says="is a finished packed store")
    assert content(out) == whole


def test_a_finished_store_is_replaced_only_when_asked(source, out, whole):
    pack(source, out, SHORT)
    for side in (SHORT, 12):
        refused(source, out, side, says="--overwrite")
        assert content(out) == whole
    pack(source, out, 12, overwrite=True)
    assert min(data.open_dataset(out).image(0).shape[:2]) == 12


def test_other_options_than_those_it_was_begun_with_are_refused(source, out, tmp_path):
    skip = {"on_bad_image": "skip"}
    interrupted(source, out, **skip)
    before = content(out)
    refused(source, out, 12, **skip, says="begun with --short-side 24, now it is 12")
    refused(source, out, SHORT, says="begun with --on-bad-image skip, now it is error")
    os.rename(source, tmp_path / "moved")
    refused(tmp_path / "moved", out, SHORT, **skip, says=f"begun with its source {source}")
    os.rename(tmp_path / "moved", source)
    os.rename(source / "train/c0/02.JPEG", source / "train/c1/02.JPEG")
    refused(source, out, SHORT, **skip, says="has other images or classes")
    assert content(out) == before


def test_a_store_is_not_gone_on_with_when_images_have_changed_their_class(source, out):
    """Half the labels would be old ones. The images and their names are the same: only the list differs."""
    labels = {}
    for path in sorted((source / "val").glob("*/*")):
        labels[path.name] = path.parent.name
        path.rename(source / "val" / path.name)
    for folder in ("c0", "c1"):
        (source / "val" / folder).rmdir()

    def write_list():
        (source / "val.txt").write_text("".join(f"{name} {label}\n" for name, label in labels.items()))

    write_list()
    interrupted(source, out)
    before = content(out)
    labels["00.JPEG"], labels["01.JPEG"] = labels["01.JPEG"], labels["00.JPEG"]
    write_list()
    refused(source, out, SHORT, says="has other images or classes")
    assert content(out) == before


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_store_is_left_alone(source, out, tmp_path, overwrite):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    pack(source, out, SHORT)
    (out / "letter.txt").write_text("dear")
    for path, folder, says in (
        (source, tmp_path / "mine", "is not empty (letter.txt)"), (source, out, "letter.txt"),
        (source, tmp_path / "mine" / "letter.txt", "is a file"), (out, out, "is the source itself"),
    ):  # fmt: skip
        refused(path, folder, 12, overwrite=overwrite, says=says)
    assert len(data.open_dataset(out)) == 23


def test_a_bad_image_stops_it_or_is_left_out_and_noted(source, out, tmp_path):
    bad = source / "train" / "c0" / "16.JPEG"
    bad.write_bytes(bad.read_bytes()[:300])
    raises(DataError, lambda: pack(source, out, SHORT), str(bad), "--on-bad-image skip")
    pack(source, tmp_path / "whole", SHORT, on_bad_image="skip")
    header = pack(source, out, SHORT, on_bad_image="skip")  # goes on
    assert content(out) == content(tmp_path / "whole")
    ((path, reason),) = header["splits"]["train"]["skipped"]
    assert path == str(bad) and "truncated" in reason and header["splits"]["val"]["skipped"] == []
    packed, direct = data.open_dataset(out), data.open_dataset(source)
    left = [i for i in range(23) if direct.path(i) != path]
    assert packed.labels.tolist() == direct.labels[left].tolist() and "left out 1" in packed.describe()
    np.testing.assert_array_equal(packed.image(8), data.ShrinkShorterSide(SHORT)(direct.image(9), None))


def test_a_full_disk_is_one_line_and_packing_goes_on_after_it(source, out, whole, monkeypatch):
    calls, to_disk = [], journal.to_disk

    def full(file):
        calls.append(file)
        if len(calls) == 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        to_disk(file)

    with monkeypatch.context() as patch:
        patch.setattr(journal, "to_disk", full)
        raises(DataError, lambda: pack(source, out, SHORT), "No space left on device", f"minidelve data pack {source}")
    pack(source, out, SHORT)
    assert content(out) == whole


def test_too_little_room_is_told_before_anything_is_written(source, out, tmp_path, monkeypatch):
    said = []
    pack(source, out, SHORT, say=said.append)
    size = sum(path.stat().st_size for path in out.glob("*.pixels"))
    assert float(said[0].split()[1]) == pytest.approx(size / 1e6, abs=0.06)  # "about 0.1 MB of pixels"
    monkeypatch.setattr(place.shutil, "disk_usage", lambda place: SimpleNamespace(free=1000))
    refused(source, tmp_path / "other", SHORT, says="needs about")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("short_side, announced", [(16, "1.5 MB"), (32, "6.1 MB"), (64, "24.6 MB"), (256, "24.6 MB")])
def test_the_announced_size_follows_the_area_that_is_kept(out, short_side, announced):
    """2000 images of 64 x 64: 2000 * 3 * short_side^2 bytes, and smaller images are not enlarged."""
    said = []
    out.mkdir()
    place.check_room(out, [data.ToyDataset("train", train_size=2000)], short_side, False, said.append)
    assert said[0].startswith(f"about {announced} of pixels for 2000 images; ")


def test_two_packers_do_not_write_one_store(source, out):
    def second(items, total, what):
        refused(source, out, SHORT, says="is in use by process")
        return items

    pack(source, out, SHORT, track=second)
    assert len(data.open_dataset(out)) == 23


def test_a_set_with_val_alone_is_packed(source, out, tmp_path):
    os.rename(source / "train", tmp_path / "train")
    header = pack(source, out, SHORT)
    assert list(header["splits"]) == ["val"] and len(data.open_dataset(out, "val")) == 7
    with pytest.raises(data.MissingSplit, match="no split 'train'; expected 'val'"):
        data.open_dataset(out)


def test_header_and_index_say_what_the_format_promises(source, whole):
    names = "minidelve-store.json train.index.npy train.pixels val.index.npy val.pixels"
    assert " ".join(whole) == names
    header, direct = json.loads(whole["minidelve-store.json"]), data.open_dataset(source)
    assert header["classes"] == ["c0", "c1"] and header["short_side"] == SHORT and header["source"] == str(source)
    index = np.load(io.BytesIO(whole["train.index.npy"]), allow_pickle=False)
    pixels, at = whole["train.pixels"], 0
    for i, (offset, height, width, label, crc32) in enumerate(index.tolist()):
        assert (offset, label, crc32) == (at, direct.labels[i], zlib.crc32(pixels[at : at + 3 * height * width]))
        at += 3 * height * width
    assert at == len(pixels) == header["splits"]["train"]["pixel_bytes"]


def test_a_store_is_packed_from_a_store(source, tmp_path):
    pack(source, tmp_path / "large", SHORT)
    pack(tmp_path / "large", tmp_path / "small", 12)
    small, large = data.open_dataset(tmp_path / "small"), data.open_dataset(tmp_path / "large")
    np.testing.assert_array_equal(small.image(5), data.ShrinkShorterSide(12)(large.image(5), None))
    assert Path(json.loads((tmp_path / "small/minidelve-store.json").read_text())["source"]).name == "large"
