"""owning.py: a folder, a file or a name belongs to one process, and could be written, before the work begins."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from minidelve.disk import owning
from minidelve.disk.files import write_whole
from minidelve.disk.owning import LOCK, OwnFolder, holder, new_folder, own_file, own_name
from minidelve.errors import RunError


class Box(OwnFolder):
    """A folder for content.txt, which may be replaced."""

    def __init__(self, path: Path):
        super().__init__(path, {"content.txt"}, f"--out {path}")

    def guard(self) -> None:
        if self.strangers():
            raise RunError(f"{self.what} holds {self.strangers()[0]}")


@pytest.fixture
def full(monkeypatch):
    """A disk on which there is room for no file of any size."""

    def refuse(*args, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(owning, "try_room", refuse)


def test_a_full_disk_is_met_on_entering_and_nothing_is_left(tmp_path, full):
    with pytest.raises(RunError, match="new/box cannot be written .No space left on device.; make room there or name"):
        Box(tmp_path / "new" / "box").__enter__()
    with pytest.raises(RunError, match="--json a.json cannot be written .No space left on device.; name another"):
        own_file(tmp_path / "a.json", "--json a.json").__enter__()
    assert os.listdir(tmp_path) == []


def test_a_place_where_nothing_can_be_made_is_one_line_and_nothing_is_left(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(owning, "Lock", refuse)  # the tests may run as root, whom no mode stops
    with pytest.raises(RunError, match="new/box cannot be written .Permission denied.; name another folder"):
        Box(tmp_path / "new" / "box").__enter__()
    with pytest.raises(RunError, match="--json a.json cannot be written .Permission denied.; name another file"):
        own_file(tmp_path / "a.json", "--json a.json").__enter__()
    assert os.listdir(tmp_path) == []


def test_trying_out_leaves_everything_as_it_was(tmp_path):
    Box(tmp_path / "new" / "box").try_out()
    assert os.listdir(tmp_path) == []


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
        assert (tmp_path / "box" / LOCK).exists()  # of the one who has it
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
from tests.disk.test_owning import Box
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
    assert sorted(os.listdir(tmp_path)) == [LOCK, "content.txt.1-abcdef.unfinished"]
    box = Box(tmp_path)
    assert box.present() == [] == box.strangers()
    with box:
        assert os.listdir(tmp_path) == [LOCK]
    assert os.listdir(tmp_path) == []


def test_only_files_of_the_kind_are_removed(tmp_path):
    box = Box(tmp_path)
    for name in ("content.txt", "content.txt.9-012345.unfinished", "mine.txt"):
        (tmp_path / name).write_text("")
    box.remove()
    box.clean()
    assert os.listdir(tmp_path) == ["mine.txt"] == box.present() == box.strangers()


def test_what_is_left_unfinished_goes_when_the_block_ends_in_whatever_way(tmp_path):
    with pytest.raises(OSError), Box(tmp_path) as box:
        write_whole(box.path / "content.txt", "x")
        (tmp_path / "content.txt.9-012345.unfinished").touch()
        raise OSError(errno.ENOSPC, "full")
    assert os.listdir(tmp_path) == ["content.txt"]


def test_a_disk_that_has_gone_does_not_hide_why_the_block_ended(tmp_path, monkeypatch):
    box = Box(tmp_path)

    def gone():
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(ZeroDivisionError), box:
        monkeypatch.setattr(box, "clean", gone)
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == []  # no lock either


def test_a_new_folder_appears_when_all_of_it_is_there(tmp_path):
    with new_folder(tmp_path / "a" / "set", "set:") as folder:
        (folder / "inner").touch()
        assert not (tmp_path / "a" / "set").exists()
        with pytest.raises(RunError, match="set: is in use by process"), new_folder(tmp_path / "a" / "set", "set:"):
            pass
    assert os.listdir(tmp_path / "a") == ["set"] and os.listdir(tmp_path / "a" / "set") == ["inner"]
    with pytest.raises(RunError, match="set: already exists and is not an empty folder; name a new one"):
        new_folder(tmp_path / "a" / "set", "set:").__enter__()


def test_a_new_folder_that_nothing_can_become_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="here: is the current folder or a disk; name a new folder in it"):
        new_folder(Path("."), "here:").__enter__()
    sizes = []
    monkeypatch.setattr(owning, "try_room", lambda folder, size: sizes.append(size))
    with pytest.raises(ZeroDivisionError), new_folder(Path("set"), "set:", size=10**6):
        raise ZeroDivisionError
    assert sizes == [10**6] and os.listdir(tmp_path) == []


def test_a_folder_with_the_name_of_a_file_is_a_stranger(tmp_path):
    """It could not be replaced when the file comes to be written."""
    (tmp_path / "content.txt").mkdir()
    with pytest.raises(RunError, match="holds content.txt"):
        Box(tmp_path).__enter__()


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_file_in_the_place_of_a_folder_is_named(tmp_path, where):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file or lies under one; expected a folder, or a new name"):
        Box(tmp_path / where).present()


@pytest.mark.parametrize("where", ["lost", "lost/below"])
def test_a_link_that_leads_nowhere_is_named(tmp_path, where):
    (tmp_path / "lost").symlink_to(tmp_path / "disk" / "runs")
    says = f"the link {tmp_path}/lost leads to {tmp_path}/disk/runs, which is not there; bring back"
    with pytest.raises(RunError, match=says):
        Box(tmp_path / where).__enter__()
    with pytest.raises(RunError, match=says):
        own_file(tmp_path / where / "a.json", "--json a.json").__enter__()
    assert os.listdir(tmp_path) == ["lost"]


def test_a_link_to_a_folder_is_that_folder(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    with Box(tmp_path / "link") as box, pytest.raises(RunError, match="there is in use by process"):
        write_whole(box.path / "content.txt", "x")
        Box(tmp_path / "there").__enter__()
    assert os.listdir(tmp_path / "there") == ["content.txt"]


@pytest.mark.parametrize("place", ["loop", "n" * 300, "n" * 300 + "/below"])
def test_a_path_that_cannot_be_is_one_line(tmp_path, place):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for enter in (Box(tmp_path / place), own_file(tmp_path / place / "a.json", "--json")):
        with pytest.raises(RunError, match="File name too long|Too many levels|leads to"):
            enter.__enter__()
    assert os.listdir(tmp_path) == ["loop"]


def test_a_file_is_owned_until_it_is_written(tmp_path):
    path = tmp_path / "a.json"
    (tmp_path / "a.json.1-abcdef.unfinished").write_text("of one that was killed")
    (tmp_path / "b.json.1-abcdef.unfinished").write_text("another's")
    with own_file(path, "--json a.json"):
        write_whole(path, "figures")
        with pytest.raises(RunError, match="--json a.json is in use by process"), own_file(path, "--json a.json"):
            pass
        assert (tmp_path / "b.json.1-abcdef.unfinished").exists()  # it may be that of a process at work
        with own_file(tmp_path / "b.json", "--json b.json"):
            pass
    assert os.listdir(tmp_path) == ["a.json"] and path.read_text() == "figures"


def test_a_file_is_refused_before_the_work_where_it_could_not_be(tmp_path):
    (tmp_path / "file").touch()
    for path, says in ((tmp_path, "is a folder; name a file in it"), (tmp_path / "no" / "a", "there is no folder"),
                       (tmp_path / "file" / "a", "there is no folder")):  # fmt: skip
        with pytest.raises(RunError, match=says), own_file(path, "--json x"):
            pass
    with own_file(Path("/dev/null"), "--json /dev/null"):
        write_whole(Path("/dev/null"), "figures")


def test_an_error_of_the_work_is_not_taken_for_one_of_the_place(tmp_path):
    with pytest.raises(OSError, match="mine"), own_file(tmp_path / "a", "--json a"):
        raise OSError("mine")
    with pytest.raises(OSError, match="mine"), own_name(tmp_path / "a", "a"):
        raise OSError("mine")
    assert os.listdir(tmp_path) == []


def test_who_works_in_a_folder_can_be_asked(tmp_path):
    assert holder(tmp_path) is None is holder(tmp_path / "none")
    with Box(tmp_path):
        assert f"process {os.getpid()} on " in holder(tmp_path)
    (tmp_path / LOCK).write_text("process 1 on elsewhere")  # of one that was killed
    assert holder(tmp_path) is None
