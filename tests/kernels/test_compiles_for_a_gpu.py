"""kernels/numba_cuda as a GPU would get it, on a machine without one.

Numba's simulator runs the kernels as Python, which says nothing about types. So the host functions are called on
arrays that stand for CuPy's, and what they would launch is compiled for a real GPU instead, with the types of the very
arguments, down to PTX, the GPU's assembly language. That takes libNVVM, a compiler NVIDIA gives away
(pip install "numba-cuda[cu12]"), but no driver. It happens in a process of its own: whether Numba simulates is decided
when it is imported.
"""

import importlib.util
import json
import math
import os
import re
import subprocess
import sys
import warnings
from importlib import import_module
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

NO_COMPILER = "no compiler for GPUs: "
GPU = 8, 0  # the compute capability of an A100
DTYPES = np.float32, np.float64


def all_launches(numba_cuda, launch, dtype):
    """What every host function launches, each in a few ways: [(its name, kernel, grid, block, arguments)]."""
    launches: list[tuple] = []
    calls = set()
    launch.configured = lambda *threads: lambda *arguments: launches.append((name, *threads, arguments))

    def array(*shape, dtype=dtype):
        return np.ones(shape, dtype).view(OnDevice)

    def call(kernel, *args, **kwargs):
        nonlocal name
        name = kernel
        calls.add(name)
        results = getattr(numba_cuda, name)(*args, **kwargs)
        for result in results if isinstance(results, tuple) else (results,):
            assert result is None or type(result) is OnDevice, f"{name}'s result is not on the device"

    name = ""
    x, W, rows, a = array(2, 5, 6, 3), array(12, 7), array(50, 3), array(3)
    window, pool = ((2, 2), (1, 1), (1, 0)), ((2, 2), (2, 2), (1, 0))
    y, taps = array(2, 3, 3, 3), array(2, 3, 3, 3, dtype=np.int16)
    call("im2col", x, *window)
    call("im2col", array(2, 5, 6, 3, dtype=np.float16), *window)
    call("col2im", array(2, 6, 5, 12), (5, 6), *window)
    call("max_pool_forward", x, *pool, (3, 3))
    call("max_pool_backward", y, taps, (5, 6), *pool)
    call("avg_pool_forward", x, *pool, (3, 3))
    call("avg_pool_backward", y, (5, 6), *pool)
    call("bin_max_forward", x, np.array([[0, 5, 0, 6], [0, 2, 0, 3]]))
    call("bin_max_backward", array(2, 2, 3), array(2, 2, 3, dtype=np.int32), (5, 6))
    for bias in None, a:
        call("prelu_forward", rows, a, bias)
        call("leaky_relu_forward", rows, 0.25, bias)
    call("prelu_backward", rows, rows, a)
    call("leaky_relu_backward", x, x, 0)
    call("local_response_norm_forward", rows, 5, 1e-4, 0.75, 2)
    call("local_response_norm_backward", rows, rows, rows, 5, 1e-4, 0.75)
    call("momentum_step", array(9), array(9), array(9), 0.9, 0.01, 0)
    for precision in "fp32", "tf32", "fp16":
        call("matmul", array(4, 6), array(5, 6).T, precision)
    call("products", array(9, 4, 3), array(9, 3, 2))
    call("transposed_products", array(9, 4, 3), array(9, 4, 2), array(9, 3, 2), True)
    call("correlate", x, W, *window, array(7))
    call("correlate_weight", x, array(2, 6, 5, 7), *window, array(12, 7), False)
    e, m, k = (6, 4, 3) if dtype == np.float32 else (4, 3, 2)  # Winograd's largest tile and its smallest
    call("gather_tiles", array(2, 8, 8, 3), array(e, e), m, (1, 1), (4, 4))
    call("gather_tiles", array(2, k, k, 3), array(e, k), 1, (0, 0), (1, 1))
    call("scatter_tiles", array(e * e, 8, 3), array(m, e), m, (0, 0), (2 * m, 2 * m), (2, 2))
    call("scatter_tiles", array(e * e, 8, 3), array(e, e), m, (1, 1), (2 * m, 2 * m), (2, 2))
    call("scatter_tiles", array(e * e, 2, 3), array(k, e), 1, (0, 0), (k, k), (1, 1))
    assert calls == set(numba_cuda.__all__)
    return launches


