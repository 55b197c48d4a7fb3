"""`minidelve doctor`: the facts one asks for first when something is slow or does not start."""

import re
import subprocess
import sys

import pytest

from minidelve import backend
from minidelve.bench import machine


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(machine, "best_seconds", lambda work, seconds: 0.01)


def test_every_fact_has_a_line(cli):
    code, out, err = cli("doctor")
    assert (code, err) == (0, "")
    for fact in (
        r"minidelve +0\.", r"python +3\.", r"numpy +\d", r"numba +\d", r"llvmlite +\d", r"pillow +\d",
        r"matplotlib +\d", r"cores +\d+ usable of \d+", r"BLAS +\S+", r"matrix product +\d+ GFLOP/s",
        r"memory +[\d.]+ GB/s",
        r"kernels here +reference, numba_cpu", r"kernels of the CPU +kernels\.", r"threads +\d+",
        r"Numba cache +/\S+, \d+ kernels compiled, writable", r"CUDA +(not )?usable: \w+",
        r"OMP_NUM_THREADS ", r"NUMBA_NUM_THREADS ", r"NUMBA_CACHE_DIR ",
    ):  # fmt: skip
        assert re.search("^" + fact, out, re.M), fact


def test_it_says_why_cuda_is_not_usable(cli, monkeypatch):
    monkeypatch.setattr(backend, "_cupy_state", (None, "CuPy fails: cuBLAS is missing"))
    assert re.search(r"^CUDA +not usable: CuPy fails: cuBLAS is missing$", cli("doctor").out, re.M)
    monkeypatch.setattr(backend, "_cupy_state", (object(), "CuPy 14 on a card"))
    assert re.search(r"^CUDA +usable: CuPy 14 on a card$", cli("doctor").out, re.M)


def test_broken_kernels_are_a_finding_and_no_crash(cli, monkeypatch):
    def broken(*arrays):
        raise ImportError("Numba needs NumPy 2.3 or less")

    monkeypatch.setattr(backend, "kernels_for", broken)
    code, out, _ = cli("doctor")
    assert code == 0 and "FAIL: ImportError: Numba needs NumPy 2.3 or less" in out


def test_variables_that_are_set_are_shown(cli, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/somewhere")
    assert re.search(r"^NUMBA_CACHE_DIR +/somewhere$", cli("doctor").out, re.M)


def test_it_works_without_a_compiler_and_says_so():
    code = (
        "from minidelve.bench import machine; machine.best_seconds = lambda *_: 1.0;"
        "from minidelve.commands import doctor; doctor.run(None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"NUMBA_DISABLE_JIT": "1"})
    assert done.returncode == 0 and re.search(r"^NUMBA_DISABLE_JIT +1$", done.stdout, re.M), done.stderr
    assert re.search(r"^Numba cache +none: every start compiles anew", done.stdout, re.M)
