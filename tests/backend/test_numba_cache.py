"""Numba's cache is only a cache: whatever lies there, the kernel is compiled, runs, and is kept again if it can be."""

import errno
import hashlib
import importlib.util
import os
import pickle
import re
import shutil
import time
from itertools import product

import numba
import pytest
from numba.core import event

from kernels.numba_cpu import cache
from kernels.numba_cpu.compile import compiled
from minidelve.backend import compiling, numba_settings, threads
from tests.helpers import ROOT, python

SOURCE = "def doubled(x):\n    return 2 * x\n\n\ndef halved(x):\n    return x / 2\n"


class Heard(event.Listener):
    """What the cache announces."""

    def __init__(self):
        self.trouble = []

    def on_start(self, event):
        pass

    def on_end(self, event):
        self.trouble.append(event.data)


@pytest.fixture
def heard():
    listener = Heard()
    with event.install_listener(cache.TROUBLE, listener):
        yield listener.trouble


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the kernels of these tests are kept."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "kernel_file.py").write_text(SOURCE, encoding="utf-8")
    return tmp_path


def kernel_of(folder, name="doubled"):
    """The kernel as a process finds it that starts now."""
    spec = importlib.util.spec_from_file_location("kernel_file", folder / "kernel_file.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return compiled(getattr(module, name))


def only(folder, suffix):
    (path,) = (folder / "cache").rglob(f"*{suffix}")
    return path


def loaded(kernel):
    """Whether the kernel came from disk."""
    return sum(kernel.stats.cache_hits.values()) == 1


def change(path, content):
    path.unlink()
    path.write_bytes(content)


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def to_folder(path):
    path.unlink()
    path.mkdir()


DAMAGES = {
    "an empty index": (".nbi", lambda path: change(path, b"")),
    "a cut index": (".nbi", lambda path: change(path, path.read_bytes()[:-9])),
    "garbage for an index": (".nbi", lambda path: change(path, b"garbage\n" * 99)),
    "a folder for an index": (".nbi", to_folder),
    "an index of something else": (".nbi", lambda path: change(path, pickle.dumps(compiling.EVERY_SECONDS) * 2)),
    "empty code": (".nbc", lambda path: change(path, b"")),
    "cut code": (".nbc", lambda path: change(path, path.read_bytes()[:1000])),
    "one bit of the code": (".nbc", lambda path: change(path, flipped(path.read_bytes()))),
    "garbage for code": (".nbc", lambda path: change(path, b"garbage\n" * 999)),
    "something else that is whole": (".nbc", lambda path: change(path, hashlib.sha256(b"else").digest() + b"else")),
    "a folder for code": (".nbc", to_folder),
}


@pytest.mark.parametrize(("suffix", "damage"), DAMAGES.values(), ids=DAMAGES)
def test_what_is_damaged_is_compiled_again_and_kept(folder, heard, suffix, damage):
    assert kernel_of(folder)(3) == 6 and heard == []
    assert loaded(again := kernel_of(folder)) is False and again(3) == 6 and loaded(again)
    path = only(folder, suffix)
    damage(path)
    kernel = kernel_of(folder)
    assert kernel(3) == 6 and not loaded(kernel)
    if path.is_dir():
        assert heard
        return  # nothing of ours: left where it is, each start says so and compiles
    after = kernel_of(folder)
    assert after(3) == 6 and loaded(after) and compiling.kept_kernels(path.parent) == (1, [])


def test_damaged_files_are_announced_and_found(folder, heard):
    kernel_of(folder)(3)
    change(only(folder, ".nbc"), b"x" * 99)
    change(only(folder, ".nbi"), b"x" * 99)
    names = sorted([only(folder, ".nbc").name, only(folder, ".nbi").name])
    assert compiling.kept_kernels(only(folder, ".nbc").parent) == (1, names)
    kernel_of(folder)(3)
    assert [data["writing"] for data in heard] == [False, False] and heard[0]["path"].endswith(".nbi")


def test_any_bit_of_the_code_counts(folder):
    kernel_of(folder)(3)
    content = only(folder, ".nbc").read_bytes()
    assert cache.is_whole(content) and not cache.is_whole(b"") and not cache.is_whole(content[: cache.DIGEST])
    for at in range(0, len(content), 499):
        assert not cache.is_whole(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])


