import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from minidelve.data.sources import zip as zip_source
from minidelve.data.sources.source import open_source
from minidelve.errors import DataError


def write_zip(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name",
    ["../evil.png", "train/../../evil", "/etc/passwd", "C:/evil", "C:evil", "..\\evil", "train\\a\\b.png", "train/.."],
)
def test_a_zip_with_a_name_that_leads_outside_is_refused(tmp_path, name):
    path = write_zip(tmp_path / "evil.zip", [("train/a/ok.png", b"x"), (name, b"x")])
    with pytest.raises(DataError) as error:
        open_source(path)
    assert str(path) in str(error.value) and repr(name) in str(error.value)


def test_dots_inside_a_name_are_no_danger(tmp_path):
    path = write_zip(tmp_path / "ok.zip", [("./train/a..b/c...png", b"x")])
    assert open_source(path).read("train/a..b/c...png") == b"x"


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04 but cut short"])
def test_a_file_that_is_no_zip_is_named(tmp_path, content):
    path = tmp_path / "data.zip"
    path.write_bytes(content)
    with pytest.raises(DataError, match="data.zip: is not a zip archive"):
        open_source(path)


@pytest.mark.parametrize("path", ["/no/such/place", ""])
def test_a_missing_path_is_named(path):
    with pytest.raises(DataError, match=f"^{path}: does not exist"):
        open_source(path)


def test_a_name_that_is_in_the_zip_twice_is_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        path = write_zip(tmp_path / "twice.zip", [("a.png", b"1"), ("a.png", b"2")])
    with pytest.raises(DataError, match="twice.zip!a.png"):
        open_source(path)


def test_a_damaged_member_is_named_when_it_is_read(tmp_path):
    path = write_zip(tmp_path / "set.zip", [("a.png", b"0123456789")])
    path.write_bytes(path.read_bytes().replace(b"0123456789", b"0123456780"))
    with pytest.raises(DataError, match="set.zip!a.png: cannot be read"):
        open_source(path).read("a.png")


def test_an_encrypted_member_is_named(tmp_path):
    path = write_zip(tmp_path / "set.zip", [("a.png", b"0123456789")])
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="set.zip!a.png: cannot be read.*encrypted"):
        open_source(path).read("a.png")


def test_a_member_that_unpacks_to_too_much_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = write_zip(tmp_path / "bomb.zip", [("a.png", bytes(3 * 2**20))], compression=zipfile.ZIP_DEFLATED)
    monkeypatch.setattr(zip_source, "MAX_MEMBER_BYTES", 2**20)
    with pytest.raises(DataError, match="bomb.zip!a.png: unpacks to 3 MiB"):
        open_source(path).read("a.png")


def test_folder_and_zip_list_the_same_sorted_names_without_hidden_ones(store):
    names = [
        "b.txt",
        "B.txt",
        "a/2",
        "a/10",
        "a/c/x",
        "z/y/x",
        "._b.txt",
        "a/.DS_Store",
        "a/Thumbs.db",
        "__MACOSX/._b.txt",
        ".git/config",
    ]
    folder, archive = (open_source(store(dict.fromkeys(names, b""), form)) for form in ("folder", "zip"))
    assert folder.entries() == (["a", "z"], ["B.txt", "b.txt"])
    assert folder.entries("a") == (["c"], ["10", "2"])
    for place in ("", "a", "a/c", "z", "z/y"):
        assert archive.entries(place) == folder.entries(place)


def test_an_empty_folder_in_a_zip_is_seen(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.mkdir("train")
        archive.mkdir("train/empty")
    archive = open_source(tmp_path / "set.zip")
    assert archive.entries("train") == (["empty"], [])
    assert archive.entries("train/empty") == ([], [])


def test_eight_threads_read_one_zip(tmp_path):
    members = [(f"{k}", bytes([k]) * (1000 + 100 * k)) for k in range(100)]
    archive = open_source(write_zip(tmp_path / "set.zip", members, compression=zipfile.ZIP_DEFLATED))
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(archive.read, [name for name, _ in members * 5]))
    assert read == [content for _, content in members * 5]
