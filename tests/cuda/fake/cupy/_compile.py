"""RawModule: a CUDA file compiled by g++ with tests/cuda/on_cpu.h in front of it, and launched as CuPy would.

What is compiled is kept in a folder of the system's folder for temporary files, named after a hash of all that went
into it, so that a second run begins at once.

Arguments follow CuPy's rule, which is easy to get wrong on a GPU as nothing checks it: an array passes its address, a
NumPy scalar its bytes, a Python int 8 bytes, a Python float a double.  Here the parameters' types are known (on_cpu.h)
and an argument of another size or kind raises TypeError.
"""

import ctypes
import hashlib
import os
import re
import subprocess
import tempfile
import threading
from functools import cache
from pathlib import Path

import numpy as np

from cupy._array import ndarray
from cupy._memory import MemoryPointer, check_fences
from cupy.cuda.driver import CUDADriverError

HEADER = Path(__file__).parents[2] / "on_cpu.h"
# -O1 compiles in half the time of -O2.  No fused multiply-adds, so that the numbers are those of any x86.
FLAGS = "-std=c++17 -O1 -shared -fPIC -fno-fast-math -ffp-contract=off -U_FORTIFY_SOURCE -fno-strict-aliasing " \
        "-fsanitize=undefined -fsanitize-undefined-trap-on-error -w"  # fmt: skip
IGNORED = re.compile(r"--?std=c\+\+17|-lineinfo|--gpu-architecture=\w+|-arch=\w+|--fmad=\w+|-default-device")
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
KERNEL = re.compile(r"__global__\s+void\s+(?:__launch_bounds__\s*\([^)]*\)\s*)?(\w+)\s*\(")
MESSAGE = 256  # bytes; as in on_cpu.h
MOST_THREADS, MOST_BLOCKS = 1024, (2**31 - 1, 65535, 65535)
_one_at_a_time = threading.Lock()  # a compiled file has its threadIdx in a global variable
launches = {}  # name of a kernel -> how often it was launched


class RawModule:
    def __init__(self, code=None, *, options=(), backend="nvrtc"):
        if code is None:
            raise TypeError("`code` must be given.")
        if backend not in ("nvrtc", "nvcc"):
            raise ValueError(f"backend {backend!r} is neither nvrtc nor nvcc")
        self.code, self.options = code, tuple(options)

    def compile(self):
        _library(self.code, self.options)

    def get_function(self, name):
        library = _library(self.code, self.options)
        if name not in KERNEL.findall(COMMENT.sub(" ", self.code)):
            raise CUDADriverError("CUDA_ERROR_NOT_FOUND: named symbol not found")
        return RawKernel(library, name)


