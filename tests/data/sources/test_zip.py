"""Zips as programs write them and as nobody should: read as zipfile reads them, or refused by one line."""

import io
import os
import struct
import tracemalloc
import zipfile

import pytest

from minidelve.data.sources.source import open_source
from minidelve.errors import DataError
from tests.data.files import zip_bytes

FILES = {"train/n01/a.png": b"0123456789" * 50, "train/n01/b.png": b"B", "words.txt": b""}
ZIP = zip_bytes(FILES.items(), compression=zipfile.ZIP_DEFLATED)
# Where a field lies in an entry of the directory.
FLAGS, METHOD, PACKED, SIZE, VOLUME, HEADER = 8, 10, 20, 24, 34, 42


@pytest.fixture
def opened(tmp_path):
    """opened(bytes) -> the zip."""

    def write_and_open(content):
        (tmp_path / "set.zip").write_bytes(content)
        return open_source(tmp_path / "set.zip")

    return write_and_open


def with_field(at, value, content=ZIP):
    """The zip with other bytes in the first entry of its directory."""
    at += content.index(b"PK\1\2")
    return content[:at] + value + content[at + len(value) :]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("size", [0, 1, 1000, 10**5])
def test_every_method_is_unpacked(opened, method, size):
    content = os.urandom(size // 2) + bytes(size - size // 2)
    assert opened(zip_bytes([("a", content)], compression=method)).read("a") == content


def test_a_zip64_and_data_descriptors_are_read(opened):
    """As a program writes them that does not know the sizes beforehand, and to where it cannot go back."""

    class Pipe(io.BytesIO):
        def seekable(self):
            return False

        def seek(self, *_):
            raise OSError

    file = Pipe()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in FILES.items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
                member.write(content)
    assert {name: opened(file.getvalue()).read(name) for name in FILES} == FILES


def test_comments_of_members_and_of_the_archive_are_passed_over(opened):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = b"all of it"
        for name, content in FILES.items():
            info = zipfile.ZipInfo(name)
            info.comment = b"taken in 2012 " * len(name)
            archive.writestr(info, content)
    assert {name: opened(file.getvalue()).read(name) for name in FILES} == FILES


def test_a_zip_that_lies_in_a_zip_is_not_taken_for_it(opened):
    source = opened(zip_bytes([("a.png", b"A"), ("inner.zip", ZIP), ("b.png", b"B")]))
    assert source.entries().files == ["a.png", "b.png", "inner.zip"] and source.read("inner.zip") == ZIP


def wide(content):
    """The zip with all numbers of its first entry and of its end in their wide forms."""
    begin, end = content.index(b"PK\1\2"), content.index(b"PK\5\6")
    *_, packed, size = struct.unpack_from("<2L", content, begin + PACKED)
    field = struct.pack("<2H3Q", 1, 24, size, packed, 0)
    name_end = begin + 46 + struct.unpack_from("<H", content, begin + 28)[0]
    entry = bytearray(content[begin:name_end])
    entry[PACKED : PACKED + 8], entry[HEADER : HEADER + 4], entry[30:32] = (
        b"\xff" * 8,
        b"\xff" * 4,
        struct.pack("<H", 28),
    )
    directory = bytes(entry) + field + content[name_end:end]
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 3, 3, len(directory), begin)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, begin + len(directory), 1)
    return content[:begin] + directory + record + locator + b"PK\5\6" + b"\0\0\0\0" + b"\xff" * 12 + b"\0\0"


def test_wide_numbers_are_read(opened):
    archive = opened(wide(ZIP))
    assert {name: archive.read(name) for name in FILES} == FILES
    archive = opened(b"a program" + wide(ZIP))
    assert {name: archive.read(name) for name in FILES} == FILES
    with pytest.raises(DataError, match="the wide record at its end is damaged"):
        opened(wide(ZIP).replace(b"PK\6\6", b"PK\6\5"))


@pytest.mark.parametrize("before", [b"#!/bin/sh\n" + b"a" * 5000, b"\xff\xd8\xff a picture"])
def test_a_zip_may_begin_with_something_else_and_end_with_a_comment(opened, before):
    file = io.BytesIO(ZIP)
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"c" * 60_000
    archive = opened(before + file.getvalue())
    assert {name: archive.read(name) for name in FILES} == FILES


