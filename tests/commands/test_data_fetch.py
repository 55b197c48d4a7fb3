"""`minidelve data fetch`, from a server in this process; tests/data/test_fetching.py has the ways to fail."""

import functools
import hashlib
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from minidelve import data
from tests.data.files import zip_bytes


@pytest.fixture
def mirror(tiny_data, tmp_path, monkeypatch):
    """(address, SHA-256) of a data set as a .zip."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *args: None)
    (tmp_path / "www").mkdir()
    content = zip_bytes((str(path.relative_to(tiny_data)), path.read_bytes()) for path in tiny_data.rglob("*.png"))
    (tmp_path / "www" / "four.zip").write_bytes(content)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path / "www")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/four.zip", hashlib.sha256(content).hexdigest()
        server.shutdown()


def test_a_data_set_is_fetched_once(ok, mirror, tmp_path):
    args = ["data", "fetch", "tiny-imagenet", "--dir", tmp_path / "here", "--url", mirror[0], "--sha256", mirror[1]]
    path = tmp_path / "here" / "four.zip"
    said = ok(*args)
    assert f"tiny-imagenet is in {path}" in said and f"minidelve data {path}" in said
    assert len(data.open_dataset(path)) == 48
    assert f"tiny-imagenet is already in {path}" in ok(*args)


def test_mistakes_are_one_line(refused, mirror, tmp_path, monkeypatch):
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)  # between two tries
    refused(["data", "fetch", "mnist"], "'mnist'", "tiny-imagenet")
    refused(["data", "fetch", "imagenette", "--sha256", "12"], "'12' is not 64 hexadecimal digits")
    refused(["data", "fetch", "imagenette", "--dir", tmp_path, "--url", "http://x/a.rar"], "a.rar", ".zip or a .tgz")
    missing = mirror[0].replace("four", "five")
    refused(["data", "fetch", "imagenette", "--dir", tmp_path, "--url", missing], missing, "404", "--url")
