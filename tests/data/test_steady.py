"""steady.py: what happens to a data set's file while it is being used is noticed, and named."""

import os
import shutil
import threading
import time

import numpy as np
import pytest

from minidelve import data
from minidelve.data.steady import Steady, SteadyFile
from minidelve.errors import DataChanged, DataError

CONTENT = np.arange(100, dtype=np.uint8)


@pytest.fixture
def path(tmp_path):
    (tmp_path / "file").write_bytes(CONTENT.tobytes())
    os.utime(tmp_path / "file", (1000, 1000))
    return tmp_path / "file"


def overwritten(path):
    """In place, with as many bytes."""
    path.write_bytes(bytes(path.stat().st_size))


def replaced(path):
    shutil.copy2(path, path.with_name("new"))  # of the same size and time
    os.replace(path.with_name("new"), path)


HAPPENINGS = {
    "cut short": lambda path: os.truncate(path, path.stat().st_size // 2),
    "grown": lambda path: os.truncate(path, path.stat().st_size + 1),
    "overwritten": overwritten,
    "replaced": replaced,
    "removed": os.remove,
}


@pytest.fixture(params=HAPPENINGS)
def happens(request):
    return HAPPENINGS[request.param]


def test_bytes_are_read_as_often_as_wanted(path):
    file = SteadyFile(path)
    for _ in range(3):
        found = file.read(10, 20)
        assert (found == CONTENT[10:30]).all() and not found.flags.writeable


class Hesitating:
    """An open file that lets other threads run between a seek and a read."""

    def __init__(self, file):
        self.file, self.fileno, self.read = file, file.fileno, file.read

    def seek(self, start):
        self.file.seek(start)
        time.sleep(1e-5)


@pytest.mark.parametrize("has_pread", [True, False])
def test_threads_and_a_system_with_one_place_to_read_from(path, monkeypatch, has_pread):
    if not has_pread:
        monkeypatch.delattr(os, "pread", raising=False)
    file, wrong = SteadyFile(path), []
    file._file = Hesitating(file._file)

    def read(start):
        wrong.extend(start for _ in range(60) if (file.read(start, 10) != CONTENT[start : start + 10]).any())

    threads = [threading.Thread(target=read, args=(start,)) for start in range(0, 80, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_another_file_than_the_one_opened_is_noticed(path, happens):
    steady, file = Steady(path), SteadyFile(path)
    steady.check()
    file.read(0, 100)
    happens(path)
    with pytest.raises(DataChanged, match=f"{path}: was changed, replaced or removed while it was being used; bring"):
        steady.check()
    with pytest.raises(DataChanged):
        file.read(0, 100)


def test_the_file_that_is_opened_is_the_one_that_was_looked_at(path, monkeypatch):
    def late(*arguments, **more):
        replaced(path)
        return open(*arguments, **more)

    monkeypatch.setattr("minidelve.data.steady.open", late, raising=False)
    with pytest.raises(DataChanged):
        SteadyFile(path)


def test_a_change_while_it_is_read_is_the_reason_that_is_given(path):
    with pytest.raises(DataChanged), Steady(path).unchanged():
        os.remove(path)
        raise DataError("the picture is broken")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes among its files")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a file"):
        SteadyFile(tmp_path / "pipe")


@pytest.mark.parametrize("policy", ["error", "skip"])
@pytest.mark.parametrize("kind", ["store", "zip", "tar"])
def test_a_data_set_that_changes_under_a_loader_ends_it(tiny_data, tmp_path, happens, kind, policy):
    """With "skip" too: image after image would be left out in silence."""
    place = tmp_path / f"set.{kind}"
    if kind == "store":
        data.pack(tiny_data, place, 28)
    else:
        shutil.make_archive(str(place.with_suffix("")), kind, tiny_data)
    dataset = data.open_dataset(place, cache_bytes=0)
    statistics = data.Statistics(np.zeros((24, 24, 3), np.float32), 1.0)
    loader = data.Loader(dataset, 4, data.RandomCrop(24), statistics, shuffle=True, seed=0, on_bad_image=policy)
    batches = loader.epoch(1)
    next(batches)
    file = place / "train.pixels" if kind == "store" else place
    happens(file)
    with pytest.raises(DataChanged, match=f"{file.name}: was changed"):
        list(batches)
    assert loader.skipped == {}
