"""What on_cpu.h promises: threads in their places, __syncthreads, and an error for what a GPU leaves undefined."""

import cupy
import numpy as np
import pytest
from cupy.cuda.driver import CUDADriverError

from kernels.cupy_cuda import source


def kernel(body: str, takes: str = "int *out", before: str = "", options=()):
    """A kernel of this body."""
    text = f'{before}\nextern "C" __global__ void f({takes})\n{{\n{body}\n}}\n'
    return cupy.RawModule(code=text, options=("--std=c++17", *options)).get_function("f")


def test_each_thread_knows_its_place():
    grid, block = (2, 3, 2), (4, 2, 3)
    out = cupy.empty((12, 24, 4), np.int32)
    kernel("""
        int b = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
        int t = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
        int *mine = out + (b * blockDim.x * blockDim.y * blockDim.z + t) * 4;
        mine[0] = blockIdx.x + 10 * blockIdx.y + 100 * blockIdx.z;
        mine[1] = threadIdx.x + 10 * threadIdx.y + 100 * threadIdx.z;
        mine[2] = gridDim.x + 10 * gridDim.y + 100 * gridDim.z;
        mine[3] = blockDim.x + 10 * blockDim.y + 100 * blockDim.z;
    """)(grid, block, (out,))
    blocks = [x + 10 * y + 100 * z for z in range(2) for y in range(3) for x in range(2)]
    threads = [x + 10 * y + 100 * z for z in range(3) for y in range(2) for x in range(4)]
    expected = [[[b, t, 232, 324] for t in threads] for b in blocks]
    assert out.get().tolist() == expected


REVERSE = """
    __shared__ int line[1024];
    line[threadIdx.x] = out[blockIdx.x * blockDim.x + threadIdx.x];
    __syncthreads();
    int other = line[blockDim.x - 1 - threadIdx.x];
    __syncthreads();
    out[blockIdx.x * blockDim.x + threadIdx.x] = other;
"""


@pytest.mark.parametrize("threads", [1, 33, 1024])
def test_threads_wait_for_each_other(threads):
    out = cupy.arange(3 * threads, dtype=np.int32)
    kernel(REVERSE)((3,), (threads,), (out,))
    assert out.get().tolist() == np.arange(3 * threads).reshape(3, -1)[:, ::-1].ravel().tolist()


@pytest.mark.parametrize("neighbour", [-1, 1])
def test_a_missing_barrier_shows_in_one_of_two_blocks(neighbour):
    body = """
        __shared__ int line[8];
        line[threadIdx.x] = threadIdx.x;
        /* here */
        int other = line[(threadIdx.x + 8 + NEIGHBOUR) % 8];
        __syncthreads();
        out[blockIdx.x * 8 + threadIdx.x] = other;
    """.replace("NEIGHBOUR", str(neighbour))
    expected = [(t + neighbour) % 8 for t in range(8)]
    seen = []
    for text in (body, body.replace("/* here */", "__syncthreads();")):
        out = cupy.empty((2, 8), np.int32)
        kernel(text)((2,), (8,), (out,))
        seen.append([sum(a != b for a, b in zip(block, expected)) for block in out.get().tolist()])
    assert sorted(seen[0]) == [1, 7] and seen[1] == [0, 0]


def test_shared_memory_holds_nothing_of_the_block_before():
    out = cupy.empty(5, np.int32)
    kernel("__shared__ int kept; out[blockIdx.x] = kept; kept = 7;")((5,), (1,), (out,))
    assert out.get().tolist() == [-1] * 5


@pytest.mark.parametrize(("body", "complaint"), [
    ("if (threadIdx.x < 3) __syncthreads();", "a thread returned while others wait at __syncthreads"),
    ("if (threadIdx.x == 1) return;\n__syncthreads();", "a thread returned while others wait at __syncthreads"),
    ("if (threadIdx.x % 2)\n__syncthreads();\nelse\n__syncthreads();", "threads wait at another line"),
    ("*(volatile int *)8 = 1;", "an address that is no memory"),
    ("int fixed[4]; fixed[out[0] + threadIdx.x + 4] = 1; out[0] = fixed[1];", "an index beyond a fixed array"),
    ("struct alignas(16) pack { int at[4]; }; ((pack *)(out + 1))->at[0] = 1;", "a misaligned pack"),
    ("out[0] = 1 / (out[0] * 0);", "a division by 0|other undefined behaviour"),
])  # fmt: skip
def test_what_a_gpu_leaves_undefined_is_an_error_and_the_next_launch_works(body, complaint):
    f = kernel(f"if (out[7]) {{\n{body}\n}} else {{ __syncthreads(); out[threadIdx.x] = threadIdx.x + 1; }}")
    out = cupy.zeros(8, np.int32)
    out[7] = 1
    with pytest.raises(CUDADriverError, match=complaint):
        f((1,), (4,), (out,))
    out.fill(0)
    f((1,), (4,), (out,))
    assert out.get().tolist() == [1, 2, 3, 4, 0, 0, 0, 0]


