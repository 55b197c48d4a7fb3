"""Packing: the right pixels, and the same bytes however often it is stopped."""

import contextlib
import errno
import io
import json
import os
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
            height, width = SHAPES[k % len(SHAPES)]
            pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path, quality=90)
    return tmp_path / "set"


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(packing, "BLOCK", 4)


def content(store):
    return {path.name: path.read_bytes() for path in sorted(store.iterdir())}


def refused(*args, **options):
    with pytest.raises(DataError) as error:
        pack(*args, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def stopping_after(count, error=KeyboardInterrupt):
    """A `track` that raises after so many images."""
    seen = 0

    def track(items, total, what):
        nonlocal seen
        for item in items:
            if seen == count:
                raise error
            seen += 1
            yield item

    return track


@pytest.mark.parametrize("workers", [1, 5])
def test_a_store_holds_every_image_decoded_and_scaled(source, tmp_path, workers):
    header = pack(source, tmp_path / "store", SHORT, workers=workers)
    for split in ("train", "val"):
        packed, direct = data.open_dataset(tmp_path / "store", split), data.open_dataset(source, split)
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
def test_interrupted_and_resumed_is_the_same_byte_for_byte(source, tmp_path, stops):
    pack(source, tmp_path / "whole", SHORT)
    store = tmp_path / "parts"
    for count in stops:
        with contextlib.suppress(KeyboardInterrupt):
            pack(source, store, SHORT, track=stopping_after(count))
            pytest.fail("it was not interrupted")
        with pytest.raises(DataError, match="is unfinished.*minidelve data pack .*set .*parts --short-side 24"):
            data.open_dataset(store)
    done = sum(
        json.loads(path.read_text().splitlines()[-1])["next"] for path in store.glob("*.journal") if path.stat().st_size
    )
    assert done >= max(stops) // 4 * 4
    left = []
    pack(source, store, SHORT, track=lambda items, total, what: (left.append(total), items)[1])
    assert sum(left) == 30 - done  # it went on, and did not start again
    assert content(store) == content(tmp_path / "whole")


def test_whatever_was_written_after_the_last_whole_block_is_dropped(source, tmp_path):
    pack(source, tmp_path / "whole", SHORT)
    store = tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt):
        pack(source, store, SHORT, track=stopping_after(13))
    with open(store / "train.pixels", "ab") as file:  # a killed process leaves pixels without their line,
        file.write(b"half an image")
    with open(store / "train.journal", "ab") as file:  # or half a line
        file.write(b'{"images": [[12, 24, 24, 1')
    pack(source, store, SHORT)
    assert content(store) == content(tmp_path / "whole")


def test_the_journal_vouches_only_for_pixels_that_are_on_the_disk(source, tmp_path, monkeypatch):
    store, synced, to_disk = tmp_path / "store", set(), journal.to_disk

    def watched(file):
        name = os.path.basename(file.name)
        if name.endswith("journal"):
            assert name.replace("journal", "pixels") in synced
        synced.add(name) if name.endswith("pixels") else synced.clear()
        to_disk(file)
        if name.endswith("journal"):
            promised = [
                h * w * 3
                for line in (store / name).read_text().splitlines()
                for _, h, w, _ in json.loads(line)["images"]
            ]
            assert (store / name.replace("journal", "pixels")).stat().st_size == sum(promised)

    monkeypatch.setattr(journal, "to_disk", watched)
    pack(source, store, SHORT)


