"""lock.py: one process at a time, and none that has ended, with the system's locks and without."""

import errno
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from minidelve.disk import lock
from minidelve.disk.lock import InUse, Lock, owner

fcntl = pytest.importorskip("fcntl", reason="Windows has locks of its own")
HOST = socket.gethostname()


@pytest.fixture(params=["system's locks", "no locks"])
def system(request, monkeypatch):
    """A file system as most are, and one that knows no locks."""
    if request.param == "no locks":

        def none(file, how):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr(fcntl, "flock", none)
    monkeypatch.setattr(lock, "PATIENCE", 0.05)
    return request.param


@pytest.fixture
def gone():
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_one_at_a_time_and_then_the_next(tmp_path, system):
    path = tmp_path / "lock"
    first = Lock(path)
    assert owner(path) == f"process {os.getpid()} on {HOST}" == path.read_text().strip().rpartition(", ")[0]
    with pytest.raises(InUse, match=f"process {os.getpid()} on {HOST}"):
        Lock(path)
    first.release()
    assert not path.exists() and owner(path) is None and not lock._lines_of_mine
    Lock(path).release()


def test_a_dead_owner_is_followed(tmp_path, system, gone):
    (tmp_path / "lock").write_text(f"process {gone} on {HOST}, 00c0ffee")
    assert owner(tmp_path / "lock") is None
    Lock(tmp_path / "lock").release()


@pytest.mark.parametrize(
    "text", ["", "???", "process x on y", f"process 99999999999999999999 on {HOST}, 00c0ffee", "\0" * 999]
)
def test_a_lock_file_that_says_nothing_is_nobodys(tmp_path, system, text):
    (tmp_path / "lock").write_text(text)
    assert owner(tmp_path / "lock") is None
    Lock(tmp_path / "lock").release()


def test_another_machine_is_believed_only_where_the_system_has_no_locks(tmp_path, system, gone):
    (tmp_path / "lock").write_text(f"process {gone} on elsewhere, 00c0ffee")
    if system == "no locks":
        assert owner(tmp_path / "lock") == f"process {gone} on elsewhere"
        with pytest.raises(InUse, match=f"process {gone} on elsewhere .if that has ended, remove {tmp_path}/lock"):
            Lock(tmp_path / "lock")
    else:
        assert owner(tmp_path / "lock") is None
        Lock(tmp_path / "lock").release()


def test_an_earlier_process_of_our_number_is_followed(tmp_path, system):
    """In a container every command may be process 1."""
    (tmp_path / "lock").write_text(f"process {os.getpid()} on {HOST}, 00c0ffee")
    assert owner(tmp_path / "lock") is None
    Lock(tmp_path / "lock").release()


@pytest.mark.parametrize("system", ["no locks"], indirect=True)
def test_a_process_of_another_user_is_alive(tmp_path, system, monkeypatch):
    def not_ours(pid, signal):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "kill", not_ours)
    (tmp_path / "lock").write_text(f"process 7 on {HOST}, 00c0ffee")
    assert owner(tmp_path / "lock") == f"process 7 on {HOST}"
    with pytest.raises(InUse):
        Lock(tmp_path / "lock")


@pytest.mark.parametrize("system", ["no locks"], indirect=True)
def test_who_wrote_a_moment_later_gives_way_and_may_come_again(tmp_path, system, monkeypatch, gone):
    """Both saw nobody. The other's line came before ours, which is seen when both are written."""
    path, other = tmp_path / "lock", "process 7 on elsewhere, 00c0ffee"
    monkeypatch.setattr(time, "sleep", lambda seconds: path.write_text(f"\n{other}{path.read_text()}"))
    with pytest.raises(InUse, match="process 7 on elsewhere"):
        Lock(path)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    path.write_text(path.read_text().replace(other, f"process {gone} on {HOST}, 00c0ffee"))
    assert owner(path) is None
    Lock(path).release()


def test_a_file_that_its_holder_removed_meanwhile_is_no_lock(tmp_path, system, monkeypatch):
    """Between our opening the file and our locking it, its holder went, and took the file along."""
    path, usual = tmp_path / "lock", lock._lock_file

    def lock_file(file, shared=False):
        monkeypatch.setattr(lock, "_lock_file", usual)
        path.unlink()
        return usual(file, shared)

    monkeypatch.setattr(lock, "_lock_file", lock_file)
    held = Lock(path)
    assert f"process {os.getpid()} on" in owner(path)
    with pytest.raises(InUse):
        Lock(path)
    held.release()


def test_the_file_goes_before_the_lock_does(tmp_path):
    """Else the next one locks a file that is then removed, and a third makes a new one."""
    held, there = Lock(tmp_path / "lock"), []
    file = held._file
    held._file = SimpleNamespace(close=lambda: (there.append(held.path.exists()), file.close()))
    held.release()
    assert there == [False]


def test_two_who_look_see_nobody(tmp_path):
    with open(tmp_path / "lock", "wb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        assert owner(tmp_path / "lock") is None


def test_many_at_one_moment_and_one_has_it(tmp_path, system):
    had, at_once = [], []

    def want():
        start.wait()
        try:
            held = Lock(tmp_path / "lock")
        except InUse:
            return
        at_once.append(1)
        had.append(len(at_once))
        time.sleep(0.3)
        at_once.pop()
        held.release()

    threads = [threading.Thread(target=want) for _ in range(8)]
    start = threading.Barrier(len(threads))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert had and set(had) == {1}


def test_whoever_only_looks_keeps_nobody_out(tmp_path):
    """A look takes the lock for a moment; a start waits for that."""
    stop = threading.Event()

    def look():
        while not stop.is_set():
            owner(tmp_path / "lock")

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(50):
            Lock(tmp_path / "lock").release()
    finally:
        stop.set()
        looking.join()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_still_locks(tmp_path):
    """The lock's text cannot be written; the work that is about to begin says so better."""
    (tmp_path / "lock").symlink_to("/dev/full")
    held = Lock(tmp_path / "lock")
    with pytest.raises(InUse):
        Lock(tmp_path / "lock")
    held.release()
    assert not os.listdir(tmp_path)


def test_looking_where_nothing_can_be_read_says_nobody(tmp_path):
    assert owner(tmp_path) is None is owner(tmp_path / "none" / "lock")
    os.mkfifo(tmp_path / "pipe")  # of which nobody holds the other end: to open it would be to wait
    assert owner(tmp_path / "pipe") is None


def _hold(path, ready, stop):
    held = Lock(path)
    ready.set()
    stop.wait()
    held.release()


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_a_process_of_either_kind_holds_it_and_is_followed_when_killed(tmp_path, method):
    context = multiprocessing.get_context(method)
    ready, stop = context.Event(), context.Event()
    child = context.Process(target=_hold, args=(tmp_path / "lock", ready, stop), daemon=True)
    child.start()
    assert ready.wait(60)
    with pytest.raises(InUse, match=f"process {child.pid} on"):
        Lock(tmp_path / "lock")
    child.kill()
    child.join()
    assert owner(tmp_path / "lock") is None
    Lock(tmp_path / "lock").release()
