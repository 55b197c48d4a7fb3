"""Lab 5 in other styles."""

import math
from fractions import Fraction
from itertools import product

import numpy as np

MAX_POOL, BIN_MAX = "kernels/reference/max_pool.py", "kernels/reference/bin_max.py"
PYRAMID = "minidelve/ops/spatial_pyramid_pool2d.py"


def given(out, result):
    from kernels.reference.into import into

    return into(out, result)


# ---- max_pool_forward


def tap_by_tap(x, kernel, stride, padding, out_size, out=None):
    """All windows at once, one tap after another; what is larger takes its place."""
    N, H, W, C = x.shape
    (OH, OW), (kh, kw), (sh, sw), (ph, pw) = out_size, kernel, stride, padding
    framed = np.full((N, (OH - 1) * sh + kh + H, (OW - 1) * sw + kw + W, C), -np.inf, x.dtype)
    framed[:, ph : ph + H, pw : pw + W] = x
    y, taps = np.full((N, OH, OW, C), -np.inf, x.dtype), np.zeros((N, OH, OW, C), np.int16)
    for u in range(kh):
        for v in range(kw):
            pixels = framed[:, u : u + OH * sh : sh, v : v + OW * sw : sw]
            larger = pixels > y
            y[larger] = pixels[larger]
            taps[larger] = u * kw + v
    return given(out, (y, taps))


def window_by_window(x, kernel, stride, padding, out_size, out=None):
    """A slice for each window, cut at the map's border."""
    N, H, W, C = x.shape
    y, taps = np.empty((N, *out_size, C), x.dtype), np.empty((N, *out_size, C), np.int16)
    for i, j in product(*map(range, out_size)):
        top, left = i * stride[0] - padding[0], j * stride[1] - padding[1]
        a, c = max(top, 0), max(left, 0)
        window = x[:, a : top + kernel[0], c : left + kernel[1]]
        height, width = window.shape[1:3]
        flat = window.reshape(N, height * width, C)
        first = flat.argmax(axis=1)
        y[:, i, j] = flat.max(axis=1)
        taps[:, i, j] = (first // width + a - top) * kernel[1] + first % width + c - left
    return given(out, (y, taps))


def from_the_smallest_number(x, kernel, stride, padding, out_size, out=None):
    """np.pad with the dtype's lowest number, windows by index arrays, equal ones by ==."""
    low = np.finfo(x.dtype).min
    frame = [(p, p + k + s) for p, k, s in zip(padding, kernel, stride)]
    framed = np.pad(x, [(0, 0), *frame, (0, 0)], constant_values=low)
    rows, columns = (np.arange(O)[:, None] * s + np.arange(k) for O, s, k in zip(out_size, stride, kernel))
    fields = framed[:, rows[:, None, :, None], columns[None, :, None, :]]  # (N, OH, OW, kh, kw, C)
    y = fields.max(axis=(3, 4))
    hits = (fields == y[:, :, :, None, None]).reshape(*y.shape[:3], -1, y.shape[3])
    return given(out, (y, np.argmax(hits, axis=3).astype("int16")))


# ---- max_pool_backward


def tap_after_tap(dy, taps, size, kernel, stride, padding, out=None):
    """Within one tap no two windows share a pixel: += on strided slices of a framed dx is safe."""
    N, OH, OW, C = dy.shape
    frame = [s * O + k + L for s, O, k, L in zip(stride, (OH, OW), kernel, size)]
    dx = np.zeros((N, *frame, C), dy.dtype)
    for tap in range(kernel[0] * kernel[1]):
        u, v = tap // kernel[1], tap % kernel[1]
        dx[:, u : u + OH * stride[0] : stride[0], v : v + OW * stride[1] : stride[1]] += np.where(taps == tap, dy, 0)
    return given(out, dx[:, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]])


