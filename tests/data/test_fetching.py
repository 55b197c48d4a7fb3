"""Fetching from a server in this process: success, and every way in which it fails."""

import gzip
import hashlib
import io
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from minidelve.data import Remote, fetch, open_dataset
from minidelve.errors import DataError


@pytest.fixture(scope="module")
def server():
    """A web server: `files[path] = (status, content, bytes really sent)`; `asked` is what was asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            http.asked.append(self.path)
            status, content, sent = http.files.get(self.path, (404, b"", 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:sent])  # the connection closes after it

        def log_message(self, *args):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
    yield http
    http.shutdown()
    http.server_close()


@pytest.fixture
def offer(server, monkeypatch):
    """offer(content, name) -> a registry in which "set" is that file on the server."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server.files, server.asked = {}, []

    def offer_file(content, name, checksum=None, status=200, sent=None):
        server.files[f"/{name}"] = (status, content, len(content) if sent is None else sent)
        return {
            "set": Remote(
                f"http://127.0.0.1:{server.server_port}/{name}", checksum or "md5:" + hashlib.md5(content).hexdigest()
            )
        }

    return offer_file


@pytest.fixture
def zipped(imagenet_files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in imagenet_files.items():
            archive.writestr(name, content)
    return file.getvalue()


def tgz(members):
    """members: (name, bytes) or a TarInfo."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for member in members:
            info = tarfile.TarInfo(member[0]) if isinstance(member, tuple) else member
            if isinstance(member, tuple):
                info.size = len(member[1])
            archive.addfile(info, io.BytesIO(member[1]) if isinstance(member, tuple) else None)
    return file.getvalue()


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def refused(folder, registry, *parts, **options):
    with pytest.raises(DataError) as error:
        fetch("set", folder, registry=registry, retries=0, **options)
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_zip_is_downloaded_and_read_in_place(offer, zipped, tmp_path):
    path, was_there = fetch("set", tmp_path / "new", registry=offer(zipped, "photos.zip"))
    assert path == tmp_path / "new" / "photos.zip" and not was_there and path.read_bytes() == zipped
    assert names(tmp_path / "new") == ["photos.zip"] and len(open_dataset(path)) == 6
    (tmp_path / "any").touch()
    assert path.stat().st_mode == (tmp_path / "any").stat().st_mode  # others in the lab may read it


def test_a_tgz_is_unpacked(offer, imagenet_files, tmp_path):
    content = tgz([(f"photos/{name}", content) for name, content in imagenet_files.items()])
    path, was_there = fetch("set", tmp_path, registry=offer(content, "photos.tgz"))
    assert path == tmp_path / "photos" and not was_there
    assert {name: (path / name).read_bytes() for name in imagenet_files} == imagenet_files
    assert sorted(child.name for child in tmp_path.iterdir()) == ["photos", "photos.tgz"]
    assert open_dataset(path, "val").classes == ["ant", "bee", "cat"]


@pytest.mark.parametrize("name", ["photos.zip", "photos.tgz"])
def test_what_is_there_already_is_not_fetched_again(offer, server, zipped, tmp_path, name):
    registry = offer(zipped if name.endswith("zip") else tgz([("photos/a", b"1")]), name)
    path = fetch("set", tmp_path, registry=registry).path
    assert fetch("set", tmp_path, registry=registry) == (path, True) and len(server.asked) == 1


def test_a_file_of_the_name_but_another_content_is_fetched_again(offer, zipped, tmp_path):
    (tmp_path / "photos.zip").write_bytes(zipped[:500])
    path, was_there = fetch("set", tmp_path, registry=offer(zipped, "photos.zip"))
    assert not was_there and path.read_bytes() == zipped


def test_another_address_and_checksum_may_be_given(offer, server, zipped, tmp_path):
    registry = offer(zipped, "mirror.zip")
    url = registry["set"].url
    old = {"set": Remote("http://127.0.0.1:9/gone.zip", "md5:" + "0" * 32)}
    path, _ = fetch("set", tmp_path, registry=old, url=url, sha256=hashlib.sha256(zipped).hexdigest().upper())
    assert path == tmp_path / "mirror.zip"
    assert fetch("set", tmp_path, registry=old, url=url, sha256=hashlib.sha256(zipped).hexdigest().upper()).was_there
    refused(tmp_path / "other", old, "checksum", url=url)


def test_what_an_address_asks_for_is_no_part_of_the_files_name(offer, server, zipped, tmp_path):
    path, _ = fetch("set", tmp_path, registry=offer(zipped, "photos.zip?download=1"))
    assert path == tmp_path / "photos.zip" and path.read_bytes() == zipped
    assert server.asked == ["/photos.zip?download=1"]


@pytest.mark.parametrize("sent", [0, 1000])
def test_a_cut_connection_leaves_nothing_and_the_next_try_works(offer, zipped, tmp_path, sent):
    registry = offer(zipped, "photos.zip", sent=sent)
    refused(tmp_path, registry, registry["set"].url, "the download failed", "give the command again")
    assert names(tmp_path) == []
    assert fetch("set", tmp_path, registry=offer(zipped, "photos.zip")).path.read_bytes() == zipped


def test_a_failed_download_does_not_harm_a_file_that_was_there(offer, zipped, tmp_path):
    (tmp_path / "photos.zip").write_bytes(b"mine")
    refused(tmp_path, offer(zipped, "photos.zip", sent=1000), "the download failed")
    assert names(tmp_path) == ["photos.zip"] and (tmp_path / "photos.zip").read_bytes() == b"mine"


def test_a_failure_is_tried_again(offer, server, zipped, tmp_path, monkeypatch):
    registry = offer(zipped, "photos.zip", sent=1000)

    def mended(seconds):
        offer(zipped, "photos.zip")

    monkeypatch.setattr("pooch.core.time.sleep", mended)
    assert fetch("set", tmp_path, registry=registry, retries=1).path.read_bytes() == zipped


def test_nobody_at_the_address_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    refused(tmp_path, {"set": Remote("http://127.0.0.1:1/a.zip", "md5:" + "0" * 32)}, "the download failed")
    assert names(tmp_path) == []


@pytest.mark.parametrize("checksum", ["md5:" + "0" * 32, "sha256:" + "0" * 64])
def test_a_wrong_checksum_is_refused_and_the_file_removed(offer, zipped, tmp_path, checksum):
    refused(
        tmp_path,
        offer(zipped, "photos.zip", checksum),
        "photos.zip",
        f"does not have the checksum {checksum}",
        "--sha256",
    )
    assert names(tmp_path) == []


@pytest.mark.parametrize("status", [404, 500])
def test_a_refusal_of_the_server_is_named(offer, tmp_path, status):
    refused(tmp_path, offer(b"sorry", "photos.zip", status=status), f"the server refuses (HTTPError: {status}", "--url")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "evil",
    [
        ("../evil.txt", b"x"),
        ("photos/../../evil.txt", b"x"),
        "absolute",
        link("photos/out", ".."),
        link("photos/hard", "photos/a.txt", tarfile.LNKTYPE),
        link("photos/pipe", "", tarfile.FIFOTYPE),
    ],
    ids=["up", "up inside", "absolute", "symlink", "hard link", "pipe"],
)
def test_a_malicious_archive_writes_nothing(offer, tmp_path, evil):
    inside, outside = tmp_path / "in", tmp_path / "evil.txt"
    if evil == "absolute":
        evil = (str(outside), b"x")
    content = tgz([("photos/a.txt", b"fine"), evil, ("photos/out/evil.txt", b"x")])
    refused(inside, offer(content, "photos.tgz"), "photos.tgz: has a", "do not unpack it")
    assert not outside.exists() and names(tmp_path) == ["in", "in/photos.tgz"]


def test_a_zip_with_a_name_that_leads_outside_is_refused(offer, tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../evil.txt", b"x")
    refused(tmp_path, offer(file.getvalue(), "photos.zip"), "'../evil.txt'")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"no archive", "cannot be unpacked"),
        (gzip.compress(b"no tar" * 200), "cannot be unpacked"),
        (tgz([("a/x", b"1" * 5000)])[:60], "cannot be unpacked"),
        (tgz([("a", b""), ("b", b"")]), "expected one folder"),
    ],
    ids=["text", "gzip of text", "cut short", "two files"],
)
def test_an_archive_that_is_none_is_named(offer, tmp_path, content, problem):
    refused(tmp_path, offer(content, "photos.tgz"), "photos.tgz", problem)
    assert names(tmp_path) == ["photos.tgz"]


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(DataError, match="'mnist'; expected one of tiny-imagenet, imagenette"):
        fetch("mnist", tmp_path)


def test_a_folder_that_cannot_be_written_is_named(offer, zipped, tmp_path):
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file", offer(zipped, "photos.zip"), str(tmp_path / "file"), "--dir")
