"""Winograd's tiles, transformed in vector registers.

A transform is a few additions per number, so what it costs is loads, stores and loops. `_sandwich`
therefore writes the whole transform of a tile's vector of channels as straight LLVM code: it loads the
tile, adds along columns and then along rows in registers, and stores the result. The matrix is known
when the code is written: a 0 in it costs nothing, a 1 or -1 an addition. Numba loops are slower (docs/measurements.md),
as the compiler cannot see that what they write is not what they read next.

A frame of zeros is laid around the map first, where the tiles need it: no test of bounds in a tile.

All run on the thread that calls them: winograd.py of the ops gives each core its share of the images.
"""

from functools import cache

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from kernels.numba_cpu.compile import compiled

_features = binding.get_host_cpu_features()
BYTES = 64 if _features.get("avx512f") else 32 if _features.get("avx2") else 16  # of a vector


def gather_tiles(x, matrix, step, padding, counts, out=None):
    (N, H, W, C), (P, Q) = x.shape, matrix.shape
    out = np.empty((P * P, N * counts[0] * counts[1], C), x.dtype) if out is None else out
    framed = tuple((n - 1) * step + Q for n in counts)
    frame = np.zeros((0, 0, 0) if framed == (H, W) else (*framed, C), x.dtype)
    _gather_for(matrix.shape, matrix.dtype.str, matrix.tobytes())(x, frame, step, padding, counts, out)
    return out


def scatter_tiles(tiles, matrix, step, padding, size, counts, out=None):
    P, C = len(matrix), tiles.shape[2]
    if out is None:
        out = np.empty((tiles.shape[1] // (counts[0] * counts[1]), *size, C), tiles.dtype)
    _scatter_for(matrix.shape, matrix.dtype.str, matrix.tobytes())(tiles, P, step, padding, counts, out)
    return out


def spelled(shape, dtype, numbers):
    """The matrix as text: a constant that Numba's compiler and its cache on disk know by its value."""
    rows = np.frombuffer(numbers, dtype).reshape(shape).astype(float).tolist()
    return ";".join(" ".join(map(repr, row)) for row in rows)


@cache
def _gather_for(shape, dtype, numbers):
    matrix = spelled(shape, dtype, numbers)

    @compiled
    def gather(x, frame, step, padding, counts, out):
        N, H, W, C = x.shape
        T = out.shape[1]
        P = int(np.sqrt(len(out)))
        lanes = BYTES // x.itemsize
        flat = out.reshape(-1)
        for n in range(N):
            image = x[n]
            if len(frame):
                for r in range(min(H, len(frame) - padding[0])):
                    w = min(W, frame.shape[1] - padding[1])
                    source = x[n, r].reshape(-1)[: w * C]
                    to = frame[padding[0] + r].reshape(-1)[padding[1] * C : (padding[1] + w) * C]
                    for c in range(len(to)):
                        to[c] = source[c]
                image = frame
            row = image.shape[1] * C
            pixels = image.reshape(-1)
            for ti in range(counts[0]):
                for tj in range(counts[1]):
                    at = ti * step * row + tj * step * C
                    to_tile = ((n * counts[0] + ti) * counts[1] + tj) * C
                    c = 0
                    while c + lanes <= C:
                        _sandwich(matrix, 1, pixels, at + c, row, C, flat, to_tile + c, P * T * C, T * C)
                        c += lanes
                    while c < C:
                        _sandwich(matrix, 0, pixels, at + c, row, C, flat, to_tile + c, P * T * C, T * C)
                        c += 1

    return gather


@cache
def _scatter_for(shape, dtype, numbers):
    matrix = spelled(shape, dtype, numbers)

    @compiled
    def scatter(tiles, P, step, padding, counts, out):
        N, H, W, C = out.shape
        T = tiles.shape[1]
        Q = int(np.sqrt(len(tiles)))
        lanes = BYTES // out.itemsize
        flat = tiles.reshape(-1)
        square = np.empty(P * P * C, out.dtype)
        for n in range(N):
            for ti in range(counts[0]):
                for tj in range(counts[1]):
                    at = ((n * counts[0] + ti) * counts[1] + tj) * C
                    c = 0
                    while c + lanes <= C:
                        _sandwich(matrix, 1, flat, at + c, Q * T * C, T * C, square, c, P * C, C)
                        c += lanes
                    while c < C:
                        _sandwich(matrix, 0, flat, at + c, Q * T * C, T * C, square, c, P * C, C)
                        c += 1
                    top, left = ti * step - padding[0], tj * step - padding[1]
                    first, last = max(0, -left), min(P, W - left)
                    for a in range(max(0, -top), min(P, H - top)):
                        # Where tiles overlap, the one above or to the left has been here already: add.
                        seen = last if ti > 0 and a < P - step else P - step if tj > 0 else first
                        seen = min(last, max(first, seen))
                        to = out[n, top + a].reshape(-1)
                        source = square[(a * P + first) * C : (a * P + seen) * C]
                        place = to[(left + first) * C : (left + seen) * C]
                        for c in range(len(place)):
                            place[c] += source[c]
                        source = square[(a * P + seen) * C : (a * P + last) * C]
                        place = to[(left + seen) * C : (left + last) * C]
                        for c in range(len(place)):
                            place[c] = source[c]

    return scatter


@intrinsic(prefer_literal=True)
def _sandwich(typingctx, matrix, wide, source, at, row, column, out, to, out_row, out_column):
    """out[i, j] = sum over a, b of L[i, a] L[j, b] source[a, b], for a vector of numbers each (wide) or one."""
    L = [[float(v) for v in line.split()] for line in matrix.literal_value.split(";")]
    P, Q = len(L), len(L[0])
    size = source.dtype.bitwidth // 8
    lanes = BYTES // size if wide.literal_value else 1

    def generate(context, builder, signature, args):
        number = context.get_data_type(source.dtype)
        vector = ir.VectorType(number, lanes)
        fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{lanes}f{8 * size}"
        )

        def place(base, offset, i, row, j, column):
            """A pointer to the vector at [i, j]."""
            index = ir.IntType(64)
            offset = builder.add(offset, builder.mul(index(i), row))
            offset = builder.add(offset, builder.mul(index(j), column))
            return builder.bitcast(builder.gep(base, [offset]), vector.as_pointer())

        def combine(factors, values):
            total = None
            for factor, value in zip(factors, values):
                if factor == 0:
                    continue
                times = ir.Constant(vector, [ir.Constant(number, factor)] * lanes)
                if total is None:
                    total = value if factor == 1 else builder.fmul(times, value)
                elif abs(factor) == 1:
                    total = builder.fadd(total, value) if factor == 1 else builder.fsub(total, value)
                else:
                    total = builder.call(fma, [times, value, total])
            return vector(None) if total is None else total

        xs = context.make_array(signature.args[2])(context, builder, args[2]).data
        outs = context.make_array(signature.args[6])(context, builder, args[6]).data
        half = []
        for b in range(Q):
            column_b = [builder.load(place(xs, args[3], a, args[4], b, args[5]), align=size) for a in range(Q)]
            half.append([combine(L[i], column_b) for i in range(P)])
        for i in range(P):
            row_i = [half[b][i] for b in range(Q)]
            for j in range(P):
                builder.store(combine(L[j], row_i), place(outs, args[7], i, args[8], j, args[9]), align=size)
        return context.get_dummy_value()

    integers = (types.intp,) * 3
    return types.void(matrix, wide, source, *integers, out, *integers), generate
