"""Which kernels serve an array, and what is said when a device, a folder or the whole package is missing."""

import ast
import os
from types import SimpleNamespace

import numpy as np
import pytest

from minidelve import Tensor, backend
from minidelve.backend import cuda_install
from tests.helpers import ROOT, in_python, python


def failing_beside(packages, code: str) -> tuple[str, str]:
    """What code prints, and the error it ends with, in a Python that finds the packages of a folder before our tree."""
    path = os.pathsep.join([str(packages), str(ROOT)])
    done = python("-c", code, exit_code=1, environment={"PYTHONPATH": path}, cwd="/")
    return done.stdout.strip(), done.stderr.strip().splitlines()[-1]


# -- choosing --------------------------------------------------------------------------------------


def serving() -> str:
    return backend.kernels_for(np.zeros(1)).__name__.removeprefix("kernels.")


def test_numpy_arrays_are_served_by_numpy_and_by_default_by_numba():
    assert backend.array_module(np.zeros(1), None, np.float32(1)) is np
    assert backend.device_of() == backend.device_of(None, np.zeros(1)) == "cpu"
    assert serving() == "numba_cpu"


def test_use_nests_restores_after_an_exception_and_without_with_stays():
    with backend.use("reference"):
        assert serving() == "reference"
        with pytest.raises(KeyError), backend.use("numba_cpu"):
            assert serving() == "numba_cpu"
            raise KeyError
        assert serving() == "reference"
    assert serving() == "numba_cpu"
    try:
        backend.use("reference")
        assert serving() == "reference"
    finally:
        backend.use("numba_cpu")
    assert serving() == "numba_cpu"


def test_use_of_what_is_not_there_lists_what_is_and_changes_nothing(monkeypatch):
    with pytest.raises(ValueError, match="no implementation is called 'numpy'; expected one of reference, numba_cpu"):
        backend.use("numpy")
    monkeypatch.setitem(backend.DEVICE_OF, "tpu", "cpu")
    with pytest.raises(ImportError, match=r"cannot load kernels\.tpu .*expected one of: reference, numba_cpu"):
        backend.use("tpu")
    assert serving() == "numba_cpu"


def test_what_is_no_array_is_not_taken_for_a_cuda_array():
    for thing in ([1.0], 3, "x", memoryview(b"x")):
        with pytest.raises(TypeError, match=f"expected an array; got a {type(thing).__name__}"):
            backend.array_module(thing)


def test_arrays_of_two_devices_raise_and_name_the_cure():
    on_cuda = SimpleNamespace(__cuda_array_interface__={})  # as much of an array as device_of looks at
    assert backend.device_of(on_cuda) == "cuda"
    with pytest.raises(TypeError, match=r"different devices .*\.to\(\.\.\.\)"):
        backend.kernels_for(np.zeros(1), on_cuda)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (3, 5), (0, 4), (256,), (2, 17, 19)])
def test_a_new_array_begins_with_a_line_of_the_cache_unless_it_is_small(shape, dtype):
    new = [backend.empty_like(np.ones(shape, dtype)) for _ in range(5)]
    assert all((x.shape, x.dtype, x.flags.c_contiguous) == (shape, dtype, True) for x in new)
    assert all(x.ctypes.data % 64 == 0 for x in new if x.nbytes >= 1024)


def test_the_order_in_memory_is_found_and_undone():
    x = np.zeros((2, 3, 4, 5)).transpose(0, 3, 1, 2)
    axes = backend.memory_order(x)
    assert axes == (0, 2, 3, 1) and x.transpose(axes).flags.c_contiguous
    assert x.transpose(axes).transpose(backend.inverse(axes)).strides == x.strides


# -- CUDA that is not there ------------------------------------------------------------------------

