"""PReLU's backward pass in four languages, from the plainest code to the fastest.

They are Python with NumPy, Numba on the CPU, Numba on a GPU and CUDA C; docs/kernels.md shows the sources.

    python examples/four_languages.py               CPU, and the GPU if there is one; about a minute
    python examples/four_languages.py 1 400 32      one turn, 400 rows of 32 channels

Every rung computes dy and da of the same df, y (M, C) and a (C,), and is compared with the first one's result.
Printed is the time for one of the M C numbers, and the rate at which the three numbers that each needs are moved
(df and y read, dy written), also as a share of the copy rate. CPU rungs run on one core, GPU rungs on 8 times as
many rows: arrays that no cache holds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np

from minidelve import backend
from minidelve.bench.timing import KernelClock, Side, Spread, interleaved, seconds_per_call

if not all(word.isdecimal() for word in sys.argv[1:]):
    sys.exit(__doc__)
M, C = (int(word) for word in sys.argv[2:4]) if len(sys.argv) > 3 else (20_736, 128)  # 16 maps of 36 x 36
MOVED = 3 * 4  # bytes for each number, float32
FEW = 200  # rows for the loop in Python

Rung = tuple[str, Callable[..., Any]]  # what it is, and (df, y, a) -> dy, da

CUDA = """
extern "C" __global__ void atomic(const float *df, const float *y, const float *a, float *dy, float *da, int M, int C)
{
    // A thread a number. Every number of a channel is added to the same da[c], one after the other.
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= (long long)M * C) return;
    int c = i % C;
    bool positive = y[i] > 0;
    dy[i] = positive ? df[i] : a[c] * df[i];
    if (!positive) atomicAdd(&da[c], df[i] * y[i]);
}

extern "C" __global__ void column(const float *df, const float *y, const float *a, float *dy, float *da, int M, int C)
{
    // A thread a channel. No two add to the same number, but there are only C threads: a GPU holds 200,000 at a time.
    int c = blockIdx.x * blockDim.x + threadIdx.x;
    if (c >= C) return;
    float sum = 0;
    for (int m = 0; m < M; m++) {
        long long i = (long long)m * C + c;
        bool positive = y[i] > 0;
        dy[i] = positive ? df[i] : a[c] * df[i];
        if (!positive) sum += df[i] * y[i];
    }
    da[c] = sum;
}
"""


def loop_in_python(df: Any, y: Any, a: Any) -> tuple[Any, Any]:
    """Equations (2) and (3) number by number."""
    dy, da = np.empty_like(y), np.zeros_like(a)
    for m in range(len(y)):
        for c in range(len(a)):
            if y[m, c] > 0:
                dy[m, c] = df[m, c]
            else:
                dy[m, c] = a[c] * df[m, c]
                da[c] += df[m, c] * y[m, c]
    return dy, da


def plain_loops(df: Any, y: Any, a: Any) -> tuple[Any, Any]:
    """The compiled loops of kernels/numba_cpu/prelu.py, without its vector code."""
    dy, da = room_for(y), np.zeros_like(a)
    import_module("kernels.numba_cpu.prelu")._backward(df, y, a, dy, da)
    return dy, da


def kernel(folder: str) -> Callable[..., Any]:
    """prelu_backward of a kernel folder."""
    backward = import_module(f"kernels.{folder}").prelu_backward
    return lambda df, y, a: backward(df, y, a, out=room_for(y))


def reference(df: Any, y: Any, a: Any) -> tuple[Any, Any]:
    """The definition of correct, in arrays of its own."""
    return import_module("kernels.reference").prelu_backward(df, y, a)


_rooms: dict[tuple[str, int], Any] = {}


def room_for(y: Any) -> Any:
    """The same room for dy in every call, as a network's step finds it: what is timed is the pass, not new memory."""
    key = backend.device_of(y), y.size
    if key not in _rooms:
        _rooms[key] = backend.empty_like(y)
    return _rooms[key]


