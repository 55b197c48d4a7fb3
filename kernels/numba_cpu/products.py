"""Matrix products from registers: faster than BLAS where matrices are small or narrow.

A BLAS is tuned for large square matrices: it first copies both factors into an order of its own.  For the 64
to 512 channels of a conv layer that copy, and the short sums, cost it up to half of its speed (one core of
xeon-2, 64 and 128 channels: OpenBLAS 55 to 105 GFLOP/s, this file 100 to 160).  This file does
the one thing that matters, the block of the result that fits into the vector registers:

    out[i, j] (+)= sum over k of  x[i, k] y[k, j]        i: ROWS rows, j: PANEL vectors of columns

For each k it loads a row of y's panel (PANEL vectors), then one number of x for each row, copied to all
lanes, and does ROWS x PANEL multiply-adds: with AVX-512 24 for 10 loads.  The sums stay in registers from the
first k to the last.  `_block` writes these instructions itself, as LLVM code, since a loop
compiler does not find that arrangement.  Everything around it are plain loops.

The panel of y is copied first so that its rows lie side by side: it is read once for every ROWS rows of x.

Runs on the thread that calls it.
"""

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from kernels.numba_cpu.compile import compiled_serial

_features = binding.get_host_cpu_features()
# Bytes of a vector, and a block that leaves registers for a row of y and a number of x: 32 registers or 16.
BYTES, ROWS, PANEL = (64, 6, 4) if _features.get("avx512f") else (32, 6, 2) if _features.get("avx2") else (16, 4, 2)
DEPTH = 128  # terms of the sums at a time: the panel stays in the L1 cache


def products(x, y, out=None):
    out = np.empty((len(x), x.shape[1], y.shape[2]), y.dtype) if out is None else out
    _products(x, y, out)
    return out


def _block_of(rows, vectors):
    """An intrinsic that computes a block of rows x vectors."""

    @intrinsic
    def block(typingctx, x, at, row, y, K, out, to, wide, more):
        def generate(context, builder, signature, args):
            number = context.get_data_type(x.dtype)
            size = x.dtype.bitwidth // 8
            lanes = BYTES // size
            vector = ir.VectorType(number, lanes)
            integer = ir.IntType(32)

            def data(i):
                return context.make_array(signature.args[i])(context, builder, args[i]).data

            def pointer(base, offset, to_type):
                return builder.bitcast(builder.gep(base, [offset]), to_type.as_pointer())

            def index(value):
                return ir.Constant(args[1].type, value)

            def vector_at(base, offset, v):
                return pointer(base, builder.add(offset, index(v * lanes)), vector)

            fma = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{lanes}f{8 * size}"
            )
            xs, ys, outs = data(0), data(3), data(5)
            sums = [[cgutils.alloca_once_value(builder, vector(None)) for _ in range(vectors)] for _ in range(rows)]
            width = index(vectors * lanes)
            with cgutils.for_range(builder, args[4]) as loop:
                k = loop.index
                y_row = builder.mul(k, width)
                y_vectors = [builder.load(vector_at(ys, y_row, v), align=size) for v in range(vectors)]
                first = builder.add(args[1], k)
                for r in range(rows):
                    one = builder.load(builder.gep(xs, [builder.add(first, builder.mul(index(r), args[2]))]))
                    all_lanes = builder.insert_element(vector(ir.Undefined), one, integer(0))
                    all_lanes = builder.shuffle_vector(
                        all_lanes, vector(ir.Undefined), ir.Constant(ir.VectorType(integer, lanes), None)
                    )
                    for v in range(vectors):
                        total = builder.call(fma, [all_lanes, y_vectors[v], builder.load(sums[r][v])])
                        builder.store(total, sums[r][v])
            for r in range(rows):
                for v in range(vectors):
                    place = vector_at(outs, builder.add(args[6], builder.mul(index(r), args[7])), v)
                    before = builder.load(place, align=size)
                    result = builder.load(sums[r][v])
                    result = builder.select(args[8], builder.fadd(before, result), result)
                    builder.store(result, place, align=size)
            return context.get_dummy_value()

        integers = types.intp
        return types.void(x, integers, integers, y, integers, out, integers, integers, types.boolean), generate

    return block


_full, _one_row = _block_of(ROWS, PANEL), _block_of(1, PANEL)
_narrow, _narrow_row = _block_of(ROWS, 1), _block_of(1, 1)


@compiled_serial
def _products(x, y, out):
    F, I, J = out.shape
    K = y.shape[1]
    lanes = BYTES // y.itemsize
    wide = PANEL * lanes
    vectors = J // lanes * lanes
    panels = np.empty(DEPTH * vectors, y.dtype)
    blocks = I // ROWS * ROWS
    for f in range(F):
        x_f, y_f, out_f = x[f].reshape(-1), y[f], out[f].reshape(-1)
        if K == 0:
            out_f[:] = 0
        for first in range(0, K, DEPTH):
            depth, more = min(DEPTH, K - first), first > 0
            for k in range(depth):
                row = y_f[first + k]
                j = 0
                while j < vectors:
                    width = wide if j + wide <= vectors else lanes
                    place = j * depth + k * width
                    source, to = row[j : j + width], panels[place : place + width]
                    for c in range(len(to)):
                        to[c] = source[c]
                    j += width
            j = 0
            while j < vectors:
                panel = panels[j * depth :]
                if j + wide <= vectors:
                    for i in range(0, blocks, ROWS):
                        _full(x_f, i * K + first, K, panel, depth, out_f, i * J + j, J, more)
                    for i in range(blocks, I):
                        _one_row(x_f, i * K + first, K, panel, depth, out_f, i * J + j, J, more)
                    j += wide
                else:
                    for i in range(0, blocks, ROWS):
                        _narrow(x_f, i * K + first, K, panel, depth, out_f, i * J + j, J, more)
                    for i in range(blocks, I):
                        _narrow_row(x_f, i * K + first, K, panel, depth, out_f, i * J + j, J, more)
                    j += lanes
            for i in range(I):
                for j in range(vectors, J):
                    s = out_f[i * J + j] if more else y.dtype.type(0)
                    for k in range(first, first + depth):
                        s += x_f[i * K + k] * y_f[k, j]
                    out_f[i * J + j] = s