def by_bincount(dy, taps, size, kernel, stride, padding, out=None):
    """Flat places, added up by np.bincount."""
    n, i, j, c = np.ogrid[tuple(slice(length) for length in dy.shape)]
    row = i * stride[0] - padding[0] + taps // kernel[1]
    column = j * stride[1] - padding[1] + taps % kernel[1]
    shape = (len(dy), *size, dy.shape[3])
    place = np.ravel_multi_index(np.broadcast_arrays(n, row, column, c), shape)
    total = np.bincount(place.ravel(), weights=dy.ravel().astype(np.float64), minlength=math.prod(shape))
    return given(out, total.reshape(shape).astype(dy.dtype))


def window_after_window(dy, taps, size, kernel, stride, padding, out=None):
    """A loop over the positions, all images and channels at once."""
    N, OH, OW, C = dy.shape
    dx = np.zeros((N, size[0], size[1], C), dtype=dy.dtype)
    images, channels = np.arange(N)[:, None], np.arange(C)[None, :]
    for i in range(OH):
        for j in range(OW):
            row = taps[:, i, j] // kernel[1] + (i * stride[0] - padding[0])
            column = taps[:, i, j] % kernel[1] + (j * stride[1] - padding[1])
            dx[images, row, column, channels] += dy[:, i, j]
    return given(out, dx)


# ---- bin_max_forward


def by_max_and_equality(x, bins, out=None):
    N, H, W, C = x.shape
    values, places = [], []
    for top, bottom, left, right in bins.tolist():
        patch = x[:, top:bottom, left:right, :]
        largest = patch.max(axis=(1, 2), keepdims=True)
        index = np.arange(H * W).reshape(1, H, W, 1)[:, top:bottom, left:right]
        values.append(largest[:, 0, 0])
        places.append(np.where(patch == largest, index, H * W).min(axis=(1, 2)))
    return given(out, (np.stack(values, axis=1), np.stack(places, axis=1).astype(np.int32)))


def by_outside_at_minus_infinity(x, bins, out=None):
    """The whole map with all that is outside of the bin at -inf."""
    N, H, W, C = x.shape
    f, argmax = np.empty((N, len(bins), C), x.dtype), np.empty((N, len(bins), C), "i4")
    flat = x.reshape(N, H * W, C)
    for b, (top, bottom, left, right) in enumerate(bins):
        outside = np.ones((H, W), bool)
        outside[top:bottom, left:right] = False
        seen = np.where(outside.ravel()[None, :, None], -np.inf, flat)
        argmax[:, b] = seen.argmax(axis=1)
        f[:, b] = seen.max(axis=1)
    return given(out, (f, argmax))


def by_unravelling(x, bins, out=None):
    W = x.shape[2]
    found = []
    for top, bottom, left, right in bins:
        patch = x[:, top:bottom, left:right]
        row, column = np.unravel_index(
            patch.reshape(len(x), -1, x.shape[3]).argmax(axis=1), (bottom - top, right - left)
        )
        found.append((patch.max(axis=2).max(axis=1), (row + top) * W + column + left))
    f, argmax = (np.array(each).swapaxes(0, 1) for each in zip(*found))
    return given(out, (f, argmax.astype(np.int32)))


# ---- bin_max_backward


def bin_after_bin(df, argmax, size, out=None):
    """Within one bin every (n, c) has one place: += is safe."""
    N, B, C = df.shape
    dx = np.zeros((N, size[0], size[1], C), df.dtype)
    for b in range(B):
        rows, columns = np.divmod(argmax[:, b], size[1])
        dx[np.arange(N)[:, None], rows, columns, np.arange(C)] += df[:, b]
    return given(out, dx)


def by_one_hot(df, argmax, size, out=None):
    """A matrix of ones where a bin chose a pixel."""
    chosen = argmax[:, :, None] == np.arange(size[0] * size[1])[None, None, :, None]
    dx = np.einsum("nbpc,nbc->npc", chosen.astype(df.dtype), df)
    return given(out, dx.reshape(len(df), size[0], size[1], -1))


def with_python_loops(df, argmax, size, out=None):
    N, B, C = df.shape
    dx = np.zeros((N, *size, C), df.dtype)
    for n, b, c in product(range(N), range(B), range(C)):
        row, column = divmod(int(argmax[n, b, c]), size[1])
        dx[n, row, column, c] += df[n, b, c]
    return given(out, dx)