def naive(name: str, thread_a_number: bool) -> Callable[..., Any]:
    """A kernel of CUDA above, with a thread for each number or for each channel."""
    cupy = backend.cupy_module()
    function = cupy.RawModule(code=CUDA, options=("--std=c++17",)).get_function(name)

    def run(df: Any, y: Any, a: Any) -> tuple[Any, Any]:
        dy, da = room_for(y), cupy.zeros_like(a)
        threads = y.size if thread_a_number else len(a)
        function((-(-threads // 256),), (256,), (df, y, a, dy, da, np.int32(len(y)), np.int32(len(a))))
        return dy, da

    return run


CPU: list[Rung] = [
    ("NumPy (kernels/reference)", kernel("reference")),
    ("Numba, plain loops", plain_loops),
    ("Numba, vectors and streaming stores (kernels/numba_cpu)", kernel("numba_cpu")),
]


def gpu_rungs() -> list[Rung]:
    """What can run on the device."""
    rungs = [
        ("array expressions (kernels/reference on CuPy's arrays)", kernel("reference")),
        ("CUDA C, a thread a number, atomic additions", naive("atomic", thread_a_number=True)),
        ("CUDA C, a thread a channel", naive("column", thread_a_number=False)),
    ]
    for folder, what in (("numba_cuda", "a number a thread"), ("cupy_cuda", "packs of 16 bytes")):
        if backend.can_run(folder):
            rungs.append((f"two stages, {what} (kernels/{folder})", kernel(folder)))
    return rungs


def check(rungs: list[Rung], arrays: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    """Every rung computes the same but for the order of sums."""
    for what, run in rungs:
        for got, right in zip(run(*arrays), expected, strict=True):
            assert np.linalg.norm(backend.to_device(got, "cpu") - right) < 1e-4 * np.linalg.norm(right), what


def lines(rungs: list[Rung], arrays: tuple[Any, ...], turns: int) -> Iterator[str]:
    """A line a rung, in turns with a copy."""
    y = arrays[1]
    out = np.empty_like(y)

    def copy() -> None:
        out[...] = y

    work: dict[str, Side] = {what: (lambda run=run: run(*arrays)) for what, run in rungs}
    clock = seconds_per_call if backend.device_of(y) == "cpu" else KernelClock(copy)
    times = list(interleaved(work | {"copy": copy}, turns, 0.2, clock))
    copied = 2 * y.itemsize / Spread.of([1e9 * t["copy"] / y.size for t in times]).median
    for what, _ in rungs:
        spread = Spread.of([1e9 * t[what] / y.size for t in times])
        rate = MOVED / spread.median
        yield (
            f"  {what:<58}{short(spread.median):>10} ns  ({short(spread.low)} to {short(spread.high)})"
            f"  {rate:8.1f} GB/s  {100 * rate / copied:4.0f}%"
        )


def short(number: float) -> str:
    """Three digits that count, without an exponent: 0.652, 14.8, 1020."""
    return f"{float(f'{number:.3g}'):g}"


def main(turns: int = 7) -> None:
    """Print the ladders."""
    rng = np.random.default_rng(0)
    df, y = (rng.standard_normal((M, C), dtype=np.float32) for _ in range(2))
    a = np.full(C, 0.25, np.float32)
    few = df[:FEW], y[:FEW], a
    check([("loop", loop_in_python)], few, reference(*few))
    start = next(iter(interleaved({"loop": lambda: loop_in_python(*few)}, 1, seconds=0.1)))["loop"]
    print(f"PReLU backward, float32, {M} x {C}; nanoseconds a number, and 100% moves numbers as fast as a copy")
    print(f"  {f'a loop in Python ({FEW} rows of them)':<58}{short(1e9 * start / few[0].size):>10} ns")
    check(CPU, (df, y, a), reference(df, y, a))
    print("CPU, one core")
    print("\n".join(lines(CPU, (df, y, a), turns)))
    usable, reason = backend.cuda_state()
    if not usable:
        print(f"GPU: none here ({reason})")
        return
    df, y = (rng.standard_normal((8 * M, C), dtype=np.float32) for _ in range(2))
    there = tuple(backend.to_device(x, "cuda") for x in (df, y, a))
    rungs = gpu_rungs()
    check(rungs, there, reference(df, y, a))
    print(f"GPU: {reason}")
    print("\n".join(lines(rungs, there, turns)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
