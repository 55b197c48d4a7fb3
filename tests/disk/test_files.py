"""files.py: what lies in a place is whole, and could have been written."""

import contextlib
import errno
import os

import pytest

from minidelve.disk import files
from minidelve.disk.files import disk_errors, scratch_folder, try_room, write_whole, writing_whole
from minidelve.errors import DataError


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


def test_a_file_is_on_the_disk_before_it_takes_the_old_ones_place(tmp_path, monkeypatch):
    """Else, when the power fails, the old one is gone and the new one is empty."""
    done, fsync, replace = [], os.fsync, files.replace
    monkeypatch.setattr(os, "fsync", lambda number: (done.append(os.fstat(number).st_size), fsync(number)))
    monkeypatch.setattr(files, "replace", lambda new, old: (done.append("replaced"), replace(new, old)))
    write_whole(tmp_path / "file", "four")
    assert done == [4, "replaced"]


def test_a_file_is_read_up_to_its_bound(tmp_path):
    (tmp_path / "file").write_bytes(b"1234")
    assert files.read_file(tmp_path / "file", 4) == b"1234"
    with pytest.raises(OSError) as caught:
        files.read_file(tmp_path / "file", 3)
    assert caught.value.errno == errno.EFBIG


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
    files.remove_unfinished(tmp_path)
    assert os.listdir(tmp_path) == [name]


def test_the_longest_name_that_a_system_allows_can_be_written(tmp_path):
    path = tmp_path / ("π" * 125 + ".json")  # 255 bytes
    write_whole(path, "x")
    assert path.read_text() == "x"
    left = files.unfinished(path)
    left.touch()
    assert files.is_unfinished(left.name, of=path.name)
    files.remove_unfinished(tmp_path, of=path.name)
    assert os.listdir(tmp_path) == [path.name]


def test_only_what_was_to_become_that_name_is_removed(tmp_path):
    for name in ("a.json.1-abcdef.unfinished", "b.json.1-abcdef.unfinished", "set.1-abcdef.unfinished"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "inner").touch()
    files.remove_unfinished(tmp_path, of="a.json")
    assert sorted(os.listdir(tmp_path)) == ["b.json.1-abcdef.unfinished", "set.1-abcdef.unfinished"]
    files.remove_unfinished(tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="a link needs rights there")
@pytest.mark.parametrize("old", ["old", None])
def test_a_link_is_followed_to_a_file_that_is_there_or_not(tmp_path, old):
    (tmp_path / "disk").mkdir()
    if old:
        (tmp_path / "disk" / "file").write_text(old)
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "file")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "disk" / "file").read_text() == "new" and (tmp_path / "link").is_symlink()
    assert os.listdir(tmp_path / "disk") == ["file"]


@pytest.mark.skipif(os.name == "nt", reason="a link needs rights there")
def test_of_a_link_what_it_leads_to_is_not_removed(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine").touch()
    (tmp_path / "set.1-abcdef.unfinished").symlink_to(tmp_path / "there")
    files.remove_unfinished(tmp_path)
    assert os.listdir(tmp_path) == ["there"] and os.listdir(tmp_path / "there") == ["mine"]


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


def test_room_is_tried_and_given_back(tmp_path):
    try_room(tmp_path, 10_000_000)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("reserving", ["by the system", "by the free space"])
def test_more_than_the_disk_has_is_said_at_once(tmp_path, monkeypatch, reserving):
    if reserving == "by the free space":
        refused = OSError(errno.EOPNOTSUPP, "no such call here")
        monkeypatch.setattr(os, "posix_fallocate", raising(refused), raising=False)
    with pytest.raises(OSError) as caught:
        try_room(tmp_path, 2**62)
    assert caught.value.errno in (errno.ENOSPC, errno.EFBIG) and os.listdir(tmp_path) == []


def test_what_the_system_refuses_for_another_reason_is_told(tmp_path, monkeypatch):
    """A quota: the disk itself has room."""
    refused = OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
    monkeypatch.setattr(os, "posix_fallocate", raising(refused), raising=False)
    with pytest.raises(OSError) as caught:
        try_room(tmp_path, 1)
    assert caught.value is refused and os.listdir(tmp_path) == []


def raising(error):
    def call(*args):
        raise error

    return call


def test_windows_is_asked_again_while_somebody_reads_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "new").write_text("new")
    calls, replace = [], os.replace

    def busy(new, old):
        calls.append(new)
        if len(calls) < 3:
            raise PermissionError(errno.EACCES, "used by another process")
        replace(new, old)

    monkeypatch.setattr(files.os, "replace", busy)
    with pytest.raises(PermissionError):
        files.replace(tmp_path / "new", tmp_path / "old")  # elsewhere it is a matter of rights
    with monkeypatch.context() as windows:
        windows.setattr(files.os, "name", "nt")
        files.replace(tmp_path / "new", tmp_path / "old")
    assert len(calls) == 3 and (tmp_path / "old").read_text() == "new"


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file: owning.py's cleaning does")
def test_a_trial_of_the_room_that_is_killed_leaves_nothing(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(files, "_reserve", lambda file, size, folder: seen.append(os.listdir(folder)))
    files.try_room(tmp_path, 100)
    assert seen == [[]] and os.listdir(tmp_path) == []