# ---- bin_edges


def by_floor_and_ceil(L, n):
    return [(math.floor(i * L / n), math.ceil((i + 1) * L / n)) for i in range(n)]


def as_an_array(L, n):
    i = np.arange(n)
    return np.stack([i * L // n, ((i + 1) * L + n - 1) // n], axis=1)


def by_looking_at_every_row(L, n):
    """Row r lies in bin i if the intervals (r, r + 1) and (i L / n, (i + 1) L / n) share more than a point."""
    edges = []
    for i in range(n):
        begin, end = Fraction(i * L, n), Fraction((i + 1) * L, n)
        rows = [r for r in range(L) if r < end and r + 1 > begin]
        edges.append((rows[0], rows[-1] + 1))
    return edges


# ---- pyramid_bins


def edges(L, n):
    from minidelve.ops.spatial_pyramid_pool2d import bin_edges

    return bin_edges(L, n)


def with_four_loops(size, levels):
    bins = []
    for n in levels:
        for top, bottom in edges(size[0], n):
            for left, right in edges(size[1], n):
                bins.append([top, bottom, left, right])
    return np.array(bins, dtype=np.int64)


def by_repeat_and_tile(size, levels):
    parts = []
    for n in levels:
        rows, columns = np.array(edges(size[0], n)), np.array(edges(size[1], n))
        parts.append(np.hstack([rows.repeat(n, axis=0), np.tile(columns, (n, 1))]))
    return np.concatenate(parts).astype(np.int64)


def by_product(size, levels):
    H, W = size
    pairs = [pair for n in levels for pair in product(edges(H, n), edges(W, n))]
    return np.array(pairs).reshape(-1, 4)


# ---- each_level


def with_transpose(f, by_bin, levels):
    N, B, C = by_bin.shape
    ends = np.cumsum([n**2 for n in levels])
    for n, end in zip(levels, ends):
        begin = end - n**2
        yield f[:, begin * C : end * C].reshape((N, C, -1)), np.transpose(by_bin[:, begin:end], (0, 2, 1))


def as_a_list(f, by_bin, levels):
    parts, b, v = [], 0, 0
    for n in levels:
        count, numbers = n * n, n * n * by_bin.shape[2]
        parts.append((f[:, v : v + numbers].reshape(len(f), -1, count), by_bin[:, b : b + count].swapaxes(2, 1)))
        b, v = b + count, v + numbers
    return parts


def with_square_bins(f, by_bin, levels):
    """(N, C, n, n) in place of (N, C, n n)."""
    N, _, C = by_bin.shape
    begin = 0
    for n in levels:
        cut = slice(begin, begin + n * n)
        square = np.moveaxis(by_bin[:, cut].reshape(N, n, n, C), 3, 1)
        yield f[:, begin * C : (begin + n * n) * C].reshape(N, C, n, n), square
        begin += n * n


STYLES = {
    "max_pool_forward": [
        {f"{MAX_POOL}:max_pool_forward": body} for body in (tap_by_tap, window_by_window, from_the_smallest_number)
    ],
    "max_pool_backward": [
        {f"{MAX_POOL}:max_pool_backward": body} for body in (tap_after_tap, by_bincount, window_after_window)
    ],
    "bin_max_forward": [
        {f"{BIN_MAX}:bin_max_forward": body}
        for body in (by_max_and_equality, by_outside_at_minus_infinity, by_unravelling)
    ],
    "bin_max_backward": [
        {f"{BIN_MAX}:bin_max_backward": body} for body in (bin_after_bin, by_one_hot, with_python_loops)
    ],
    "bin_edges": [{f"{PYRAMID}:bin_edges": body} for body in (by_floor_and_ceil, as_an_array, by_looking_at_every_row)],
    "pyramid_bins": [{f"{PYRAMID}:pyramid_bins": body} for body in (with_four_loops, by_repeat_and_tile, by_product)],
    "each_level": [{f"{PYRAMID}:each_level": body} for body in (with_transpose, as_a_list, with_square_bins)],
}
