"""files.py: what lies in a place is whole, belongs to one process, and could have been written."""

import contextlib
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from minidelve import files
from minidelve.errors import DataError, RunError
from minidelve.files import OwnFolder, check_writable, disk_errors, scratch_folder, write_whole, writing_whole


class Box(OwnFolder):
    """A folder for content.txt, which may be replaced."""

    def __init__(self, path: Path):
        super().__init__(path, {"content.txt"}, f"--out {path}")

    def guard(self) -> None:
        if self.strangers():
            raise RunError(f"{self.what} holds {self.strangers()[0]}")


def test_text_is_written_as_utf8_bytes_as_they_are_with_usual_permissions(tmp_path):
    write_whole(tmp_path / "text", "π\r\n")
    write_whole(tmp_path / "bytes", b"\xff\n")
    assert (tmp_path / "text").read_bytes() == "π\r\n".encode()
    assert (tmp_path / "bytes").read_bytes() == b"\xff\n"
    files.copy_whole(tmp_path / "text", tmp_path / "bytes")
    assert (tmp_path / "bytes").read_bytes() == "π\r\n".encode()
    (tmp_path / "usual").write_text("")
    assert len({path.stat().st_mode for path in tmp_path.iterdir()}) == 1
    assert sorted(os.listdir(tmp_path)) == ["bytes", "text", "usual"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(type(error)), writing_whole(path) as file:
        file.write(b"half of the n")
        raise error
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["file"]


def test_a_file_is_old_or_new_at_any_time_also_when_two_write_it(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with writing_whole(path) as first:
        first.write(b"1" * 1000)
        first.flush()
        assert path.read_text() == "old"
        with writing_whole(path) as second:
            second.write(b"2")
        assert path.read_bytes() == b"2"
    assert path.read_bytes() == b"1" * 1000
    assert files.unfinished(path) != files.unfinished(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes among its files")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(tmp_path / "pipe", "through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert (tmp_path / "pipe").is_fifo() and os.listdir(tmp_path) == ["pipe"]


@pytest.mark.skipif(os.name == "nt", reason="a link needs rights there")
def test_what_stdout_was_sent_to_is_added_to_and_not_replaced(tmp_path, monkeypatch):
    """On a link that stands in for /dev/stdout: a test that fails as root would replace the real one."""
    assert "/dev/stdout" in files.OPEN_ALREADY
    monkeypatch.setattr(files, "OPEN_ALREADY", (str(tmp_path / "stdout"),))
    (tmp_path / "out").write_text("first ")
    (tmp_path / "stdout").symlink_to(tmp_path / "out")
    write_whole(tmp_path / "stdout", "second")
    assert (tmp_path / "out").read_text() == "first second" and (tmp_path / "stdout").is_symlink()


def test_a_folder_in_the_place_of_a_file_stays(tmp_path):
    (tmp_path / "place").mkdir()
    with pytest.raises(OSError):
        write_whole(tmp_path / "place", "text")
    assert (tmp_path / "place").is_dir() and os.listdir(tmp_path) == ["place"]


@pytest.mark.parametrize("name", ["last.npz.4711-0af39c.unfinished", "last.unfinished", "unfinished"])
def test_a_name_that_the_house_gives_is_unfinished(name):
    assert files.is_unfinished(name)


@pytest.mark.parametrize("name", ["notes-unfinished", "poem.unfinished", "a.12-zz39c0.unfinished", "last.npz"])
def test_a_name_that_a_user_gives_is_not_unfinished(tmp_path, name):
    assert not files.is_unfinished(name)
    (tmp_path / name).touch()
    box = Box(tmp_path)
    box.remove()
    assert box.strangers() == os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("error", [None, OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_scratch_folder_lies_beside_and_goes_with_all_in_it(tmp_path, error):
    with contextlib.suppress(OSError, KeyboardInterrupt), scratch_folder(tmp_path / "set") as scratch:
        (scratch / "inner").mkdir()
        (scratch / "inner" / "file").touch()
        assert scratch.parent == tmp_path and scratch.name.startswith("set") and files.is_unfinished(scratch.name)
        if error:
            raise error
    assert os.listdir(tmp_path) == []


def test_disk_errors_become_one_line():
    with pytest.raises(DataError) as caught, disk_errors("--out runs/a", "free some space", DataError):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(caught.value) == "--out runs/a cannot be written (No space left on device); free some space"


def test_a_place_is_tried_and_left_as_it_was(tmp_path, monkeypatch):
    check_writable(tmp_path / "new" / "folder", "--out new/folder")
    assert list(tmp_path.iterdir()) == []

    def refuse(prefix, dir):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("tempfile.mkdtemp", refuse)  # the tests may run as root, whom no mode stops
    with pytest.raises(RunError, match=f"--out x cannot be written .Permission denied in {tmp_path}.; name another"):
        check_writable(tmp_path / "new" / "folder", "--out x")


def test_a_folder_to_which_nothing_was_written_is_removed(tmp_path):
    with Box(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "there").mkdir()
    with Box(tmp_path / "there"):
        pass
    assert os.listdir(tmp_path) == ["there"] and os.listdir(tmp_path / "there") == []


def test_what_was_written_stays_and_the_lock_goes(tmp_path):
    with pytest.raises(KeyboardInterrupt), Box(tmp_path / "box") as box:
        write_whole(box.path / "content.txt", "x")
        raise KeyboardInterrupt
    assert os.listdir(tmp_path / "box") == ["content.txt"]


def test_a_folder_belongs_to_one_at_a_time(tmp_path):
    with Box(tmp_path / "box"):
        with pytest.raises(RunError, match=rf"box is in use by process {os.getpid()} on .*; wait for it, or name"):
            Box(tmp_path / "box").__enter__()
        assert (tmp_path / "box" / files.LOCK).exists()  # of the one who has it
    with Box(tmp_path / "box"):
        pass


def test_the_folder_is_looked_at_again_under_the_lock(tmp_path):
    box = Box(tmp_path)
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(RunError, match="holds thesis.tex"):
        box.__enter__()
    assert os.listdir(tmp_path) == ["thesis.tex"]


HOLD = """
import sys, time
from pathlib import Path
from tests.test_files import Box
with Box(Path(sys.argv[1])) as box:
    (box.path / "content.txt.1-abcdef.unfinished").write_text("half")
    print("in", flush=True)
    time.sleep(60)
"""


def test_a_killed_owner_is_followed_by_the_next(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "in\n"
        with pytest.raises(RunError, match=f"in use by process {holder.pid} on"):
            Box(tmp_path).__enter__()
    finally:
        holder.kill()
        holder.wait()
    assert sorted(os.listdir(tmp_path)) == [files.LOCK, "content.txt.1-abcdef.unfinished"]
    box = Box(tmp_path)
    assert box.present() == [] == box.strangers()
    with box:
        assert os.listdir(tmp_path) == [files.LOCK]
    assert os.listdir(tmp_path) == []


def test_only_files_of_the_kind_are_removed(tmp_path):
    box = Box(tmp_path)
    for name in ("content.txt", "content.txt.9-012345.unfinished", "mine.txt"):
        (tmp_path / name).write_text("")
    box.remove()
    assert os.listdir(tmp_path) == ["mine.txt"] == box.present() == box.strangers()


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_file_in_the_place_of_a_folder_is_named(tmp_path, where):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file or lies under one; expected a folder, or a new name"):
        Box(tmp_path / where).present()