def test_a_lost_pixel_file_is_not_papered_over(source, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        pack(source, tmp_path / "store", SHORT, track=stopping_after(13))
    os.truncate(tmp_path / "store" / "train.pixels", 100)
    assert "has 100 bytes where its journal says" in refused(source, tmp_path / "store", SHORT)
    pack(source, tmp_path / "store", SHORT, overwrite=True)
    data.open_dataset(tmp_path / "store")


def test_stopped_between_header_and_tidying_up_is_finished(source, tmp_path, monkeypatch):
    pack(source, tmp_path / "whole", SHORT)
    store, remove = tmp_path / "store", place.StoreFolder.remove

    def interrupted(folder, names=None):
        if names == place.JOURNALS:
            raise KeyboardInterrupt
        remove(folder, names)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(place.StoreFolder, "remove", interrupted)
        pack(source, store, SHORT)
    assert (store / "train.journal").exists() and len(data.open_dataset(store)) == 23
    assert "is a finished packed store" in refused(source, store, SHORT)
    assert content(store) == content(tmp_path / "whole")


def test_a_finished_store_is_replaced_only_when_asked(source, tmp_path):
    store = tmp_path / "store"
    pack(source, store, SHORT)
    before = content(store)
    assert "--overwrite" in refused(source, store, SHORT)
    assert "--overwrite" in refused(source, store, 12)
    assert content(store) == before
    pack(source, store, 12, overwrite=True)
    assert min(data.open_dataset(store).image(0).shape[:2]) == 12


def test_other_options_than_those_it_was_begun_with_are_refused(source, tmp_path):
    store = tmp_path / "store"
    with pytest.raises(KeyboardInterrupt):
        pack(source, store, SHORT, on_bad_image="skip", track=stopping_after(13))
    before = content(store)
    assert "begun with --short-side 24, now it is 12" in refused(source, store, 12, on_bad_image="skip")
    assert "begun with --on-bad-image skip, now it is error" in refused(source, store, SHORT)
    os.rename(source, tmp_path / "moved")
    assert f"begun with its source {source}" in refused(tmp_path / "moved", store, SHORT, on_bad_image="skip")
    os.rename(tmp_path / "moved", source)
    os.rename(source / "train/c0/02.JPEG", source / "train/c1/02.JPEG")
    assert "has other images or classes" in refused(source, store, SHORT, on_bad_image="skip")
    assert content(store) == before


def test_a_store_is_not_gone_on_with_when_images_have_changed_their_class(source, tmp_path):
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
    with pytest.raises(KeyboardInterrupt):
        pack(source, tmp_path / "store", SHORT, track=stopping_after(13))
    before = content(tmp_path / "store")
    labels["00.JPEG"], labels["01.JPEG"] = labels["01.JPEG"], labels["00.JPEG"]
    write_list()
    assert "has other images or classes" in refused(source, tmp_path / "store", SHORT)
    assert content(tmp_path / "store") == before


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_store_is_left_alone(source, tmp_path, overwrite):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    assert "is not empty (letter.txt)" in refused(source, tmp_path / "mine", SHORT, overwrite=overwrite)
    assert "is a file" in refused(source, tmp_path / "mine" / "letter.txt", SHORT, overwrite=overwrite)
    pack(source, tmp_path / "store", SHORT)
    assert "is the source itself" in refused(tmp_path / "store", tmp_path / "store", 12, overwrite=overwrite)
    (tmp_path / "store" / "letter.txt").write_text("dear")
    assert "letter.txt" in refused(source, tmp_path / "store", 12, overwrite=overwrite)
    assert len(data.open_dataset(tmp_path / "store")) == 23


def test_a_bad_image_stops_it_or_is_left_out_and_noted(source, tmp_path):
    bad = source / "train" / "c0" / "16.JPEG"
    bad.write_bytes(bad.read_bytes()[:300])
    message = refused(source, tmp_path / "store", SHORT)
    assert str(bad) in message and "--on-bad-image skip" in message
    pack(source, tmp_path / "whole", SHORT, on_bad_image="skip")
    header = pack(source, tmp_path / "store", SHORT, on_bad_image="skip")  # goes on
    assert content(tmp_path / "store") == content(tmp_path / "whole")
    ((path, reason),) = header["splits"]["train"]["skipped"]
    assert path == str(bad) and "truncated" in reason and header["splits"]["val"]["skipped"] == []
    packed, direct = data.open_dataset(tmp_path / "store"), data.open_dataset(source)
    left = [i for i in range(23) if direct.path(i) != path]
    assert packed.labels.tolist() == direct.labels[left].tolist() and "left out 1" in packed.describe()
    np.testing.assert_array_equal(packed.image(8), data.ShrinkShorterSide(SHORT)(direct.image(9), None))


def test_a_full_disk_is_one_line_and_packing_goes_on_after_it(source, tmp_path, monkeypatch):
    pack(source, tmp_path / "whole", SHORT)
    calls, to_disk = [], journal.to_disk

    def full(file):
        calls.append(file)
        if len(calls) == 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        to_disk(file)

    with monkeypatch.context() as patch:
        patch.setattr(journal, "to_disk", full)
        message = refused(source, tmp_path / "store", SHORT)
    assert "No space left on device" in message and f"minidelve data pack {source}" in message
    pack(source, tmp_path / "store", SHORT)
    assert content(tmp_path / "store") == content(tmp_path / "whole")


def test_too_little_room_is_told_before_anything_is_written(source, tmp_path, monkeypatch):
    said = []
    pack(source, tmp_path / "store", SHORT, say=said.append)
    size = sum(path.stat().st_size for path in (tmp_path / "store").glob("*.pixels"))
    assert float(said[0].split()[1]) == pytest.approx(size / 1e6, abs=0.06)  # "about 0.1 MB of pixels"
    monkeypatch.setattr(place.shutil, "disk_usage", lambda place: SimpleNamespace(free=1000))
    assert "needs about" in refused(source, tmp_path / "other", SHORT)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("short_side", "announced"), [(16, "1.5 MB"), (32, "6.1 MB"), (64, "24.6 MB"), (256, "24.6 MB")]
)
def test_the_announced_size_follows_the_area_that_is_kept(tmp_path, short_side, announced):
    """2000 images of 64 x 64: 2000 * 3 * short_side^2 bytes, and smaller images are not enlarged."""
    said = []
    toy = data.ToyDataset("train", train_size=2000)
    place.check_room(tmp_path / "store", [toy], short_side, False, said.append)
    assert said[0].startswith(f"about {announced} of pixels for 2000 images; ")


def test_two_packers_do_not_write_one_store(source, tmp_path):
    def second(items, total, what):
        assert "is in use by process" in refused(source, tmp_path / "store", SHORT)
        return items

    pack(source, tmp_path / "store", SHORT, track=second)
    assert len(data.open_dataset(tmp_path / "store")) == 23


def test_a_set_with_val_alone_is_packed(source, tmp_path):
    os.rename(source / "train", tmp_path / "train")
    header = pack(source, tmp_path / "store", SHORT)
    assert list(header["splits"]) == ["val"] and len(data.open_dataset(tmp_path / "store", "val")) == 7
    with pytest.raises(data.MissingSplit, match="no split 'train'; expected 'val'"):
        data.open_dataset(tmp_path / "store")


def test_header_and_index_say_what_the_format_promises(source, tmp_path):
    pack(source, tmp_path / "store", SHORT)
    store, direct = tmp_path / "store", data.open_dataset(source)
    assert sorted(content(store)) == [
        "minidelve-store.json",
        "train.index.npy",
        "train.pixels",
        "val.index.npy",
        "val.pixels",
    ]
    header = json.loads((store / "minidelve-store.json").read_text())
    assert header["classes"] == ["c0", "c1"] and header["short_side"] == SHORT and header["source"] == str(source)
    index = np.load(io.BytesIO((store / "train.index.npy").read_bytes()), allow_pickle=False)
    pixels, at = (store / "train.pixels").read_bytes(), 0
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