class OnDevice(np.ndarray):
    """Stands for CuPy's array: what NumPy's functions make of it is one again."""

    def __array_function__(self, func, types, args, kwargs):
        result = super().__array_function__(func, types, args, kwargs)
        return result.view(OnDevice) if isinstance(result, np.ndarray) else result


def compile_all():
    """What the other process does: print [dtype, host function, kernel, PTX] of every kernel, and what was left out."""
    from numba import cuda, typeof, types
    from numba.cuda import dispatcher
    from numba.cuda.cudadrv.nvvm import NVVM

    try:
        NVVM()
    except Exception as error:  # as many kinds as there are ways to lack it
        print(NO_COMPILER + str(error).splitlines()[0])
        return
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=GPU)  # asked for device functions
    from kernels import numba_cuda
    from kernels.numba_cuda import launch

    def type_of(value):
        if isinstance(value, np.ndarray):
            assert type(value) is OnDevice, "a kernel is given an array of the host"
            assert value.flags.c_contiguous
            return typeof(value.view(np.ndarray))
        return types.UniTuple(types.int64, len(value)) if isinstance(value, tuple) else typeof(value)

    ptx: dict = {}
    for dtype in DTYPES:
        for name, kernel, grid, block, arguments in all_launches(numba_cuda, launch, dtype):
            assert math.prod(block) <= launch.BLOCK and all(grid)
            signature = types.void(*map(type_of, arguments))
            key = dtype.__name__, kernel, signature
            if key not in ptx:
                ptx[key] = name, kernel.py_func.__qualname__, cuda.compile_ptx(kernel.py_func, signature, cc=GPU)[0]
    files = {getattr(numba_cuda, name).__module__ for name in numba_cuda.__all__}
    kernels = {
        kernel
        for file in files
        for kernel in vars(sys.modules[file]).values()
        if isinstance(kernel, dispatcher.CUDADispatcher) and not kernel.targetoptions.get("device")
    }
    left_out = [kernel.py_func.__qualname__ for kernel in kernels if kernel not in {key[1] for key in ptx}]
    print(json.dumps({"ptx": [(key[0], *value) for key, value in ptx.items()], "left out": left_out}))


@pytest.fixture(scope="module")
def launch():
    try:
        return import_module("kernels.numba_cuda.launch")
    except ImportError as error:
        pytest.skip(f"kernels.numba_cuda cannot be imported: {error}")


@pytest.fixture(scope="module")
def compiled(launch):
    """[(dtype, host function, kernel, PTX), ...] of all kernels."""
    if importlib.util.find_spec("numba_cuda") is None:
        pytest.skip("numba-cuda is not installed, and the CUDA target that Numba itself has left is not what GPUs get")
    settings = {key: value for key, value in os.environ.items() if key != "NUMBA_ENABLE_CUDASIM"}
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, env=settings)
    assert done.returncode == 0, done.stderr
    if done.stdout.startswith(NO_COMPILER):
        pytest.skip(done.stdout.strip())
    found = json.loads(done.stdout)
    assert found["left out"] == [], "kernels that no call of all_launches launches"
    return found["ptx"]


def test_every_kernel_compiles_for_a_gpu_in_both_dtypes(compiled):
    names = [{(host, kernel) for dtype, host, kernel, _ in compiled if dtype == t.__name__} for t in DTYPES]
    assert names[0] == names[1] and len(names[0]) > 15
    assert all(".visible .entry" in ptx for *_, ptx in compiled)


