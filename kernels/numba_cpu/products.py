"""Matrix products from registers, of factors that need not be matrices in memory.

A BLAS is tuned for large square matrices: it first copies both factors into an order of its own. For the 32 to 512
channels of a conv layer that copy, and the short sums, cost it much of its speed; and im2col, which makes a matrix of
the receptive fields for it, costs time too (docs/measurements.md).

With channels last, one row of a receptive field is kw C numbers that lie side by side in x. So im2col's matrix
is in x already, its rows overlapping: its number at row r, column k is x[rows[r] + terms[k]] with two short
tables, and so is its transpose's. All products here are therefore one:

    out[r, j] (+)= sum over k of  x[rows[r] + terms[k]] y[k, j]

It is computed in blocks of out that fit into the vector registers, ROWS rows and 4, 2 or 1 vectors of columns.
For each k a block loads a row of y, the entry terms[k] and one number of x for each of its rows, which it copies
to all lanes, and does rows x vectors multiply-adds: with AVX-512 24 for 4 + 1 + 6 loads. `_block_of` writes
these instructions itself, as LLVM code, since a loop compiler does not find that arrangement. Everything around
it is plain loops.

The part of y that a block reads is copied first so that it lies in one piece in the L1 cache (DEPTH rows).
correlate takes a few images at a time (GROUP_BYTES), with a frame of zeros around each where there is padding,
and of their pixels some at a time (OUT_BYTES): both stay in the L2 cache while every part of W meets them.

All run on the thread that calls them: the ops give each core its share of the images.
"""

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from kernels.numba_cpu.compile import compiled

_features = binding.get_host_cpu_features()
# Bytes of a vector, and a block that leaves registers for a row of y and a number of x: of 32 registers or 16.
BYTES, ROWS, WIDE = (64, 6, 4) if _features.get("avx512f") else (32, 6, 2) if _features.get("avx2") else (16, 4, 2)
DEPTH = 128  # terms of the sums at a time, more in proportion for narrower blocks
GROUP_BYTES = OUT_BYTES = 1 << 18
LEAST_BLOCKS = 40  # to be worth copying W for
START, ADD = np.intp(0), np.bool_(True)  # of _product: for a plain 0 or True it would be compiled once more


def matmul(x, y, precision="fp32", out=None):
    return np.matmul(_rounded(x, precision), _rounded(y, precision), out=out)


def _rounded(x, precision):
    """x as the factor of a product in that precision: this processor multiplies float32 only."""
    if x.dtype == np.float16 and precision == "fp16":
        return x.astype(np.float32)
    if x.dtype != np.float32 or precision == "fp32":
        return x
    if precision == "fp16":
        with np.errstate(over="ignore"):
            return x.astype(np.float16).astype(np.float32)
    out = np.empty(x.shape, np.int32)
    _round_to_tf32(x.view(np.int32), out)
    return out.view(np.float32)


@compiled
def _round_to_tf32(bits, out):
    I, J = bits.shape
    for i in range(I):
        for j in range(J):
            b = bits[i, j]
            finite = (b & 0x7F800000) != 0x7F800000
            out[i, j] = (b + 0xFFF + (b >> 13 & 1)) & -0x2000 if finite else b


def products(x, y, out=None):
    out = np.empty((len(x), x.shape[1], y.shape[2]), y.dtype) if out is None else out
    I, K = x.shape[1:]
    _products(x, np.arange(I) * K, np.arange(K), y, out, False)
    return out


def transposed_products(x, y, out, add):
    K, I = x.shape[1:]
    _products(x, np.arange(I), np.arange(K) * I, y, out, add)


