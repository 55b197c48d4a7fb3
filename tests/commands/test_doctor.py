"""`minidelve doctor`: the facts one asks for first when something is slow or does not start."""

import re
import sys
from types import SimpleNamespace

import pytest

from minidelve import backend
from minidelve.backend import cuda_install
from minidelve.bench import machine
from minidelve.commands import doctor_cuda
from tests.helpers import in_python


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(machine, "best_seconds", lambda work, seconds: 0.01)


def test_every_fact_has_a_line(ok):
    out = ok("doctor")
    for fact in (
        r"minidelve +0\.\S+ in \S*/minidelve$", r"python +3\.", r"numpy +\d", r"numba +\d", r"llvmlite +\d",
        r"pillow +\d", r"matplotlib +\d", r"cores +\d+ usable of \d+", r"BLAS +\S+", r"matrix product +\d+ GFLOP/s",
        r"memory +[\d.]+ GB/s",
        r"kernels here +reference, numba_cpu", r"kernels of the CPU +kernels\.", r"threads +\d+",
        r"Numba cache +/\S+, \d+ kernels compiled, writable", r"CUDA +(not )?usable: \w+",
        r"OMP_NUM_THREADS ", r"NUMBA_NUM_THREADS ", r"NUMBA_CACHE_DIR ",
    ):  # fmt: skip
        assert re.search("^" + fact, out, re.M), fact


def test_it_says_why_cuda_is_not_usable(ok, monkeypatch):
    for module, reason, fact in (
        (None, "CuPy fails: cuBLAS is missing", "not usable: CuPy fails: cuBLAS is missing"),
        (object(), "CuPy 14 on a card", "usable: CuPy 14 on a card"),
    ):
        monkeypatch.setattr("minidelve.backend.cuda._state", (module, reason))
        assert re.search(f"^CUDA +{fact}$", ok("doctor"), re.M)


def test_it_names_what_cuda_needs_and_what_is_missing(cli, monkeypatch):
    monkeypatch.setattr("minidelve.backend.cuda._state", (None, "CuPy is not installed"))
    monkeypatch.setattr(cuda_install, "driver_cuda", lambda: (12, 4))
    monkeypatch.setattr(cuda_install, "driver_version", lambda: "550.54.14")
    monkeypatch.setattr(cuda_install, "wheels", list)
    out = cli("doctor").out
    assert re.search(r"^driver +550\.54\.14, supports CUDA 12\.4; the extra for it: cuda12$", out, re.M)
    assert re.search(r"^CuPy +not installed; \S+ -m pip install -e '\.\[cuda12\]'$", out, re.M)
    assert re.search(r"^kernels of CUDA +kernels\.cupy_cuda, once CUDA is usable$", out, re.M)
    monkeypatch.setattr(cuda_install, "wheels", lambda: ["cupy-cuda12x 14.2.0", "cupy-cuda13x 14.2.0"])
    monkeypatch.setattr(cuda_install, "driver_cuda", lambda: None)
    out = cli("doctor").out
    assert re.search(r"^CuPy +cupy-cuda12x 14\.2\.0, cupy-cuda13x .* uninstall -y cupy-cuda12x cupy-cuda13x", out, re.M)
    assert re.search(r"^driver +none found", out, re.M)


def test_whatever_fails_on_the_device_is_a_finding_and_no_crash(ok, monkeypatch):
    class Card:
        """A module cupy of which nothing works."""

        def __getattr__(self, name):
            raise ImportError('Failure finding "libcublasLt.so.12": No such file\nmore')

    monkeypatch.setattr("minidelve.backend.cuda._state", (Card(), "CuPy 14 on a card"))
    monkeypatch.setitem(sys.modules, "cupy", Card())
    monkeypatch.setattr(cuda_install, "wheels", lambda: ["cupy-cuda12x 14.2.0"])
    out = ok("doctor")
    for name in ("device", "device memory", "cuBLAS", "NVRTC", "kernels of CUDA"):
        fact = rf"^{name} +FAIL: ImportError: Failure finding .*; a library .* -m pip install 'cupy-cuda12x\[ctk\]'$"
        assert re.search(fact, out, re.M), name


@pytest.mark.parametrize(
    ("installed", "simulator", "sees", "said"),
    [
        (False, "0", False, "not installed; without it and a GPU kernels.numba_cuda runs with NUMBA_ENABLE_CUDASIM=1"),
        (False, "1", False, "Numba's simulator is on (NUMBA_ENABLE_CUDASIM): kernels.numba_cuda runs on the CPU"),
        (True, "0", True, "0.30, sees the device"),
        (True, "0", False, "0.30, sees no device"),
    ],
)
def test_it_says_what_numba_can_do_on_the_device(monkeypatch, installed, simulator, sees, said):
    found = {"numba-cuda": "0.30"} if installed else {}
    monkeypatch.setattr(doctor_cuda, "installed_version", found.get)
    monkeypatch.setitem(backend.DEVICE_OF, "numba_cuda", "cpu" if simulator == "1" else "cuda")
    module = SimpleNamespace(is_available=lambda: sees)
    monkeypatch.setitem(sys.modules, "numba.cuda", module)
    monkeypatch.setattr("numba.cuda", module, raising=False)
    assert doctor_cuda.numba_cuda().startswith(said)


def test_broken_kernels_are_a_finding_and_variables_are_shown(ok, monkeypatch):
    def broken(*arrays):
        raise ImportError("Numba needs NumPy 2.3 or less")

    monkeypatch.setattr(backend, "kernels_for", broken)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/somewhere")
    out = ok("doctor")
    assert "FAIL: ImportError: Numba needs NumPy 2.3 or less" in out
    assert re.search(r"^NUMBA_CACHE_DIR +/somewhere$", out, re.M)


def test_it_works_without_a_compiler_and_says_so():
    code = (
        "from minidelve.bench import machine; machine.best_seconds = lambda *_: 1.0;"
        "from minidelve.commands import doctor; doctor.run(None)"
    )
    said = in_python(code, NUMBA_DISABLE_JIT="1")
    assert re.search(r"^NUMBA_DISABLE_JIT +1$", said, re.M)
    assert re.search(r"^Numba cache +none: NUMBA_DISABLE_JIT is set, so nothing is compiled", said, re.M)