ASK = "import minidelve as m; print(m.backend.cuda_state()); m.Tensor([1.0]).to('cuda')"
BROKEN_CUPYS = {
    "raises when imported": ("raise OSError('no space left in HOME')", "CuPy fails: OSError: no space left in HOME"),
    "is CuPy's own page of advice": (
        "try:\n    import libcublas\nexcept ImportError as e:\n"
        "    raise ImportError('\\n=====\\nFailed to import CuPy.\\n\\nOriginal error:\\n') from e",
        "CuPy fails: ModuleNotFoundError: No module named 'libcublas'",
    ),
    "raises without a word": ("raise ImportError", "CuPy fails: ImportError: "),
    "finds no driver": (
        "class cuda:\n    is_available = staticmethod(lambda: False)",
        # which of them depends on the machine: tests/backend/test_cuda_install.py
        ("CuPy is installed, but there is no NVIDIA driver", "CuPy finds no CUDA device"),
    ),
    "has a driver but no cuBLAS": (
        "class cuda:\n    is_available = staticmethod(lambda: True)\n"
        "def ones(*_):\n    raise RuntimeError('no cuBLAS')",
        "CuPy fails: RuntimeError: no cuBLAS",
    ),
}


@pytest.mark.parametrize(("source", "reason"), BROKEN_CUPYS.values(), ids=BROKEN_CUPYS)
def test_a_broken_cupy_is_one_clear_line_and_the_cpu_works_on(tmp_path, source, reason):
    (tmp_path / "cupy").mkdir()
    (tmp_path / "cupy" / "__init__.py").write_text(source)
    printed, error = failing_beside(tmp_path, ASK)
    usable, said = ast.literal_eval(printed)
    assert not usable and said.startswith(reason)
    assert error == f"RuntimeError: CUDA cannot be used here: {said}; use device 'cpu', or see `minidelve doctor`"


def test_without_cupy_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("minidelve.backend.cuda._state", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    usable, reason = backend.cuda_state()
    assert not usable and reason == cuda_install.not_installed()
    with pytest.raises(RuntimeError, match=r"CUDA cannot be used here: .*install.*use device 'cpu'"):
        Tensor([1.0]).to("cuda")


# -- installations ---------------------------------------------------------------------------------


def test_a_foreign_package_called_kernels_is_named_with_the_cure(tmp_path):
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "__init__.py").write_text("")
    _, error = failing_beside(tmp_path, "import minidelve")
    assert error.startswith("ImportError: minidelve needs its own package `kernels`")
    assert str(tmp_path / "kernels") in error and "fresh virtual environment" in error


READ_ONLY = """
import numba.core.caching as caching
def read_only(self):                                   # what Numba meets where it may not write
    raise OSError(30, 'Read-only file system')
caching._CacheLocator.ensure_cache_path = read_only
import numpy as np, minidelve as m
print(m.relu(m.Tensor([-1.0, 2.0], requires_grad=True)).data[1])
"""


def test_kernels_run_where_no_cache_can_be_written():
    """File permissions do not stop root, so Numba's own probe of a folder is made to fail instead."""
    assert in_python(READ_ONLY, HOME="/nonexistent", NUMBA_CACHE_DIR="") == "2.0"


STEP = """
import numpy as np
from minidelve import Tensor, backend, conv2d
x = Tensor(np.ones((1, 3, 4, 4), np.float32), requires_grad=True)
y = conv2d(x, Tensor(np.ones((2, 3, 2, 2), np.float32)))
y.sum().backward()
print(backend.kernels_for(x.data).__name__, y.data.max(), x.grad.max())
"""


def test_without_a_compiler_the_reference_kernels_serve():
    assert in_python(STEP, NUMBA_DISABLE_JIT="1") == "kernels.reference 12.0 8.0"


# -- implementations whose device is not there -----------------------------------------------------


@pytest.mark.skipif(backend.cuda_state()[0], reason="there is a CUDA device here")
@pytest.mark.parametrize("name", ["cupy_cuda", "numba_cuda"])
def test_kernels_of_a_gpu_that_is_not_there_are_refused(name):
    before = backend.kernels_for(np.zeros(1)).__name__
    if backend.DEVICE_OF[name] == "cpu":
        pytest.skip("Numba's simulator is on")
    said = f"use: '{name}' serves arrays on a GPU, and there is none.*use one of refer"
    with pytest.raises(RuntimeError, match=said) as e:
        backend.use(name)
    assert ("NUMBA_ENABLE_CUDASIM=1" in str(e.value)) == (name == "numba_cuda")
    assert backend.kernels_for(np.zeros(1)).__name__ == before and not backend.can_run(name)
