"""The .cu files of kernels/cupy_cuda, looked at without a GPU: NVIDIA's compiler needs none.

With NVRTC (CuPy's compiler, in this process) or else nvcc; where neither is installed those tests skip.
"""

import re
import shutil
import subprocess
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from minidelve.ops.conv.winograd import SIDES

FOLDER = Path(__file__).parents[2] / "kernels/cupy_cuda"
FILES = sorted(path.stem for path in FOLDER.glob("*.cu") if path.stem != "pack")
ARCHITECTURE = "sm_80"
REGISTERS, THREADS = 65536, {"winograd": 128}  # of a multiprocessor; of a block, 256 elsewhere
WIDTHS = {"f": (1, 4), "d": (1, 2), "e": (1, 8)}  # a number, 16 bytes
REPORT = re.compile(
    r"entry function '(\w+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores.*?Used (\d+) registers", re.S
)

# Not imported as kernels.cupy_cuda.source: that would import CuPy.
spec = spec_from_file_location("cupy_cuda_source", FOLDER / "source.py")
assert spec and spec.loader
cuda = module_from_spec(spec)
spec.loader.exec_module(cuda)


def variants(file):
    """(dtype, lanes, constants) of each code that the module beside the file may ask for."""
    if file == "winograd":
        yield from tile_variants()
        return
    for dtype in "fde" if file == "im2col" else "fd":
        for lanes in WIDTHS[dtype]:
            yield dtype, lanes, {}


def tile_variants():
    """For each kernel size k and tile m: the matrices of x and y, of their gradients, of w and its gradient."""
    sides = [(k, m, m + k - 1) for k in SIDES for m in SIDES[k]]
    shapes = {shape for k, m, e in sides for shape in ((e, e, m), (e, m, m), (m, e, m), (e, k, 1), (k, e, k))}
    for dtype, those in ("f", shapes), ("d", {(e, e, m) for _, m, e in sides}):
        for P, Q, step in sorted(those):
            width = WIDTHS[dtype][1]
            constants = {"MATRIX_ROWS": P, "MATRIX_COLUMNS": Q, "STEP": step}
            yield dtype, width if max(P, Q) <= 4 else width // 2, constants


def compiler():
    """text, options -> what the compiler said; or None where there is no compiler."""
    try:
        from cupy.cuda import nvrtc
    except Exception:  # not installed, or a CuPy that cannot load its libraries
        nvcc = shutil.which("nvcc")
        return nvcc and (lambda text, options: by_nvcc(nvcc, text, options))
    return lambda text, options: by_nvrtc(nvrtc, text, options)


def by_nvrtc(nvrtc, text, options):
    program = nvrtc.createProgram(text, "kernels.cu", (), ())
    try:
        nvrtc.compileProgram(program, (f"-arch={ARCHITECTURE}", "--ptxas-options=-v", *options))
    except Exception as error:
        raise AssertionError(nvrtc.getProgramLog(program)) from error
    return nvrtc.getProgramLog(program)


def by_nvcc(nvcc, text, options):
    command = [nvcc, "-cubin", f"-arch={ARCHITECTURE}", "-Xptxas", "-v", *options, "-x", "cu", "-", "-o", "/dev/null"]
    told = subprocess.run(command, input=text, text=True, capture_output=True)
    assert told.returncode == 0, told.stderr
    return told.stderr


def kernels_in(file):
    return set(re.findall(r"__global__ void (\w+)\(", cuda.source(file)))


@pytest.mark.parametrize("file", FILES)
def test_each_file_compiles_and_keeps_its_numbers_in_registers(file):
    """For each kind of number and width of a pack. An array that does not fit lies in memory: a slow surprise."""
    compiled = compiler()
    if not compiled:
        pytest.skip("neither CuPy with NVRTC nor nvcc is installed")
    for dtype, lanes, constants in variants(file):
        told = compiled(cuda.source(file), cuda.options(dtype, lanes, **constants))
        assert "warning" not in told, told
        report = REPORT.findall(told)
        assert {name for name, *_ in report} == kernels_in(file), told
        for name, *numbers in report:
            stack, spills, registers = map(int, numbers)
            assert stack == spills == 0, f"{name} {dtype} {lanes} {constants}: {stack} bytes in memory"
            assert registers * THREADS.get(file, 256) <= REGISTERS, f"{name} {dtype} {lanes} {constants}"


def test_the_compiler_refuses_what_is_wrong():
    compiled = compiler()
    if not compiled:
        pytest.skip("neither CuPy with NVRTC nor nvcc is installed")
    with pytest.raises(AssertionError, match="nonsense"):
        compiled(cuda.source("momentum").replace("pack g", "nonsense g"), cuda.options("f", 4))


@pytest.mark.parametrize("file", FILES)
def test_each_kernel_is_launched_by_name_from_the_module_beside_it(file):
    text = (FOLDER / f"{file}.py").read_text()
    asked = set(re.findall(r'(?:function\(\s*"\w+", |_launch\(|_compiled\()"(\w+)"', text))
    assert asked == kernels_in(file)


@pytest.mark.parametrize("file", FILES)
def test_numbers_that_a_file_and_its_module_share_are_the_same(file):
    """ROWS and the like: how much a block takes is decided in Python, and done in CUDA."""
    ours = named_numbers((FOLDER / "launch.py").read_text() + (FOLDER / f"{file}.py").read_text())
    theirs = named_numbers(cuda.source(file))
    assert "BLOCK" in theirs
    assert theirs.items() <= ours.items()


def named_numbers(text):
    return dict(re.findall(r"\b([A-Z_]{2,}) = (\d+)\b", text))
