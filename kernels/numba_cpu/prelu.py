"""PReLU in one pass over memory each way (paper, equations (1) to (3)).

NumPy's where() writes two temporaries as large as y; here each number is read once and written once.

The plain loops below say what is computed. Where the channels fill whole vectors, `_intrinsics` writes the same as
LLVM code, for two reasons. Backward becomes faster in the cache: the compiler cannot know that da is not part of dy,
and would store it in every row. And an array that is larger than the caches can leave by *streaming stores*. An
ordinary store first reads the line of the cache that it is about to overwrite, so forward moves three numbers where
two would do; a streaming store does not, but then the core waits for memory unless it writes to several places at a
time: PAGES pages side by side, a vector in each in turn (docs/measurements.md).

All run on the thread that calls them: the ops give each core its share of the rows.
"""

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from kernels.numba_cpu.compile import compiled

_features = binding.get_host_cpu_features()
BYTES = 64 if _features.get("avx512f") else 32 if _features.get("avx2") else 16  # of a vector
LINE = 64  # bytes: a streaming store should fill whole lines
PAGE, PAGES = 4096, 8  # bytes; how many are written side by side
STREAM_BYTES = 1 << 22  # of a share's result: more than its core's part of the caches


def prelu_forward(y, a, bias=None, out=None):
    out = np.empty_like(y) if out is None else out
    if bias is not None:
        _add(y, bias, out)
        y = out
    if y.shape[1] * y.itemsize % BYTES:
        if out is y:
            _in_place(y, a)
        else:
            _forward(y, a, out)
    else:
        walk = _stream_forward if out is not y and _streams(out) else _vector_forward
        walk(y.reshape(-1), a, out.reshape(-1))
    return out


@compiled
def _add(y, bias, out):
    M, C = y.shape
    for m in range(M):
        y_m, out_m = y[m], out[m]
        for c in range(C):
            out_m[c] = y_m[c] + bias[c]


@compiled
def _forward(y, a, f):
    M, C = y.shape
    for m in range(M):
        y_m, f_m = y[m], f[m]
        for c in range(C):
            f_m[c] = y_m[c] if y_m[c] > 0 else a[c] * y_m[c]  # (1)


@compiled  # apart from _forward: where y and f may be one array the compiler uses no vectors
def _in_place(f, a):
    M, C = f.shape
    for m in range(M):
        f_m = f[m]
        for c in range(C):
            f_m[c] = f_m[c] if f_m[c] > 0 else a[c] * f_m[c]


def prelu_backward(df, y, a, out=None):
    out = np.empty_like(y) if out is None else out
    da = np.zeros(len(a), y.dtype)
    if y.shape[1] * y.itemsize % BYTES:
        _backward(df, y, a, out, da)
    else:
        walk = _stream_backward if _streams(out) else _vector_backward
        walk(df.reshape(-1), y.reshape(-1), a, out.reshape(-1), da)
    return out, da


@compiled
def _backward(df, y, a, dy, da):
    M, C = y.shape
    zero = y.dtype.type(0)
    for m in range(M):
        df_m, y_m, dy_m = df[m], y[m], dy[m]
        for c in range(C):
            positive = y_m[c] > 0
            dy_m[c] = df_m[c] if positive else a[c] * df_m[c]  # (dy)
            da[c] += zero if positive else df_m[c] * y_m[c]  # (2), (3)


def _streams(out):
    """Whether an array is too large for the caches and begins with a whole line of it."""
    return out.nbytes >= STREAM_BYTES and out.ctypes.data % LINE == 0


