"""Fetching from a server in this process: success, and every way in which it fails."""

import gzip
import hashlib
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from minidelve.data import Remote, fetch, open_dataset
from minidelve.errors import DataError
from tests.data.files import special, tar_bytes, zip_bytes
from tests.helpers import raises


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
        checksum = checksum or "md5:" + hashlib.md5(content).hexdigest()
        return {"set": Remote(f"http://127.0.0.1:{server.server_port}/{name}", checksum)}

    return offer_file


@pytest.fixture
def zipped(imagenet_files):
    return zip_bytes(imagenet_files.items())


def tgz(*members):
    return tar_bytes(members, "w:gz")


def refused(folder, registry, *parts, **options):
    raises(DataError, lambda: fetch("set", folder, registry=registry, retries=0, **options), *parts)


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_zip_is_downloaded_and_read_in_place(offer, zipped, tmp_path):
    path, was_there = fetch("set", tmp_path / "new", registry=offer(zipped, "photos.zip"))
    assert path == tmp_path / "new" / "photos.zip" and not was_there and path.read_bytes() == zipped
    assert names(tmp_path / "new") == ["photos.zip"] and len(open_dataset(path)) == 6
    (tmp_path / "any").touch()
    assert path.stat().st_mode == (tmp_path / "any").stat().st_mode  # others in the lab may read it


def test_a_tgz_is_unpacked(offer, imagenet_files, tmp_path):
    content = tgz(*((f"photos/{name}", content) for name, content in imagenet_files.items()))
    path, was_there = fetch("set", tmp_path, registry=offer(content, "photos.tgz"))
    assert path == tmp_path / "photos" and not was_there
    assert {name: (path / name).read_bytes() for name in imagenet_files} == imagenet_files
    assert sorted(child.name for child in tmp_path.iterdir()) == ["photos", "photos.tgz"]
    assert open_dataset(path, "val").classes == ["ant", "bee", "cat"]


@pytest.mark.parametrize("name", ["photos.zip", "photos.tgz"])
def test_what_is_there_already_is_not_fetched_again(offer, server, zipped, tmp_path, name):
    registry = offer(zipped if name.endswith("zip") else tgz(("photos/a", b"1")), name)
    path = fetch("set", tmp_path, registry=registry).path
    assert fetch("set", tmp_path, registry=registry) == (path, True) and len(server.asked) == 1


@pytest.mark.parametrize("name", ["photos.zip", "photos.tgz"])
def test_what_a_fetch_killed_at_its_very_end_left_is_removed(offer, zipped, tmp_path, name):
    registry = offer(zipped if name.endswith("zip") else tgz(("photos/a", b"1")), name)
    fetch("set", tmp_path, registry=registry)
    whole = names(tmp_path)
    for leftover in (f".{name}.lock", ".photos.lock", f"{name}.1-0af39c.unfinished"):
        (tmp_path / leftover).write_text("process 999999999 on elsewhere, 0af39c00")
    assert fetch("set", tmp_path, registry=registry).was_there
    assert names(tmp_path) == whole


def test_another_address_and_checksum_may_be_given(offer, zipped, tmp_path):
    url = offer(zipped, "mirror.zip")["set"].url
    old = {"set": Remote("http://127.0.0.1:9/gone.zip", "md5:" + "0" * 32)}
    given = {"registry": old, "url": url, "sha256": hashlib.sha256(zipped).hexdigest().upper()}
    assert fetch("set", tmp_path, **given) == (tmp_path / "mirror.zip", False)
    assert fetch("set", tmp_path, **given).was_there
    refused(tmp_path / "other", old, "checksum", url=url)


def test_what_an_address_asks_for_is_no_part_of_the_files_name(offer, server, zipped, tmp_path):
    path, _ = fetch("set", tmp_path, registry=offer(zipped, "photos.zip?download=1"))
    assert path == tmp_path / "photos.zip" and path.read_bytes() == zipped
    assert server.asked == ["/photos.zip?download=1"]