class RawKernel:
    """A kernel: kernel((grid), (block), (arguments))."""

    def __init__(self, library, name):
        self._name = name
        self._launch = getattr(library, f"{name}__launch")
        takes = getattr(library, f"{name}__takes")
        takes.restype = ctypes.c_char_p
        self._takes = re.findall(r"([pif?])(\d+)", takes().decode())

    def __call__(self, grid, block, args, *, shared_mem=0):
        if shared_mem:
            raise NotImplementedError("on_cpu.h has no shared memory of a size given at the launch")
        # CuPy makes 1 of a 0.
        grid, block = (tuple(max(1, int(n)) for n in (*sizes, 1, 1)[:3]) for sizes in (grid, block))
        if np.prod(block) > MOST_THREADS or any(n > most for n, most in zip(grid, MOST_BLOCKS, strict=True)):
            raise CUDADriverError(f"CUDA_ERROR_INVALID_VALUE: invalid argument (grid {grid}, block {block})")
        if len(args) != len(self._takes):
            raise TypeError(f"{self._name} takes {len(self._takes)} arguments; got {len(args)}")
        values = [self._as_bytes(i, x) for i, x in enumerate(args)]
        addresses = (ctypes.c_void_p * max(1, len(values)))(*(ctypes.addressof(value) for value in values))
        dims = [(ctypes.c_uint * 3)(*sizes) for sizes in (grid, block)]
        message = ctypes.create_string_buffer(MESSAGE)
        with _one_at_a_time:
            failed = self._launch(*dims, addresses, message)
        launches[self._name] = launches.get(self._name, 0) + 1
        if failed:
            raise CUDADriverError(f"CUDA_ERROR_ILLEGAL_ADDRESS: {self._name}, {message.value.decode()}")
        check_fences(self._name)

    def _as_bytes(self, i, x):
        """An argument as CuPy passes it, after a look at the type of the parameter it is for."""
        if isinstance(x, ndarray | MemoryPointer):
            kind, data = "p", np.uintp(x.data.ptr if isinstance(x, ndarray) else x.ptr).tobytes()
        elif isinstance(x, np.generic):
            kind, data = x.dtype.kind, x.tobytes()
        elif isinstance(x, int):  # a bool too
            kind, data = "i", np.int64(x).tobytes()
        elif isinstance(x, float):
            kind, data = "f", np.float64(x).tobytes()
        else:
            raise TypeError(f"Unsupported type {type(x)}")
        wanted, size = self._takes[i][0], int(self._takes[i][1])
        fits = {"p": kind == "p" or kind == "u" and len(data) == 8, "i": kind in "iub", "f": kind == "f"}[wanted]
        if not fits or len(data) != size:
            what = {"p": "a pointer", "i": "a whole number", "f": "a floating-point number"}[wanted]
            raise TypeError(f"{self._name}: argument {i} is {what} of {size} bytes; got {type(x).__name__}, "
                            f"{len(data)} bytes")  # fmt: skip
        return ctypes.create_string_buffer(data, len(data))


@cache
def _library(code, options):
    """The compiled file, loaded; from the folder of earlier runs if it is there."""
    plain = COMMENT.sub(" ", code)
    with_fibers = int("__syncthreads" in plain)
    kernels = "".join(f"ON_CPU({name}, {with_fibers})\n" for name in KERNEL.findall(plain))
    header = _compiled("on_cpu.h", ["-x", "c++-header"], HEADER.read_text(), ".gch")
    options_of_gcc = ["-include", str(header.with_suffix("")), "-x", "c++"]  # finds the compiled header beside it
    text = f"{_definitions(options)}{code}\n{kernels}"
    return ctypes.CDLL(str(_compiled("kernels.cu", options_of_gcc, text, ".so")))


def _compiled(name, options, text, ending):
    """What g++ makes of the text in the file `name`: a file with `ending` in a folder named after a hash of it all."""
    key = hashlib.sha256("\0".join([FLAGS, *options, text, _compiler()]).encode()).hexdigest()
    source = _folder() / key[:32] / name
    path = source.with_name(name + ending)
    if not path.is_file():
        source.parent.mkdir(exist_ok=True)
        source.write_text(text)
        unfinished = source.with_name(f"{os.getpid()}{ending}")
        command = ["g++", *FLAGS.split(), *options, str(source), "-o", str(unfinished)]
        told = subprocess.run(command, capture_output=True, text=True)
        if told.returncode:
            raise RuntimeError(f"g++ cannot compile this for the CPU:\n{told.stderr}")
        unfinished.replace(path)  # whole or not at all, whoever else compiles it now
    return path


def _definitions(options):
    """The compiler's -Dname=value as lines of source, as they must not touch on_cpu.h; an unknown option raises."""
    lines = ""
    for option in options:
        if option.startswith("-D"):
            name, _, value = option[2:].partition("=")
            lines += f"#define {name} {value or 1}\n"
        elif not IGNORED.fullmatch(option):
            raise NotImplementedError(f"the fake does not know the compiler's option {option}")
    return lines


@cache
def _compiler():
    return subprocess.run(["g++", "--version"], text=True, capture_output=True, check=True).stdout


@cache
def _folder():
    """A folder of this user's alone: what lies in it is loaded and run."""
    folder = Path(tempfile.gettempdir()) / f"minidelve-cuda-on-cpu-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077:
        raise RuntimeError(f"{folder} is open to others; remove it")
    return folder