def _intrinsics(streaming):
    """Two intrinsics: a vector of f at [at:], its channels beginning at c; a vector of dy, adding to da[c:]."""

    def machine(context, builder, array_type):
        number, size = context.get_data_type(array_type.dtype), array_type.dtype.bitwidth // 8
        vector = ir.VectorType(number, BYTES // size)

        def pointer(type_, array, place):
            data = context.make_array(type_)(context, builder, array).data
            return builder.bitcast(builder.gep(data, [place]), vector.as_pointer())

        def load(type_, array, place):
            return builder.load(pointer(type_, array, place), align=size)

        def store(type_, array, place, value, streams=False):
            store = builder.store(value, pointer(type_, array, place), align=BYTES if streams else size)
            if streams:
                store.set_metadata("nontemporal", builder.module.add_metadata([ir.IntType(32)(1)]))

        return vector(None), load, store

    @intrinsic
    def forward(typingctx, y, a, f, at, c):
        def generate(context, builder, signature, args):
            y_type, a_type, f_type, *_ = signature.args
            ys, slopes, fs, place, channel = args
            zero, load, store = machine(context, builder, y_type)
            values = load(y_type, ys, place)
            low = builder.fmul(load(a_type, slopes, channel), values)
            positive = builder.fcmp_ordered(">", values, zero)
            store(f_type, fs, place, builder.select(positive, values, low), streaming)  # (1)
            return context.get_dummy_value()

        return types.void(y, a, f, types.intp, types.intp), generate

    @intrinsic
    def backward(typingctx, df, y, a, dy, da, at, c):
        def generate(context, builder, signature, args):
            df_type, y_type, a_type, dy_type, da_type, *_ = signature.args
            dfs, ys, slopes, dys, das, place, channel = args
            zero, load, store = machine(context, builder, y_type)
            values, dfs_here = load(y_type, ys, place), load(df_type, dfs, place)
            positive = builder.fcmp_ordered(">", values, zero)
            low = builder.fmul(load(a_type, slopes, channel), dfs_here)
            store(dy_type, dys, place, builder.select(positive, dfs_here, low), streaming)  # (dy)
            term = builder.select(positive, zero, builder.fmul(dfs_here, values))
            store(da_type, das, channel, builder.fadd(load(da_type, das, channel), term))  # (2), (3)
            return context.get_dummy_value()

        return types.void(df, y, a, dy, da, types.intp, types.intp), generate

    return forward, backward


_forward_at, _backward_at = _intrinsics(streaming=False)
_stream_forward_at, _stream_backward_at = _intrinsics(streaming=True)


@compiled
def _vector_forward(y, a, f):
    C, lanes = len(a), BYTES // y.itemsize
    for row in range(0, len(y), C):
        for c in range(0, C, lanes):
            _forward_at(y, a, f, row + c, c)


@compiled
def _vector_backward(df, y, a, dy, da):
    C, lanes = len(a), BYTES // y.itemsize
    for row in range(0, len(y), C):
        for c in range(0, C, lanes):
            _backward_at(df, y, a, dy, da, row + c, c)


@compiled
def _stream_forward(y, a, f):
    C, lanes, page = len(a), BYTES // y.itemsize, PAGE // y.itemsize
    blocks, step = len(y) // (PAGES * page), page % C  # a page further on is `step` channels further on
    for block in range(blocks):
        start = block * PAGES * page
        for i in range(0, page, lanes):
            c = (start + i) % C
            for at in range(start + i, start + PAGES * page, page):
                _stream_forward_at(y, a, f, at, c)
                c += step if c + step < C else step - C
    for at in range(blocks * PAGES * page, len(y), lanes):
        _stream_forward_at(y, a, f, at, at % C)


@compiled
def _stream_backward(df, y, a, dy, da):
    C, lanes, page = len(a), BYTES // y.itemsize, PAGE // y.itemsize
    blocks, step = len(y) // (PAGES * page), page % C
    for block in range(blocks):
        start = block * PAGES * page
        for i in range(0, page, lanes):
            c = (start + i) % C
            for at in range(start + i, start + PAGES * page, page):
                _stream_backward_at(df, y, a, dy, da, at, c)
                c += step if c + step < C else step - C
    for at in range(blocks * PAGES * page, len(y), lanes):
        _stream_backward_at(df, y, a, dy, da, at, at % C)