@pytest.mark.parametrize("sent", [0, 1000])
def test_a_cut_connection_changes_nothing_and_the_next_try_works(offer, zipped, tmp_path, sent):
    registry, path = offer(zipped, "photos.zip", sent=sent), tmp_path / "photos.zip"
    problem = registry["set"].url, "the download failed", "give the command again"
    refused(tmp_path, registry, *problem)
    assert names(tmp_path) == []
    path.write_bytes(zipped[:500])
    refused(tmp_path, registry, *problem)
    assert names(tmp_path) == ["photos.zip"] and path.read_bytes() == zipped[:500]
    assert fetch("set", tmp_path, registry=offer(zipped, "photos.zip")) == (path, False)
    assert path.read_bytes() == zipped


def test_a_failure_is_tried_again(offer, zipped, tmp_path, monkeypatch):
    registry = offer(zipped, "photos.zip", sent=1000)
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: offer(zipped, "photos.zip"))  # mended meanwhile
    assert fetch("set", tmp_path, registry=registry, retries=1).path.read_bytes() == zipped


def test_nobody_at_the_address_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    refused(tmp_path, {"set": Remote("http://127.0.0.1:1/a.zip", "md5:" + "0" * 32)}, "the download failed")
    assert names(tmp_path) == []


NO_MD5, NO_SHA = "md5:" + "0" * 32, "sha256:" + "0" * 64
UNPACKED = ["photos.tgz", "cannot be unpacked"]
# What is served, under which name and how; what the refusal says; what stays in the folder.
FAILURES = [
    (b"sorry", "photos.zip", {"status": 404}, ["the server refuses (HTTPError: 404", "--url"], []),
    (b"sorry", "photos.zip", {"status": 500}, ["the server refuses (HTTPError: 500", "--url"], []),
    (b"x", "photos.zip", {"checksum": NO_MD5}, ["photos.zip", f"does not have the checksum {NO_MD5}", "--sha256"], []),
    (b"x", "photos.zip", {"checksum": NO_SHA}, ["photos.zip", f"does not have the checksum {NO_SHA}", "--sha256"], []),
    (b"no archive", "photos.tgz", {}, UNPACKED, ["photos.tgz"]),
    (gzip.compress(b"no tar" * 200), "photos.tgz", {}, UNPACKED, ["photos.tgz"]),
    (tgz(("a/x", b"1" * 5000))[:60], "photos.tgz", {}, UNPACKED, ["photos.tgz"]),
    (tgz(("a", b""), ("b", b"")), "photos.tgz", {}, ["photos.tgz", "expected one folder"], ["photos.tgz"]),
    (zip_bytes([("../evil.txt", b"x")]), "photos.zip", {}, ["'../evil.txt'"], ["photos.zip"]),
]


@pytest.mark.parametrize(("content", "name", "options", "parts", "left"), FAILURES)
def test_what_cannot_be_had_or_used_is_named(offer, tmp_path, content, name, options, parts, left):
    refused(tmp_path, offer(content, name, **options), *parts)
    assert names(tmp_path) == left


EVIL = {
    "up": ("../evil.txt", b"x"),
    "up inside": ("photos/../../evil.txt", b"x"),
    "absolute": None,
    "symlink": special("photos/out", tarfile.SYMTYPE, ".."),
    "hard link": special("photos/hard", tarfile.LNKTYPE, "photos/a.txt"),
    "pipe": special("photos/pipe", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("evil", EVIL)
def test_a_malicious_archive_writes_nothing(offer, tmp_path, evil):
    inside, outside = tmp_path / "in", tmp_path / "evil.txt"
    member = (str(outside), b"x") if evil == "absolute" else EVIL[evil]
    content = tgz(("photos/a.txt", b"fine"), member, ("photos/out/evil.txt", b"x"))
    refused(inside, offer(content, "photos.tgz"), "photos.tgz: has a", "do not unpack it")
    assert not outside.exists() and names(tmp_path) == ["in", "in/photos.tgz"]


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(DataError, match="'mnist'; expected one of tiny-imagenet, imagenette"):
        fetch("mnist", tmp_path)


def test_a_folder_that_cannot_be_written_is_named(offer, zipped, tmp_path):
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file", offer(zipped, "photos.zip"), str(tmp_path / "file"), "--dir")
