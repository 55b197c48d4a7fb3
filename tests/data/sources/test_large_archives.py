"""Archives of very many members, or of very deep names: quick, lean, or refused."""

import os
import time
import tracemalloc

import pytest

from minidelve.data.sources import members, tar_headers
from minidelve.data.sources.source import open_source
from minidelve.errors import DataError
from tests.data.files import tar_bytes, zip_bytes

FORMS = {"zip": zip_bytes, "tar": tar_bytes}
both = pytest.mark.parametrize("form", FORMS)


@pytest.fixture
def packed(tmp_path):
    """packed("zip" or "tar", [(name, bytes), ...]) -> the path of an archive."""

    def pack_members(form, files):
        (tmp_path / f"set.{form}").write_bytes(FORMS[form](files))
        return tmp_path / f"set.{form}"

    return pack_members


@both
def test_a_name_of_many_folders_is_refused_at_once(packed, form):
    path = packed(form, [(f"{k}/" + "a/" * 30_000 + "x", b"") for k in range(20)])
    started = time.process_time()
    with pytest.raises(
        DataError, match=rf"set.{form}: has a member that lies 30001 folders deep; expected at most 100"
    ):
        open_source(path)
    assert time.process_time() - started < 1
    assert open_source(packed(form, [("a/" * 100 + "x", b"X")])).read("a/" * 100 + "x") == b"X"


@both
def test_the_index_grows_with_the_members_and_no_faster(packed, form):
    """At 500 bytes each, a million members take half a gigabyte."""
    seconds = []
    for number in (500, 5000):
        path = packed(form, [(f"set/train/n{i % 100:08}/n{i % 100:08}_{i}.JPEG", b"") for i in range(number)])
        seconds.append(min(time_of(path) for _ in range(2)))
    assert seconds[1] < 30 * seconds[0] + 0.1
    tracemalloc.start()
    source = open_source(path)
    memory = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert memory < 5000 * 500
    assert len(source.entries("set/train/n00000007").files) == 50


def time_of(path):
    started = time.process_time()
    open_source(path)
    return time.process_time() - started


@both
def test_more_members_than_are_indexed_are_refused(packed, form, monkeypatch):
    for module in ("archive", "members"):
        monkeypatch.setattr(f"minidelve.data.sources.{module}.MAX_MEMBERS", 1000)
    open_source(packed(form, [(f"{i}.png", b"") for i in range(900)]))
    with pytest.raises(DataError, match="has more than 1,000 members"):
        open_source(packed(form, [(f"{i}.png", b"") for i in range(2100)]))
    with pytest.raises(DataError, match="has more than 1,000 members"):
        open_source(packed(form, [("a/" * 50 + f"{i}/" + "b/" * 40 + "x.png", b"") for i in range(100)]))


@both
def test_an_archive_that_was_replaced_is_noticed(packed, form):
    path = packed(form, [("a.png", b"first")])
    source = open_source(path)
    assert source.read("a.png") == b"first"
    path.write_bytes(path.read_bytes().replace(b"first", b"other"))
    os.utime(path, (0, 0))
    with pytest.raises(DataError, match=f"set.{form}: was changed, replaced or removed while it was being used"):
        source.read("a.png")


@both
def test_both_splits_share_one_index(packed, form):
    path = packed(form, [("a.png", b"A")])
    assert open_source(path) is open_source(path)


def test_the_sum_of_a_header_is_that_of_its_bytes(rng):
    """Above 65521 too, which a sum of 512 bytes can reach."""
    for highest in (1, 100, 256):
        header = bytearray(rng.integers(0, highest, tar_headers.BLOCK, dtype="uint8").tobytes())
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        tar_headers._check(bytes(header))
        header[200] ^= 1
        with pytest.raises(ValueError, match="damaged"):
            tar_headers._check(bytes(header))


def test_depth_is_counted_in_folders():
    index = members.Index("set.zip")
    index.add("./" * 200 + "a.png", 1)
    assert index.place("a.png") == 1