def test_every_signature_of_a_kernel_is_kept_under_its_name(folder):
    kernel = kernel_of(folder)
    kernel(3), kernel(3.5)
    after = kernel_of(folder)
    assert (after(3), after(3.5), sum(after.stats.cache_hits.values())) == (6, 7.0, 2)
    name = kernel._cache._cache_file._name
    keys = list(product(("int64", "float64"), ("zen", "skylake"), [("the code", "2"), ("the code", "3")]))
    assert len({name(key) for key in keys}) == 8  # two machines with one folder do not write over each other's
    assert name(("int64", "zen", ("edited", "2"))) == name(keys[0])


def test_an_index_whose_file_is_gone_is_not_damage(folder, heard):
    kernel_of(folder)(3)
    only(folder, ".nbc").unlink()
    kernel = kernel_of(folder)
    assert kernel(3) == 6 and not loaded(kernel) and heard == []


def test_an_index_of_numbas_own_is_passed_over_in_silence(folder, heard):
    theirs = numba.njit(cache=True)(kernel_of(folder).py_func)
    assert theirs(3) == 6
    kernel = kernel_of(folder)
    assert kernel(3) == 6 and heard == [] and not loaded(kernel)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_where_nothing_can_be_written_the_kernel_runs(folder, heard, monkeypatch, number):
    def refuse(self, path):
        raise OSError(number, os.strerror(number))

    kernel = kernel_of(folder)
    monkeypatch.setattr(cache._Files, "_open_for_write", refuse)
    assert kernel(3) == 6
    assert [(data["writing"], data["error"].errno) for data in heard] == [(True, number)]


def test_two_processes_never_write_different_code_under_one_name(folder):
    """Each reads the index before the other has written it, as they do when both compile at once."""
    one, other = kernel_of(folder), kernel_of(folder)
    assert one(3) == 6
    other._cache._cache_file._load_index = dict  # as it was before the first one wrote
    assert other(3.5) == 7.0
    assert len(list((folder / "cache").rglob("*.nbc"))) == 2, "the code for integers and for floats is in one file"
    third = kernel_of(folder)
    assert (third(3), third(3.5)) == (6, 7.0)


def test_code_of_another_signature_is_not_run(folder):
    kernel = kernel_of(folder)
    kernel(3), kernel(3.5)
    first, second = sorted((folder / "cache").rglob("*.nbc"))
    shutil.copy(first, second)
    assert [kernel_of(folder)(3), kernel_of(folder)(3.5)] == [6, 7.0]


def test_an_edit_takes_the_place_of_the_old_code(folder):
    kernel_of(folder)(3)
    (folder / "kernel_file.py").write_text(SOURCE.replace("2 * x", "3 * x"), encoding="utf-8")
    assert kernel_of(folder)(3) == 9
    assert only(folder, ".nbc").name.startswith("kernel_file.doubled-1.py")


# -- what the user reads ---------------------------------------------------------------------------

STEP = """
import numpy as np
from minidelve import Tensor, backend, prelu
y = prelu(Tensor(np.float32([[-2, 3, 1]])), Tensor(np.float32([0.25] * 3)))
assert y.data.tolist() == [[-0.5, 3.0, 1.0]]
print(backend.chosen("cpu"))
"""


def told(code=STEP, **environment):
    """The lines on stderr of a process that computes one step, and the kernels that served it."""
    done = python("-c", code, environment={"PYTHONPATH": str(ROOT), **environment})
    return done.stderr.splitlines(), done.stdout.strip()


def test_compiling_is_announced_before_and_damage_once(tmp_path):
    here = {"NUMBA_CACHE_DIR": str(tmp_path)}
    assert told(**here) == (["compiling kernels, once, up to a minute"], "numba_cpu")
    assert told(**here) == ([], "numba_cpu")
    for path in tmp_path.rglob("*.nb[ci]"):
        path.write_bytes(b"")
    damage, compiling = told(**here)[0]
    assert re.fullmatch(
        r"\S+\.nbi is damaged \(EOFError.*\): its kernel is compiled again; `minidelve doctor` .*", damage
    )
    assert compiling.startswith("compiling kernels")


