import subprocess
import tarfile

import pytest

from minidelve.data.sources.source import open_source
from minidelve.errors import DataError
from tests.data.files import special, tar_bytes
from tests.helpers import raises


def refused(path, *parts, folder=""):
    raises(DataError, lambda: open_source(path).entries(folder), *parts)


def test_the_tar_program_is_understood(tmp_path):
    for name in ("train/a/1.png", "train/a/2.png", "b.txt", f"deep/{'x' * 150}/y.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(name.encode() * 400)
    subprocess.run(["tar", "-cf", tmp_path / "set.tar", "-C", tmp_path / "in", "."], check=True)
    archive = open_source(tmp_path / "set.tar")
    assert archive.entries() == (["deep", "train"], ["b.txt"])
    assert archive.entries("train/a") == ([], ["1.png", "2.png"])
    for name in ("train/a/1.png", "b.txt", f"deep/{'x' * 150}/y.png"):
        assert archive.read(name) == name.encode() * 400


def test_a_tar_in_a_tar_in_a_folder_is_entered_by_name(tmp_path):
    inner = tar_bytes([("a.png", b"A" * 700), ("b.png", b"B")])
    (tmp_path / "outer.tar").write_bytes(tar_bytes([("first.tar", inner), ("last.tar", tar_bytes([("c", b"C")]))]))
    source = open_source(tmp_path)
    assert source.entries("outer.tar") == ([], ["first.tar", "last.tar"])
    assert source.entries("outer.tar/first.tar") == ([], ["a.png", "b.png"])
    assert source.read("outer.tar/first.tar/a.png") == b"A" * 700
    assert source.read("outer.tar/last.tar/c") == b"C"
    assert source.describe("outer.tar/last.tar/c") == f"{tmp_path}/outer.tar!last.tar/c"
    with pytest.raises(DataError, match="outer.tar!first.tar/x: is not in the archive"):
        source.read("outer.tar/first.tar/x")


def test_a_name_that_leads_outside_is_refused_in_an_inner_tar_too(tmp_path):
    (tmp_path / "outer.tar").write_bytes(tar_bytes([("in.tar", tar_bytes([("../evil.png", b"x")]))]))
    refused(tmp_path / "outer.tar", "outer.tar!in.tar", "'../evil.png'", folder="in.tar")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    (tmp_path / "a.tar").write_bytes(tar_bytes([("ok", b"1"), special("x.png", kind, "/etc/passwd")]))
    refused(tmp_path / "a.tar", "a.tar!x.png: is a link or another special file")


def test_a_tar_cut_short_anywhere_is_refused(tmp_path):
    whole = tar_bytes([("a", b"A" * 600), ("b", b"B" * 600)])
    path = tmp_path / "cut.tar"
    # Two members of 512 + 1024 bytes: 1536 is between them, where no data is missing.
    for size in (0, 100, 512, 600, 1536, 1700, 2048, 2600, 3071):
        path.write_bytes(whole[:size])
        refused(path, "cut.tar: is not a tar archive that can be read")
    path.write_bytes(whole[:1536] + b"garbage " * 64 + whole[2048:])
    refused(path, "damaged")


@pytest.mark.parametrize("following", [[("z", b"z" * 9000)], []])
def test_an_inner_tar_must_end_inside_its_member(tmp_path, following):
    # In the outer tar more bytes follow, of another member or the zeros of its end.
    inner = tar_bytes([("a", b"A" * 600)])[:1000]
    (tmp_path / "outer.tar").write_bytes(tar_bytes([("in.tar", inner), *following]))
    refused(tmp_path / "outer.tar", "outer.tar!in.tar: is not a tar archive", folder="in.tar")


def test_a_compressed_tar_is_refused_with_the_cure(tmp_path):
    for name, cure in {"a.tar.gz": "unpack other archives first", "b.tar": "decompress a .tar.gz first"}.items():
        (tmp_path / name).write_bytes(tar_bytes([("a", b"")], "w:gz"))
        refused(tmp_path / name, cure)
