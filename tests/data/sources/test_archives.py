"""Folders, zips and tars behind one face: the same names, the same bytes, the same refusals."""

import os
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from minidelve.data.sources.archive import ArchiveFile
from minidelve.data.sources.source import open_source
from minidelve.errors import DataChanged, DataError
from tests.data.files import tar_bytes, zip_bytes
from tests.helpers import raises

NAMES = ["b.txt", "B.txt", "a/2", "a/10", "a/c/x", "z/y/x"]
HIDDEN = ["._b.txt", "a/.DS_Store", "a/Thumbs.db", "__MACOSX/._b.txt", ".git/config"]
MANY = {f"{k}": bytes([k]) * (1000 + 100 * k) for k in range(100)}
OUTSIDE = [
    "../evil.png", "train/../../evil", "/etc/passwd", "C:/evil", "C:evil", "train/..",
    "..\\evil", "train\\..\\..\\evil", "\\evil",
]  # fmt: skip


@pytest.fixture
def pack_as(tmp_path):
    """pack_as("zip" or "tar", [(name, bytes), ...]) -> the path of an archive."""

    def pack_members(form, members):
        path = tmp_path / f"set.{form}"
        path.write_bytes(zip_bytes(members, compression=zipfile.ZIP_DEFLATED) if form == "zip" else tar_bytes(members))
        return path

    return pack_members


both = pytest.mark.parametrize("form", ["zip", "tar"])


@both
@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_leads_outside_is_refused(pack_as, form, name):
    path = pack_as(form, [("train/a/ok.png", b"x"), (name, b"x")])
    raises(DataError, lambda: open_source(path), str(path), repr(name))


@both
def test_a_name_may_hold_dots_and_one_that_is_not_there_is_named(pack_as, form):
    archive = open_source(pack_as(form, [("./train/a..b/c...png", b"x")]))
    assert archive.read("train/a..b/c...png") == b"x"
    with pytest.raises(DataError, match=f"set.{form}!b.png: is not in the archive"):
        archive.read("b.png")


@both
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(pack_as, form):
    with pytest.raises(DataError, match=rf"set.{form}!(\./)?a.png: is there twice"):
        open_source(pack_as(form, [("a.png", b"1"), ("./a.png", b"2")]))


@both
def test_eight_threads_read_one_archive(pack_as, form):
    archive = open_source(pack_as(form, MANY.items()))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(archive.read, [*MANY] * 5)) == [*MANY.values()] * 5


@both
def test_an_archive_lists_what_a_folder_lists_sorted_without_hidden_names(store, pack_as, form):
    files = dict.fromkeys(NAMES + HIDDEN, b"")
    folder, archive = open_source(store(files)), open_source(pack_as(form, reversed(files.items())))
    assert folder.entries() == (["a", "z"], ["B.txt", "b.txt"])
    assert folder.entries("a") == (["c"], ["10", "2"])
    for place in ("", "a", "a/c", "z", "z/y"):
        assert archive.entries(place) == folder.entries(place)


@pytest.mark.parametrize("content", [b"", b"\0 no zip at all", b"PK\x03\x04 but cut short"])
def test_a_file_that_is_no_zip_is_named(tmp_path, content):
    path = tmp_path / "data.zip"
    path.write_bytes(content)
    with pytest.raises(DataError, match="data.zip: is not a zip archive"):
        open_source(path)


@pytest.mark.parametrize("path", ["/no/such/place", ""])
def test_a_missing_path_is_named(path):
    with pytest.raises(DataError, match=f"^{path}: does not exist"):
        open_source(path)


def encrypted(content):
    content = bytearray(content)
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    return content


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(lambda content: content.replace(b"0123456789", b"0123456780"), "Bad CRC"), (encrypted, "encrypted")],
)
def test_a_member_that_cannot_be_read_is_named(tmp_path, spoil, reason):
    path = tmp_path / "set.zip"
    path.write_bytes(spoil(zip_bytes([("a.png", b"0123456789")])))
    with pytest.raises(DataError, match=f"set.zip!a.png: cannot be read.*{reason}"):
        open_source(path).read("a.png")


@both
def test_a_member_that_unpacks_to_too_much_is_refused_before_it_is_read(pack_as, form):
    path = pack_as(form, [("a.png", bytes(3 * 2**20))])
    with pytest.raises(DataError, match=f"set.{form}!a.png: unpacks to 3 MiB; expected at most 2;"):
        open_source(path).read("a.png", most=2 * 2**20)


@both
def test_names_with_backslashes_are_read_with_slashes(pack_as, form):
    """As .NET before 4.6.1 wrote them, and PowerShell's Compress-Archive with it."""
    archive = open_source(pack_as(form, [("train\\n01\\a.png", b"A"), ("train/n01\\b.png", b"B")]))
    assert archive.entries("train/n01") == ([], ["a.png", "b.png"])
    assert archive.read("train/n01/a.png") == b"A"


def test_an_empty_folder_in_a_zip_is_seen(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.mkdir("train")
        archive.mkdir("train/empty")
    archive = open_source(tmp_path / "set.zip")
    assert archive.entries("train") == (["empty"], [])
    assert archive.entries("train/empty") == ([], [])


@pytest.mark.parametrize("pack", [zip_bytes, tar_bytes])
def test_an_archive_that_was_written_anew_is_indexed_anew(tmp_path, pack):
    path = tmp_path / "set"
    path.write_bytes(pack([("a.png", b"A")]))
    old = open_source(path)
    assert open_source(path) is old  # both splits of a set share one index
    path.write_bytes(pack([("b.png", b"B")]))  # of the same length
    os.utime(path, (1000, 1000))
    assert open_source(path).read("b.png") == b"B"
    with pytest.raises(DataChanged):
        old.read("a.png")


def test_an_archive_that_changes_while_it_is_read_is_noticed(tmp_path):
    (tmp_path / "set.zip").write_bytes(zip_bytes([("a.png", b"A")]))
    archive = ArchiveFile(tmp_path / "set.zip")
    with pytest.raises(DataChanged), archive.open() as file:
        file.read(10)
        os.truncate(tmp_path / "set.zip", 20)