@pytest.fixture
def notes(monkeypatch):
    """What is told from now on, as in a new process."""
    said = []
    monkeypatch.setattr(compiling, "note", said.append)
    monkeypatch.setattr(compiling, "_told", compiling._Told())
    return said


def test_it_is_told_before_the_first_kernel_and_then_now_and_then(notes, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    kernel = compiled(lambda x: x)
    kernel.py_func.__module__ = "somebodys.program"
    compiling._compiling(kernel)
    assert notes == []
    kernel.py_func.__module__ = "kernels.numba_cpu.prelu"
    for seconds in (0, 4, 4, 4, 9, 2):
        now[0] += seconds
        compiling._compiling(kernel)
    assert notes == [
        "compiling kernels, once, up to a minute", "compiling kernels: 3 done", "compiling kernels: 5 done"
    ]  # fmt: skip


def test_trouble_with_reading_and_with_writing_are_each_said_once(notes):
    for writing in (False, True, True, False):
        compiling._cannot_keep("/cache", OSError(errno.EIO, "Input/output error"), writing)
    assert [line.partition(";")[0].partition(":")[0] for line in notes] == [
        "/cache is damaged (Input/output error)", "compiled kernels cannot be kept in /cache (Input/output error)"
    ]  # fmt: skip


def test_a_disk_that_takes_nothing_is_said_once(tmp_path):
    full = (
        "from kernels.numba_cpu import cache\n"
        "def refuse(self, path):\n    raise OSError(28, 'No space left on device')\n"
        "cache._Files._open_for_write = refuse\n"
    )
    lines, _ = told(full + STEP, NUMBA_CACHE_DIR=str(tmp_path))
    assert len(lines) == 2 and "(No space left on device)" in lines[1] and "cannot be kept in" in lines[1]


NONSENSE = {
    "NUMBA_NUM_THREADS": "0", "NUMBA_CPU_FEATURES": "avx2", "NUMBA_CACHE_DIR": "/dev/null/cache",
    "NUMBA_FUNCTION_CACHE_SIZE": "-1", "NUMBA_CHROME_TRACE": "/", "NUMBA_LLVM_REFPRUNE_FLAGS": "none",
    "NUMBA_DEBUGINFO": "maybe", "NUMBA_OPT": "fast", "NUMBA_DISABLE_JIT": "no", "NUMBA_ENABLE_CUDASIM": "no",
}  # fmt: skip


def test_nonsense_in_numbas_variables_is_one_line_and_left_out():
    lines, kernels = told(**NONSENSE, NUMBA_CACHE_LOCATOR_CLASSES="", NUMBA_DEBUG_CACHE="")
    assert kernels == "numba_cpu"
    assert [line for line in lines if not line.startswith("compiling kernels")] == lines[:1]
    left_out = set(re.findall(r"(NUMBA_\w+)=", lines[0]))
    assert left_out == NONSENSE.keys()


@pytest.mark.parametrize(("value", "on"), [("1", True), ("2", True), ("-1", True), ("0", False), ("no", False)])
def test_a_switch_is_on_where_numba_takes_it_for_on(monkeypatch, value, on):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", value)
    assert numba_settings.is_on("NUMBA_DISABLE_JIT") is on


@pytest.mark.parametrize(("value", "count"), [("3", 3), ("0", None), ("-1", None), ("two", None), ("9" * 30, None)])
def test_a_number_of_threads_that_makes_no_sense_is_passed_over(monkeypatch, value, count):
    monkeypatch.setenv("NUMBA_NUM_THREADS", value)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert threads._default_thread_count.__wrapped__() == (count or threads.usable_cores())


def test_a_kernel_without_a_place_says_so_at_each_start():
    lines, kernels = told(NUMBA_CACHE_LOCATOR_CLASSES="nonsense")
    assert kernels == "numba_cpu"
    assert lines == [
        "compiling kernels, at each start (there is no place to keep them: see `minidelve doctor`), up to a minute"
    ]


def test_every_loop_nest_is_kept_by_our_cache():
    """A kernel compiled by a bare njit would trust whatever lies on the disk."""
    sources = [path for path in (ROOT / "kernels" / "numba_cpu").glob("*.py") if path.name != "compile.py"]
    assert [path.name for path in sources if "import njit" in path.read_text(encoding="utf-8")] == []
