"""Folders in which not everything is a file: pipes, devices, links."""

import os
from pathlib import Path

import pytest

from minidelve.data import decode, open_dataset
from minidelve.data.sources.source import MAX_TEXT_BYTES, open_source, read_lines
from minidelve.errors import DataError
from tests.data.files import tar_bytes, zip_bytes

posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "set" / "train" / "n01").mkdir(parents=True)
    return tmp_path / "set"


@posix
@pytest.mark.parametrize("name", ["a.jpg", "words.txt", "n01.tar"])
def test_a_pipe_is_never_opened(folder, name):
    os.mkfifo(folder / name)
    for read in (
        lambda: open_source(folder).read(name),
        lambda: decode(folder / name),
        lambda: open_source(folder / name),
    ):
        with pytest.raises(DataError, match=f"{name}: cannot be (read|opened) .it is a pipe, not a file"):
            read()


@posix
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_link_to_a_device_is_never_read(folder, device):
    (folder / "a.jpg").symlink_to(device)
    for read in (
        lambda: open_source(folder).read("a.jpg"),
        lambda: decode(folder / "a.jpg"),
        lambda: open_dataset(device),
    ):
        with pytest.raises(DataError, match="is a device or socket, not a file"):
            read()


@pytest.mark.parametrize("target", ["loop", "..", ".", "../..", "../n01"])
def test_a_link_that_leads_back_is_named(folder, target):
    (folder / "train" / "n01" / "loop").symlink_to(target)
    with pytest.raises(DataError, match=r"train.n01.loop: is a link that leads back to itself; remove it"):
        open_source(folder).entries("train/n01")


def test_other_links_are_followed(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.jpg").write_bytes(b"A")
    (folder / "train" / "n02").symlink_to(tmp_path / "elsewhere")
    (folder / "train" / "n01" / "a.jpg").symlink_to(tmp_path / "elsewhere" / "a.jpg")
    (folder / "train" / "n01" / "b.jpg").symlink_to("nowhere")
    source = open_source(folder)
    assert source.entries("train").folders == ["n01", "n02"]
    assert source.read("train/n02/a.jpg") == source.read("train/n01/a.jpg") == b"A"
    with pytest.raises(DataError, match="b.jpg: cannot be read .No such file"):
        source.read("train/n01/b.jpg")


@pytest.mark.parametrize("form", ["folder", "zip", "tar"])
def test_a_list_of_more_bytes_than_any_is_refused_before_it_is_read(folder, form):
    content = {"folder": b"", "zip": zip_bytes, "tar": tar_bytes}[form]
    if form == "folder":
        path = folder
        (path / "words.txt").touch()
        os.truncate(path / "words.txt", 10 * 2**30)  # it takes no room on the disk
    else:
        path = Path(folder / f"set.{form}")
        path.write_bytes(content([("words.txt", bytes(MAX_TEXT_BYTES + 1))]))
    with pytest.raises(DataError, match=r"words.txt: .*MiB.* at most 8"):
        read_lines(open_source(path), "words.txt")


KINDS = {
    "a.jpg": (b"\xff\xd8\xff\xe0 and so on", r"is a picture \(JPEG\)"),
    "a.png": (b"\x89PNG\r\n\x1a\n and so on", r"is a picture \(PNG\)"),
    "a.webp": (b"RIFF\1\0\0\0WEBPVP8 ", r"is a picture \(WebP\)"),
    "list.txt": ("a list, é\n".encode() * 1000, "is a text file"),
    "data.tar.gz": (b"\x1f\x8b\x08 and so on", r"is compressed \(gzip\)"),
    "data.7z": (b"7z\xbc\xaf\x27\x1c", "is a 7z archive"),
    "data.bin": (b"\0\1\2\3", "is not a zip archive"),
    "data.tar": (b"\0\1\2\3", "is not a tar archive"),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_file_that_is_no_set_is_told_by_its_kind(tmp_path, name):
    content, problem = KINDS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name}: {problem}.*expected a.*;"):
        open_dataset(tmp_path / name)


@pytest.mark.parametrize("path", ["a\0b", "a" * 5000])
def test_a_path_that_cannot_be_is_refused_in_one_line(path):
    with pytest.raises(DataError):
        open_dataset(path)
