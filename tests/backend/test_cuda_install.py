"""Every way in which CUDA is missing is one line that says what to do."""

import subprocess
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from minidelve.backend import cuda_install


@pytest.fixture(autouse=True)
def pip_is_called_pip(monkeypatch):
    """Else messages name the pip of the Python that runs the tests."""
    monkeypatch.setattr(cuda_install, "pip", lambda: "pip")


@pytest.fixture
def machine(monkeypatch):
    """machine(driver=(12, 4), wheels={"cupy-cuda12x": "14.2.0"}): what is installed there."""

    def is_like(driver=None, wheels=None, smi=""):
        installed = [SimpleNamespace(metadata={"Name": name}, version=v) for name, v in (wheels or {}).items()]
        monkeypatch.setattr(cuda_install, "driver_cuda", lambda: driver)
        monkeypatch.setattr(cuda_install, "distributions", lambda: [*installed, SimpleNamespace(
            metadata={"Name": "cupy-wheelhouse"}, version="1")])  # fmt: skip
        monkeypatch.setattr(cuda_install, "nvidia_smi", lambda *options: smi)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    return is_like


def raises(error):
    return Mock(**{"cuda.runtime.getDeviceCount.side_effect": error})


class CUDARuntimeError(RuntimeError):
    pass


@pytest.mark.parametrize(("driver", "extra"), [
    (None, None), ((11, 8), None), ((12, 0), "cuda12"), ((13, 1), "cuda13"), ((14, 0), "cuda13"),
])  # fmt: skip
def test_the_driver_chooses_the_extra(machine, driver, extra):
    machine(driver)
    assert cuda_install.extra() == extra
    both = "pip install -e '.[cuda12]' or '.[cuda13]', as the driver's CUDA version is"
    assert cuda_install.install() == (f"pip install -e '.[{extra}]'" if extra else both)


def test_without_cupy_it_names_the_extra_and_the_driver(machine):
    machine((13, 0))
    line = "CuPy is not installed (pip install -e '.[cuda13]'; the driver supports CUDA 13.0)"
    assert cuda_install.not_installed() == line
    machine()
    assert cuda_install.not_installed().endswith("and no NVIDIA driver is found either")


def test_two_wheels_are_named_with_the_cure_whatever_fails(machine):
    machine((12, 4), {"cupy-cuda12x": "14.2.0", "cupy_cuda13x": "14.2.0", "numpy": "2.4"})
    cure = "pip uninstall -y cupy-cuda12x cupy-cuda13x, then pip install -e '.[cuda12]'"
    assert cuda_install.wheels() == ["cupy-cuda12x 14.2.0", "cupy-cuda13x 14.2.0"]
    assert cuda_install.two_wheels().endswith(f"both installed and overwrite each other: {cure}")
    assert cuda_install.explain(ImportError("libcudart.so.13: cannot open shared object file")).endswith(cure)
    machine((12, 4), {"cupy-cuda12x": "14.2.0"})
    assert cuda_install.two_wheels() is None


def test_no_device_says_whether_driver_variable_or_version_is_the_cause(machine, monkeypatch):
    machine(None, {"cupy-cuda12x": "14.2.0"})
    assert "there is no NVIDIA driver (libcuda.so.1)" in cuda_install.no_device(SimpleNamespace())
    machine((12, 4), {"cupy-cuda13x": "14.2.0"})
    old = raises(CUDARuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient"))
    cure = "update it, or pip install -e '.[cuda12]' in its place"
    assert cuda_install.no_device(old).endswith(f"the driver supports CUDA 12.4, too old for this CuPy: {cure}")
    none = raises(CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected"))
    line = "CuPy finds no CUDA device: CUDARuntimeError: cudaErrorNoDevice: no CUDA-capable device is detected"
    assert cuda_install.no_device(none) == line
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert "CUDA_VISIBLE_DEVICES is '7': unset it" in cuda_install.no_device(none)
    assert "too old for this CuPy" in cuda_install.no_device(old)


KNOWN = [
    (ImportError('Failure finding "libcublasLt.so.12": No such file'), "pip install 'cupy-cuda12x[ctk]'"),
    (OSError("libnvrtc.so.12: cannot open shared object file"), "pip install 'cupy-cuda12x[ctk]'"),
    (RuntimeError('catastrophic error: cannot open source file "cuda_fp16.h"'), "headers of CUDA are missing"),
    (CUDARuntimeError("cudaErrorNoKernelImageForDevice: no kernel image"), "too old or too new for the card"),
    (CUDARuntimeError("cudaErrorSystemDriverMismatch: system has unsupported"), "restart the machine"),
    (CUDARuntimeError("cudaErrorDevicesUnavailable: all are busy"), "another program has the card for itself"),
    (MemoryError("OutOfMemoryError: Out of memory"), "close other programs"),
    (PermissionError(13, "Permission denied", "/root/.cupy"), "set CUPY_CACHE_DIR"),
    (OSError(30, "Read-only file system"), "set CUPY_CACHE_DIR"),
]


@pytest.mark.parametrize(("error", "cure"), KNOWN)
def test_a_known_failure_gets_its_cure(machine, error, cure):
    machine((12, 4), {"cupy-cuda12x": "14.2.0"})
    line = cuda_install.explain(error)
    assert line.startswith(f"CuPy fails: {type(error).__name__}: ") and cure in line and "\n" not in line


def test_an_unknown_failure_is_told_in_its_own_words(machine):
    machine((12, 4), {"cupy-cuda12x": "14.2.0"})
    page = ImportError("=====\nFailed to import CuPy\n")
    page.__cause__ = ModuleNotFoundError("No module named 'fastrlock'")
    assert cuda_install.explain(page) == "CuPy fails: ModuleNotFoundError: No module named 'fastrlock'"
    assert cuda_install.explain(RuntimeError()) == "CuPy fails: RuntimeError: "


@pytest.fixture
def programs(monkeypatch):
    """programs(text): nvidia-smi is there and prints it, or fails; no libcuda."""

    def are(outcome):
        told = {"side_effect": outcome} if isinstance(outcome, Exception) else {"return_value.stdout": outcome}
        monkeypatch.setattr(cuda_install.shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(cuda_install.subprocess, "run", Mock(**{"return_value.returncode": 0, **told}))
        monkeypatch.setattr(cuda_install.ctypes, "CDLL", Mock(side_effect=OSError("no libcuda")))
        cuda_install.driver_cuda.cache_clear()

    yield are
    cuda_install.driver_cuda.cache_clear()


def test_nvidia_smi_tells_where_the_library_does_not(programs):
    programs("| NVIDIA-SMI 550.54.14   Driver Version: 550.54.14   CUDA Version: 12.4     |")
    assert cuda_install.driver_cuda() == (12, 4)
    programs("550.54.14\n550.54.14\n")
    assert cuda_install.driver_version() == "550.54.14"


@pytest.mark.parametrize("failure", [OSError("gone"), subprocess.TimeoutExpired("nvidia-smi", 20)])
def test_a_driver_program_that_fails_is_no_failure(programs, failure):
    programs(failure)
    assert cuda_install.driver_cuda() is None and cuda_install.driver_version() is None


def test_the_librarys_number_is_major_and_minor(programs, monkeypatch):
    programs("")

    def get(pointer):
        pointer._obj.value = 13010
        return 0

    monkeypatch.setattr(cuda_install.ctypes, "CDLL", lambda name: SimpleNamespace(cuDriverGetVersion=get))
    assert cuda_install.driver_cuda() == (13, 1)