@pytest.mark.parametrize(
    ("written", "name"),
    [("é".encode(), "é"), (b"\x82", "é"), ("漢字".encode(), "漢字"), (b"\xff\xfe", "\xa0■")],
)
def test_names_are_utf8_or_those_of_dos(opened, written, name):
    """Some programs write UTF-8 without the flag, and some the flag without UTF-8."""
    plain = zip_bytes([("x" * len(written), b"1")]).replace(b"x" * len(written), written)
    for content in (plain, with_field(FLAGS, b"\0\x08", plain)):
        assert opened(content).entries().files == [name]


BROKEN = {
    "encrypted": (with_field(FLAGS, b"\1\0"), "is encrypted: unpack the archive with its password"),
    "strongly encrypted": (with_field(FLAGS, b"\x40\0"), "is encrypted"),
    "Deflate64": (with_field(METHOD, b"\x09\0"), r"method 9, Deflate64\) is not read"),
    "an unknown method": (with_field(METHOD, b"\x4d\0"), r"method 77\) is not read"),
    "claims more": (with_field(SIZE, struct.pack("<L", 501)), "does not have the 501 bytes"),
    "claims less": (with_field(SIZE, struct.pack("<L", 499)), "does not have the 499 bytes"),
    "claims a gigabyte": (with_field(SIZE, struct.pack("<L", 10**9)), "unpacks to 954 MiB; expected at most 256"),
    "packed into three gigabytes": (with_field(PACKED, struct.pack("<L", 3 * 10**9)), "a false size"),
    "packed into more than is there": (with_field(PACKED, struct.pack("<L", 9000)), "cut short"),
    "lies beyond the end": (with_field(HEADER, struct.pack("<L", 10**9)), "not where the directory says"),
    "lies at another place": (with_field(HEADER, struct.pack("<L", 7)), "not where the directory says"),
    "lies in another volume": (with_field(VOLUME, b"\5\0"), "in another volume"),
    "other bytes": (ZIP[:50] + bytes([ZIP[50] ^ 1]) + ZIP[51:], "cannot be read"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_member_that_cannot_be_read_is_named(opened, broken):
    content, problem = BROKEN[broken]
    archive = opened(content)
    with pytest.raises(DataError, match=f"set.zip!train/n01/a.png: .*{problem}"):
        archive.read("train/n01/a.png")
    assert archive.read("train/n01/b.png") == b"B"


END = ZIP.index(b"PK\5\6")
NO_ZIP = {
    "cut": (ZIP[:-30], "no directory at its end"),
    "a volume of several": (ZIP[: END + 4] + b"\3\0\3\0" + ZIP[END + 8 :], "one volume of several"),
    "a directory before the file": (ZIP[: END + 16] + struct.pack("<L", 2**31) + ZIP[-2:], "begin before the file"),
    "a directory of four gigabytes": (ZIP[: END + 12] + struct.pack("<L", 2**32 - 2) + ZIP[END + 16 :], "4096 MiB"),
    "a damaged directory": (ZIP.replace(b"PK\1\2", b"PK\1\3"), "directory is damaged"),
    "a name that is a file and a folder": (zip_bytes([*FILES.items(), ("words.txt/a", b"")]), "is there twice"),
    "a folder that is a file": (zip_bytes([("words.txt/a", b""), *FILES.items()]), "is there twice"),
}


@pytest.mark.parametrize("broken", NO_ZIP)
def test_what_is_no_zip_is_refused(opened, broken):
    content, problem = NO_ZIP[broken]
    with pytest.raises(DataError, match=f"set.zip.*{problem}"):
        opened(content)


def test_what_a_member_unfolds_to_is_never_held(opened):
    """It says that it has 1000 bytes, and would unfold to 30,000 times as many."""
    bomb = zip_bytes([("a", bytes(3 * 10**7))], compression=zipfile.ZIP_DEFLATED)
    archive = opened(with_field(SIZE, struct.pack("<L", 1000), bomb))
    tracemalloc.start()
    with pytest.raises(DataError, match="false size|does not have the 1000 bytes"):
        archive.read("a")
    assert tracemalloc.get_traced_memory()[1] < 10**6
    tracemalloc.stop()