def test_float32_kernels_know_no_float64_and_float64_kernels_do_not_round(compiled):
    for dtype, host, kernel, ptx in compiled:
        wrong = r"\S*\.f64\b\S*" if dtype == "float32" else r"cvt\S*\.f32\.f64"
        assert not re.findall(wrong, ptx), f"{host}: {kernel}, {dtype}"


def test_no_kernel_adds_atomically(compiled):
    """Atomic additions come in any order: the last bits of a sum would differ from run to run."""
    assert not [kernel for *_, kernel, ptx in compiled if re.search(r"\b(atom|red)\.", ptx)]


def test_every_number_of_a_thread_is_in_a_register(compiled):
    """An array that a loop walks with an index only known at run time would go to memory instead."""
    assert [kernel for *_, kernel, _ in compiled if "gather" in kernel or "scatter" in kernel]
    assert not [(dtype, kernel) for dtype, _, kernel, ptx in compiled if ".local" in ptx]


# -- launch.py -------------------------------------------------------------------------------------


def threads(grid, block):
    """(blockIdx.x, blockIdx.y, threadIdx.x, threadIdx.y) of every thread."""
    return product(*map(range, (*grid, *block)))


@pytest.mark.parametrize(("M", "C"), [(1, 1), (7, 3), (300, 1), (3, 257), (5, 256), (2, 700), (0, 4)])
def test_every_number_has_one_thread_and_few_threads_have_none(launch, M, C):
    grid, block = launch.over_rows((M, C))
    places = [(bx * block[1] + y, by * block[0] + x) for bx, by, x, y in threads(grid, block)]
    inside = [(m, c) for m, c in places if m < M and c < C]
    assert sorted(inside) == list(product(range(M), range(C)))
    assert len(places) < len(inside) + launch.BLOCK
    grid, block = launch.over_maps((2, 3, M, C))  # W = M
    starts = [(bx, y, by * block[0] + x) for bx, by, x, y in threads(grid, block)]
    columns = [(bx, w, c) for bx, y, c in starts for w in range(y, M, block[1]) if c < C]
    assert sorted(columns) == list(product(range(6), range(M), range(C)))
    grid, block = launch.over_numbers(M * C)
    assert M * C <= grid[0] * block[0] < M * C + launch.BLOCK and grid[1] == block[1] == 1


def test_launches_stay_within_cudas_limits_and_empty_ones_are_left_out(launch):
    for empty in (launch.over_rows((0, 3)), launch.over_maps((0, 2, 3, 4)), launch.over_numbers(0)):
        launch.launch(None, empty)
    rows, maps = ((2**38, 1), (2**30, 1 << 20)), (1 << 15, 1 << 15, 9, 1 << 20)
    for grid, block in (launch.over_numbers(2**38), *map(launch.over_rows, rows), launch.over_maps(maps)):
        assert grid[0] < 2**31 and grid[1] <= 65535 and math.prod(block) <= 256


def test_kernels_are_compiled_where_no_cache_can_be_written(launch, monkeypatch):
    def jit(function=None, cache=False):
        if cache:
            raise RuntimeError("no locator available")
        return function

    monkeypatch.setattr(launch, "cuda", SimpleNamespace(jit=jit))
    assert launch.compiled(len) is len


def test_small_grids_are_no_warning(launch):
    class Kernel:
        def __getitem__(self, threads):
            warnings.warn("Grid size 1 will likely result in GPU under-utilization", stacklevel=2)
            return threads

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert launch.configured(Kernel(), (1, 1), (32, 1)) == ((1, 1), (32, 1))


def test_arrays_of_the_device_are_passed_without_waiting_for_it(launch, monkeypatch):
    seen = []
    monkeypatch.setattr(launch, "cuda", SimpleNamespace(as_cuda_array=lambda x, sync: seen.append((x, sync))))
    array = SimpleNamespace(__cuda_array_interface__={})
    launch.as_argument(array)
    assert seen == [(array, False)] and launch.as_argument(3) == 3


if __name__ == "__main__":
    compile_all()
