import io
import subprocess
import tarfile

import pytest

from minidelve.data.sources.source import open_source
from minidelve.data.sources.tar_headers import headers
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


def told(record: bytes) -> bytes:
    """A pax header with this record, and a tar behind it."""
    info = special("pax", b"x")
    info.size = len(record)
    return info.tobuf(tarfile.USTAR_FORMAT) + record + bytes(-len(record) % 512) + tar_bytes([("a.png", b"A")])


def with_size(field: bytes) -> bytes:
    """A tar whose first header has another size, and a checksum that fits."""
    return with_field(124, field)


def with_field(at: int, field: bytes, form: int = tarfile.USTAR_FORMAT) -> bytes:
    """A tar whose first header has another field, and a checksum that fits."""
    content = bytearray(tar_bytes([("a.png", b"A")], format=form))
    content[at : at + len(field)] = field
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    return bytes(content)


BROKEN = {
    "a size of 5,000 digits": told(b"5014 size=" + b"9" * 5003 + b"\n"),
    "a negative size": told(b"11 size=-5\n"),
    "a record without an end": told(b"99 path=x\n"),
    "a record of length 0": told(b"0 path=x\n"),
    "a record without a value": told(b"7 path\n"),
    "a size in letters": with_size(b"zzzzzzzz"),
    "a size below 0": with_size(b"\xff" * 12),
    "a size of 2 to the 90th": with_size(b"\x80" + b"\xff" * 11),
    "a size beyond the end": with_size(b"00077777777\0"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_damaged_header_is_refused(tmp_path, broken):
    (tmp_path / "set.tar").write_bytes(BROKEN[broken])
    refused(tmp_path / "set.tar", "set.tar: is not a tar archive that can be read")


@pytest.mark.parametrize("record", [b"31 GNU.sparse.map=aa,bb,cc,ddd\n", b"22 GNU.sparse.major=1\n"])
def test_a_sparse_file_is_refused(tmp_path, record):
    (tmp_path / "set.tar").write_bytes(told(record))
    refused(tmp_path / "set.tar", "set.tar!a.png: is a link or another special file")


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_and_names_of_other_alphabets_are_read(tmp_path, form):
    names = ["a" * 90, f"{'b' * 90}/{'c' * 90}", "漢字.png", *([] if form == tarfile.USTAR_FORMAT else ["d" * 300])]
    (tmp_path / "set.tar").write_bytes(tar_bytes([(name, name.encode()) for name in names], format=form))
    archive = open_source(tmp_path / "set.tar")
    assert [archive.read(name).decode() for name in names] == names


def test_a_volume_label_is_passed_over_and_a_name_of_old_is_latin1(tmp_path):
    label = special("label", b"V").tobuf()
    content = bytearray(label + tar_bytes([("train/a.png", b"A")]))
    content[512 + 6] = 0xE9
    content[512 + 148 : 512 + 156] = b" " * 8
    content[512 + 148 : 512 + 156] = b"%06o\0 " % sum(content[512:1024])
    (tmp_path / "set.tar").write_bytes(content)
    assert open_source(tmp_path / "set.tar").entries("train").files == ["é.png"]


def test_a_header_whose_checksum_does_not_fit_is_refused(tmp_path):
    content = bytearray(tar_bytes([("a.png", b"A")]))
    content[0:1] = b"b"
    (tmp_path / "set.tar").write_bytes(content)
    refused(tmp_path / "set.tar", "a header is damaged")


@pytest.mark.parametrize("content", [
    with_size(b"\x80" + (1).to_bytes(11, "big")),  # as GNU writes what octal digits cannot say
    with_field(345, b"14000000000\0", tarfile.GNU_FORMAT),  # there GNU has times, and no part of the name
], ids=["a binary size", "a time of GNU's"])  # fmt: skip
def test_what_gnu_writes_otherwise_is_read(tmp_path, content):
    (tmp_path / "set.tar").write_bytes(content)
    assert open_source(tmp_path / "set.tar").read("a.png") == b"A"


def test_a_global_header_holds_for_all_that_follows():
    info, record = special("pax", b"g"), b"16 path=x/y.png\n"
    info.size = len(record)
    content = info.tobuf(tarfile.USTAR_FORMAT) + record + bytes(-len(record) % 512)
    content += tar_bytes([("a", b"A"), ("b", b"B")])
    assert [header.name for header in headers(io.BytesIO(content), 0, len(content))] == ["x/y.png"] * 2