def test_recursion_without_end_is_an_error():
    deep = "__device__ int deep(volatile int *n) { volatile int a[64]; a[*n] = deep(n); return a[0] + *n; }"
    with pytest.raises(CUDADriverError, match="an address that is no memory"):
        kernel("__syncthreads(); out[0] = deep(out);", before=deep)((1,), (2,), (cupy.zeros(1, np.int32),))


@pytest.mark.parametrize("at, where", [(4, "behind"), (-1, "before"), (200, "behind")])
def test_a_number_written_beside_an_array_is_found(at, where):
    first, second = cupy.zeros(4, np.int32), cupy.zeros(4, np.int32)
    with pytest.raises(RuntimeError, match=f"f wrote {where} an array of 16 bytes"):
        kernel(f"out[{at}] = 1;")((1,), (1,), (first,))
    assert second.get().tolist() == [0] * 4


def test_a_number_copied_from_beside_one_array_to_beside_another_is_found():
    x, y = cupy.zeros(3, np.float32), cupy.zeros(3, np.float32)
    with pytest.raises(RuntimeError, match="wrote behind"):
        kernel("y[3] = x[3];", takes="const float *x, float *y")((1,), (1,), (x, y))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_was_never_written_is_nan(dtype):
    out = cupy.empty(3, dtype)
    c_type = {np.float32: "float", np.float64: "double"}[dtype]
    kernel("out[1] = 1;", takes=f"{c_type} *out")((1,), (1,), (out,))
    np.testing.assert_array_equal(out.get(), [np.nan, 1, np.nan])


@pytest.mark.parametrize(("takes", "good", "bad"), [
    ("int n", np.int32(1), 1), ("long long n", 1, np.int32(1)), ("float n", np.float32(1), 1.0),
    ("double n", 1.0, np.float32(1)), ("short n", np.int16(1), np.int32(1)), ("bool n", np.True_, True),
    ("float n", np.float32(1), np.int32(1)), ("const int *n", np.uintp(0), np.int64(0)),
    ("const int *n", np.uintp(0), None), ("long long n", 1, "cupy array"),
])  # fmt: skip
def test_an_argument_of_another_size_or_kind_is_refused(takes, good, bad):
    out = cupy.zeros(1, np.int32)
    f = kernel("out[0] = n ? 2 : 3;", takes=f"int *out, {takes}")
    f((1,), (1,), (out, good))
    assert out.item() == (3 if "*" in takes else 2)
    with pytest.raises(TypeError, match="argument 1|Unsupported type"):
        f((1,), (1,), (out, cupy.zeros(1) if isinstance(bad, str) else bad))


def test_a_launch_that_a_gpu_refuses_is_refused():
    f, out = kernel("out[0] = 1;"), cupy.zeros(1, np.int32)
    for grid, block in (((1,), (1025,)), ((1,), (32, 33)), ((1, 65536), (1,)), ((1, 1, 65536), (1,))):
        with pytest.raises(CUDADriverError, match="invalid argument"):
            f(grid, block, (out,))
    with pytest.raises(TypeError, match="takes 1 arguments; got 2"):
        f((1,), (1,), (out, out))
    with pytest.raises(CUDADriverError, match="not found"):
        cupy.RawModule(code='extern "C" __global__ void f() {}').get_function("g")


def test_an_unknown_option_of_the_compiler_is_refused():
    with pytest.raises(NotImplementedError, match="--maxrregcount=32"):
        kernel("", options=("--maxrregcount=32",))


def test_files_with_and_without_barriers_are_both_among_the_kernels():
    files = {path.stem for path in source.HERE.glob("*.cu")} - {"pack"}
    with_barriers = {file for file in files if "__syncthreads()" in source.source(file)}
    assert "prelu" in with_barriers and "max_pool" in files - with_barriers