def correlate(x, W, kernel, stride, padding, bias=None, out=None):
    out_size = tuple((n + 2 * p - k) // s + 1 for n, k, s, p in zip(x.shape[1:3], kernel, stride, padding))
    out = np.empty((len(x), *out_size, W.shape[1]), x.dtype) if out is None else out
    bias = np.zeros(W.shape[1], x.dtype) if bias is None else bias
    _correlate(x, *_framed(x, padding), W, kernel, stride, padding, bias, out)
    return out


def correlate_weight(x, dy, kernel, stride, padding, out, add):
    _correlate_weight(x, *_framed(x, padding), dy, kernel, stride, padding, out, add)


def _framed(x, padding):
    """How many images to take at a time, and room for them in their frames where there is padding."""
    N, H, W, C = x.shape
    H, W = H + 2 * padding[0], W + 2 * padding[1]
    group = max(1, min(N, GROUP_BYTES // max(1, H * W * C * x.itemsize)))
    return group, np.empty((group if any(padding) else 0, H, W, C), x.dtype)


def _block_of(rows, vectors):
    """An intrinsic that computes a block:

    out[to + i out_row + j] (+)= sum over t < depth of  x[begin + rows_at[r + i] + terms[k + t]] y[y_at + t width + j]

    for i < rows, j < width = vectors x lanes; it adds to what is there if `add`.
    """

    @intrinsic
    def block(typingctx, x, begin, rows_at, r, terms, k, depth, y, y_at, out, to, out_row, add):
        def generate(context, builder, signature, args):
            dtype = signature.args[0].dtype
            number, size = context.get_data_type(dtype), dtype.bitwidth // 8
            lanes = BYTES // size
            vector, integer, index = ir.VectorType(number, lanes), ir.IntType(32), args[1].type
            fma = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{lanes}f{8 * size}"
            )
            _, begin, _, r, _, k, depth, _, y_at, _, to, out_row, add = args
            xs, row_table, term_table, ys, outs = (
                context.make_array(signature.args[i])(context, builder, args[i]).data for i in (0, 2, 4, 7, 9)
            )

            def number_at(base, offset):
                return builder.load(builder.gep(base, [offset]))

            def vector_at(base, offset, v):
                place = builder.gep(base, [builder.add(offset, index(v * lanes))])
                return builder.bitcast(place, vector.as_pointer())

            places = [builder.add(begin, number_at(row_table, builder.add(r, index(i)))) for i in range(rows)]
            starts = [builder.gep(xs, [place]) for place in places]  # pointers: adding a term costs no instruction
            sums = [[cgutils.alloca_once_value(builder, vector(None)) for _ in range(vectors)] for _ in range(rows)]
            with cgutils.for_range(builder, depth) as loop:
                row = builder.add(y_at, builder.mul(loop.index, index(vectors * lanes)))
                y_row = [builder.load(vector_at(ys, row, v), align=size) for v in range(vectors)]
                term = number_at(term_table, builder.add(k, loop.index))
                for i in range(rows):
                    one = number_at(starts[i], term)
                    lane = builder.insert_element(vector(ir.Undefined), one, integer(0))
                    all_lanes = builder.shuffle_vector(lane, vector(ir.Undefined), ir.VectorType(integer, lanes)(None))
                    for v in range(vectors):
                        total = builder.call(fma, [all_lanes, y_row[v], builder.load(sums[i][v])])
                        builder.store(total, sums[i][v])
            for i in range(rows):
                for v in range(vectors):
                    place = vector_at(outs, builder.add(to, builder.mul(index(i), out_row)), v)
                    total = builder.load(sums[i][v])
                    with builder.if_else(add) as (adding, overwriting):
                        with adding:
                            builder.store(builder.fadd(builder.load(place, align=size), total), place, align=size)
                        with overwriting:
                            builder.store(total, place, align=size)
            return context.get_dummy_value()

        i = types.intp
        return types.void(x, i, rows_at, i, terms, i, i, y, i, out, i, i, types.boolean), generate

    return block


@intrinsic(prefer_literal=True)
def _copy(typingctx, source, at, copy, to, vectors):
    """copy[to:] = source[at:], `vectors` of them. Slices would do, but Numba makes slow code of them."""

    def generate(context, builder, signature, args):
        size = source.dtype.bitwidth // 8
        lanes = BYTES // size
        vector = ir.VectorType(context.get_data_type(source.dtype), lanes)
        sources, copies = (context.make_array(signature.args[i])(context, builder, args[i]).data for i in (0, 2))
        for v in range(vectors.literal_value):
            offset = args[1].type(v * lanes)
            places = [
                builder.bitcast(builder.gep(base, [builder.add(begin, offset)]), vector.as_pointer())
                for base, begin in ((sources, args[1]), (copies, args[3]))
            ]
            builder.store(builder.load(places[0], align=size), places[1], align=size)
        return context.get_dummy_value()

    return types.void(source, types.intp, copy, types.intp, vectors), generate


_wide, _wide_row = _block_of(ROWS, WIDE), _block_of(1, WIDE)
_pair, _pair_row = _block_of(ROWS, 2), _block_of(1, 2)
_slim, _slim_row = _block_of(ROWS, 1), _block_of(1, 1)


@compiled
def _product(x, begin, rows, terms, y, out, to, more, panel):
    """out[to:] as a matrix (rows, J) (+)= the sum over terms of x[begin + rows + terms] times y (terms, J)."""
    R, (T, J) = len(rows), y.shape
    factor = y.reshape(-1)
    lanes = BYTES // y.itemsize
    blocks = R // ROWS * ROWS
    aligned = -panel.ctypes.data % BYTES // y.itemsize  # a vector then lies in one line of the cache
    edge = np.empty(ROWS * lanes, y.dtype)
    j = 0
    while j < J:
        left = (J - j) // lanes
        count = WIDE if left >= WIDE else 2 if left >= 2 else 1
        width, used, place = count * lanes, min(count * lanes, J - j), to + j
        most = DEPTH * WIDE // count
        parts = max(1, (T + most - 1) // most)
        for part in range(parts):
            first, add = part * T // parts, more or part > 0
            depth = (part + 1) * T // parts - first
            for k in range(depth):
                source, copy = (first + k) * J + j, aligned + k * width
                if count == WIDE:
                    _copy(factor, source, panel, copy, WIDE)
                elif count == 2:
                    _copy(factor, source, panel, copy, 2)
                elif used == width:
                    _copy(factor, source, panel, copy, 1)
                else:
                    for c in range(width):
                        panel[copy + c] = factor[source + c] if c < used else y.dtype.type(0)
            if used < width:  # fewer columns than a vector has lanes: by way of `edge`
                for r in range(0, R, ROWS):
                    block = min(ROWS, R - r)
                    if block == ROWS:
                        _slim(x, begin, rows, r, terms, first, depth, panel, aligned, edge, 0, lanes, False)
                    else:
                        for i in range(block):
                            to_i = i * lanes
                            _slim_row(x, begin, rows, r + i, terms, first, depth, panel, aligned, edge, to_i, 0, False)
                    for i in range(block):
                        for c in range(used):
                            before = out[place + (r + i) * J + c] if add else y.dtype.type(0)
                            out[place + (r + i) * J + c] = before + edge[i * lanes + c]
            elif count == WIDE:
                for r in range(0, blocks, ROWS):
                    _wide(x, begin, rows, r, terms, first, depth, panel, aligned, out, place + r * J, J, add)
                for r in range(blocks, R):
                    _wide_row(x, begin, rows, r, terms, first, depth, panel, aligned, out, place + r * J, J, add)
            elif count == 2:
                for r in range(0, blocks, ROWS):
                    _pair(x, begin, rows, r, terms, first, depth, panel, aligned, out, place + r * J, J, add)
                for r in range(blocks, R):
                    _pair_row(x, begin, rows, r, terms, first, depth, panel, aligned, out, place + r * J, J, add)
            else:
                for r in range(0, blocks, ROWS):
                    _slim(x, begin, rows, r, terms, first, depth, panel, aligned, out, place + r * J, J, add)
                for r in range(blocks, R):
                    _slim_row(x, begin, rows, r, terms, first, depth, panel, aligned, out, place + r * J, J, add)
        j += width


@compiled
def _products(x, rows, terms, y, out, add):
    """The product of each matrix of x, whose number at row r, term t is at rows[r] + terms[t], with that of y."""
    F, I, J = out.shape
    panel = np.empty((DEPTH + 1) * WIDE * (BYTES // y.itemsize), y.dtype)
    flat, to = x.reshape(-1), out.reshape(-1)
    for f in range(F):
        _product(flat, f * I * len(terms), rows, terms, y[f], to, f * I * J, add, panel)


@compiled
def _tables(images, height, row, C, kernel, stride, out_size):
    """Where the receptive field of each pixel begins in x, and where its numbers lie from there."""
    OH, OW = out_size
    pixels = np.empty(images * OH * OW, np.intp)
    m = 0
    for n in range(images):  # no division for each pixel: it would be a sizeable part of correlate
        for i in range(OH):
            at = (n * height + i * stride[0]) * row
            for j in range(OW):
                pixels[m] = at + j * stride[1] * C
                m += 1
    inputs = np.empty(kernel[0] * kernel[1] * C, np.intp)
    run = kernel[1] * C
    for t in range(len(inputs)):
        inputs[t] = t // run * row + t % run
    return pixels, inputs


@compiled
def _fill(frame, x, padding):
    """Each image into its frame, whose edge is 0."""
    N, H, W, C = x.shape
    top, left = padding
    for n in range(N):
        frame[n, :top] = 0
        frame[n, top + H :] = 0
        for r in range(H):
            source, row = x[n, r].reshape(-1), frame[n, top + r].reshape(-1)
            row[: left * C] = 0
            row[(left + W) * C :] = 0
            to = row[left * C : (left + W) * C]
            for c in range(len(to)):
                to[c] = source[c]


@compiled
def _correlate(x, group, frame, W, kernel, stride, padding, bias, out):
    (H, width, C), (OH, OW, O) = frame.shape[1:], out.shape[1:]
    panel = np.empty((DEPTH + 1) * WIDE * (BYTES // x.itemsize), x.dtype)
    pixels, inputs = _tables(group, H, width * C, C, kernel, stride, (OH, OW))
    step = max(LEAST_BLOCKS * ROWS, OUT_BYTES // max(1, O * x.itemsize))
    for n in range(0, len(x), group):
        part = x[n : n + group]
        M = len(part) * OH * OW
        if len(frame):
            _fill(frame, part, padding)
        source = frame.reshape(-1) if len(frame) else part.reshape(-1)
        for m in range(0, M, step):
            end = min(m + step, M)
            to = out[n : n + group].reshape(-1)[m * O : end * O]
            for i in range(end - m):
                for o in range(O):
                    to[i * O + o] = bias[o]
            _product(source, START, pixels[m:end], inputs, W, to, START, ADD, panel)


@compiled
def _correlate_weight(x, group, frame, dy, kernel, stride, padding, out, add):
    (H, width, C), (OH, OW, O) = frame.shape[1:], dy.shape[1:]
    panel = np.empty((DEPTH + 1) * WIDE * (BYTES // x.itemsize), x.dtype)
    pixels, inputs = _tables(group, H, width * C, C, kernel, stride, (OH, OW))
    to = out.reshape(-1)
    if not add:
        to[:] = 0
    for n in range(0, len(x), group):
        part = x[n : n + group]
        M = len(part) * OH * OW
        if len(frame):
            _fill(frame, part, padding)
        source = frame.reshape(-1) if len(frame) else part.reshape(-1)
        dy_part = dy[n : n + group].reshape(M, O)
        _product(source, START, inputs, pixels[:M], dy_part, to, START, ADD, panel)
