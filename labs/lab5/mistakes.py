"""Lab 5: what has been written in place of a pooling or of its bins, and what to say to it."""

import numpy as np

from kernels.reference.into import into
from kernels.reference.windows import windows
from minidelve.labs.task import Mistakes

mistakes = Mistakes()

FRAME = "what lies around the map"
TIE = "another of several equal maxima"
OVERLAP = "windows or bins that share pixels"
ROUTE = "another way for df than the maximum's"
NUMBERING = "the place is counted otherwise"
MEAN = "a mean where a maximum belongs"
ROUNDING = "another rounding of the edges"
EXCHANGED = "two axes are exchanged"
ORDER = "another order"
VIEWS = "no views"


# ---- max_pool_forward


def fields_of(x, kernel, stride, padding, out_size, fill=-np.inf):
    """(N, OH, OW, kh kw, C)"""
    view = windows(x, kernel, stride, padding, out_size, fill=fill)
    return view.reshape(len(x), *out_size, kernel[0] * kernel[1], x.shape[3])


def taken(fields, taps):
    return np.take_along_axis(fields, taps[:, :, :, None], axis=3)[:, :, :, 0]


@mistakes.of(
    "max_pool_forward", "mp-zero", FRAME,
    "The frame is padded with 0, and among negative numbers 0 wins. PReLU's maps are negative: start at -inf.",
)  # fmt: skip
def _(x, kernel, stride, padding, out_size, out=None):
    fields = fields_of(x, kernel, stride, padding, out_size, fill=0)
    taps = fields.argmax(axis=3)
    return into(out, (taken(fields, taps), taps.astype(np.int16)))


@mistakes.of(
    "max_pool_forward", "mp-last", TIE,
    "At a tie the last maximum wins; the contract is the first in reading order (>, not >=).",
)  # fmt: skip
def _(x, kernel, stride, padding, out_size, out=None):
    fields = fields_of(x, kernel, stride, padding, out_size)
    taps = fields.shape[3] - 1 - fields[:, :, :, ::-1].argmax(axis=3)
    return into(out, (taken(fields, taps), taps.astype(np.int16)))


@mistakes.of("max_pool_forward", "mp-mean", MEAN, "That is the mean of the window.")
def _(x, kernel, stride, padding, out_size, out=None):
    fields = fields_of(x, kernel, stride, padding, out_size)
    inside = np.isfinite(fields)
    y = np.where(inside, fields, 0).sum(axis=3) / inside.sum(axis=3)
    return into(out, (y.astype(x.dtype), fields.argmax(axis=3).astype(np.int16)))


@mistakes.of(
    "max_pool_forward", "mp-meanframe", MEAN,
    "That is the mean of the window, and the frame's zeros count in it.",
)  # fmt: skip
def _(x, kernel, stride, padding, out_size, out=None):
    y = fields_of(x, kernel, stride, padding, out_size, fill=0).mean(axis=3)
    fields = fields_of(x, kernel, stride, padding, out_size)
    return into(out, (y.astype(x.dtype), fields.argmax(axis=3).astype(np.int16)))


@mistakes.of(
    "max_pool_forward", "mp-columns", NUMBERING,
    "A tap is u kw + v: row after row. Yours counts down the columns, v kh + u.",
)  # fmt: skip
def _(x, kernel, stride, padding, out_size, out=None):
    fields = fields_of(x, kernel, stride, padding, out_size)
    u, v = np.divmod(fields.argmax(axis=3), kernel[1])
    return into(out, (fields.max(axis=3), (v * kernel[0] + u).astype(np.int16)))


@mistakes.of(
    "max_pool_forward", "mp-kh", NUMBERING,
    "A tap is u kw + v, the width of the window times the row; you multiplied by its height.",
)  # fmt: skip
def _(x, kernel, stride, padding, out_size, out=None):
    fields = fields_of(x, kernel, stride, padding, out_size)
    u, v = np.divmod(fields.argmax(axis=3), kernel[1])
    return into(out, (fields.max(axis=3), (u * kernel[0] + v).astype(np.int16)))


@mistakes.of(
    "max_pool_forward", "mp-place", NUMBERING,
    "taps holds places of the whole map; a tap is a place within its window, from 0 to kh kw - 1.",
)  # fmt: skip
def _(x, kernel, stride, padding, out_size, out=None):
    fields = fields_of(x, kernel, stride, padding, out_size)
    u, v = np.divmod(fields.argmax(axis=3), kernel[1])
    rows = np.arange(out_size[0])[:, None, None] * stride[0] - padding[0] + u
    columns = np.arange(out_size[1])[:, None] * stride[1] - padding[1] + v
    return into(out, (fields.max(axis=3), (rows * x.shape[2] + columns).astype(np.int16)))


@mistakes.of(
    "max_pool_forward", "mp-abs", ROUTE, "The largest number wins, not the largest distance from 0: -3 is below -1.",
)  # fmt: skip
def _(x, kernel, stride, padding, out_size, out=None):
    fields = fields_of(x, kernel, stride, padding, out_size)
    taps = np.where(np.isfinite(fields), np.abs(fields), -np.inf).argmax(axis=3)
    return into(out, (taken(fields, taps), taps.astype(np.int16)))


# ---- max_pool_backward


def pixels_of(taps, kernel, stride, padding):
    """(n, row, column, c) of the pixel that each window chose."""
    n, i, j, c = np.indices(taps.shape)
    u, v = np.divmod(taps, kernel[1])
    return n, i * stride[0] + u - padding[0], j * stride[1] + v - padding[1], c


def room_for(dy, size):
    return np.zeros((len(dy), *size, dy.shape[3]), dy.dtype)


@mistakes.of(
    "max_pool_backward", "mp-assign", OVERLAP,
    "Windows overlap (k > s): a pixel may win twice, and what it gets adds up.",
)  # fmt: skip
def _(dy, taps, size, kernel, stride, padding, out=None):
    dx = room_for(dy, size)
    dx[pixels_of(taps, kernel, stride, padding)] = dy
    return into(out, dx)


@mistakes.of(
    "max_pool_backward", "mp-overwritten", OVERLAP,
    "Every tap overwrites what the taps before it have put there, with zeros too where it did not win: add to it.",
)  # fmt: skip
def _(dy, taps, size, kernel, stride, padding, out=None):
    reach = [(o - 1) * s + k for o, s, k in zip(dy.shape[1:3], stride, kernel)]
    framed = room_for(dy, [max(r, L + 2 * p) for r, L, p in zip(reach, size, padding)])
    for u, v in np.ndindex(*kernel):
        rows = slice(u, reach[0] - kernel[0] + u + 1, stride[0])
        columns = slice(v, reach[1] - kernel[1] + v + 1, stride[1])
        framed[:, rows, columns] = dy * (taps == u * kernel[1] + v)
    return into(out, framed[:, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]])


@mistakes.of(
    "max_pool_backward", "mp-everywhere", ROUTE,
    "dy went to every pixel of the window; only the maximum moves the output.",
)  # fmt: skip
def _(dy, taps, size, kernel, stride, padding, out=None):
    dx = room_for(dy, size)
    for i, j in np.ndindex(dy.shape[1:3]):
        top, left = i * stride[0] - padding[0], j * stride[1] - padding[1]
        rows, columns = slice(max(0, top), top + kernel[0]), slice(max(0, left), left + kernel[1])
        dx[:, rows, columns] += dy[:, i : i + 1, j : j + 1]
    return into(out, dx)


@mistakes.of(
    "max_pool_backward", "mp-shared", ROUTE,
    "dy is divided among the pixels of the window: that is a mean's gradient. The maximum gets it whole.",
)  # fmt: skip
def _(dy, taps, size, kernel, stride, padding, out=None):
    dx = room_for(dy, size)
    for i, j in np.ndindex(dy.shape[1:3]):
        top, left = i * stride[0] - padding[0], j * stride[1] - padding[1]
        rows, columns = slice(max(0, top), top + kernel[0]), slice(max(0, left), left + kernel[1])
        dx[:, rows, columns] += dy[:, i : i + 1, j : j + 1] / dy.dtype.type(kernel[0] * kernel[1])
    return into(out, dx)


@mistakes.of(
    "max_pool_backward", "mp-value", ROUTE,
    "dy is multiplied by what taps holds, as if that were the pixel's value: a maximum has slope 1, not x.",
)  # fmt: skip
def _(dy, taps, size, kernel, stride, padding, out=None):
    dx = room_for(dy, size)
    np.add.at(dx, pixels_of(taps, kernel, stride, padding), dy * taps)
    return into(out, dx)


@mistakes.of(
    "max_pool_backward", "mp-nopadding", FRAME,
    "Windows begin p rows above the map and p columns left of it: subtract the padding.",
)  # fmt: skip
def _(dy, taps, size, kernel, stride, padding, out=None):
    dx = np.zeros((len(dy), size[0] + 2 * padding[0], size[1] + 2 * padding[1], dy.shape[3]), dy.dtype)
    np.add.at(dx, pixels_of(taps, kernel, stride, (0, 0)), dy)
    return into(out, dx[:, : size[0], : size[1]])


@mistakes.of(
    "max_pool_backward", "mp-uv", EXCHANGED, "u = tap // kw is the row in the window, v = tap % kw the column.",
)  # fmt: skip
def _(dy, taps, size, kernel, stride, padding, out=None):
    n, i, j, c = np.indices(dy.shape)
    v, u = np.divmod(taps, kernel[1])
    rows, columns = i * stride[0] + u - padding[0], j * stride[1] + v - padding[1]
    dx = room_for(dy, (size[0] + max(kernel), size[1] + max(kernel)))
    np.add.at(dx, (n, rows, columns, c), dy)
    return into(out, dx[:, : size[0], : size[1]])


@mistakes.of("max_pool_backward", "mp-nostride", NUMBERING, "Window i begins at row i s, not at row i.")
def _(dy, taps, size, kernel, stride, padding, out=None):
    dx = room_for(dy, size)
    np.add.at(dx, pixels_of(taps, kernel, (1, 1), padding), dy)
    return into(out, dx)


@mistakes.of(
    "max_pool_backward", "mp-once", ROUTE, "A pixel is marked as chosen, with a 1: what it is to get is dy.",
)  # fmt: skip
def _(dy, taps, size, kernel, stride, padding, out=None):
    dx = room_for(dy, size)
    np.add.at(dx, pixels_of(taps, kernel, stride, padding), 1)
    return into(out, dx)


# ---- bin_max_forward


def by_bins(x, bins, of_bin, out):
    """f and argmax, of_bin(pixels (N, h w, C), their places (h w,)) for each bin."""
    N, H, W, C = x.shape
    f, argmax = np.empty((N, len(bins), C), x.dtype), np.empty((N, len(bins), C), np.int32)
    place = np.arange(H * W).reshape(H, W)
    for b, (top, bottom, left, right) in enumerate(bins):
        inside = x[:, top:bottom, left:right].reshape(N, -1, C)
        f[:, b], argmax[:, b] = of_bin(inside, place[top:bottom, left:right].reshape(-1))
    return into(out, (f, argmax))


@mistakes.of("bin_max_forward", "sp-mean", MEAN, "The bins hold means; the paper takes maxima.")
def _(x, bins, out=None):
    return by_bins(x, bins, lambda inside, place: (inside.mean(axis=1), place[inside.argmax(axis=1)]), out)


@mistakes.of(
    "bin_max_forward", "bm-last", TIE, "Of equal maxima the first in reading order counts; you keep the last.",
)  # fmt: skip
def _(x, bins, out=None):
    def last(inside, place):
        return inside.max(axis=1), place[::-1][inside[:, ::-1].argmax(axis=1)]

    return by_bins(x, bins, last, out)


@mistakes.of(
    "bin_max_forward", "bm-inside", NUMBERING,
    "argmax counts within the bin; it is a place of the map, r W + w, or backward could not find it.",
)  # fmt: skip
def _(x, bins, out=None):
    return by_bins(x, bins, lambda inside, place: (inside.max(axis=1), inside.argmax(axis=1)), out)


@mistakes.of(
    "bin_max_forward", "bm-corner", NUMBERING,
    "The bin's corner was added to a number that counts in rows as long as the bin; the map's are W long.",
)  # fmt: skip
def _(x, bins, out=None):
    def shifted(inside, place):
        return inside.max(axis=1), place[0] + inside.argmax(axis=1)

    return by_bins(x, bins, shifted, out)


@mistakes.of(
    "bin_max_forward", "bm-unshifted", NUMBERING,
    "Row and column count from the bin's corner, and a place of the map from the map's: add top and left.",
)  # fmt: skip
def _(x, bins, out=None):
    def from_the_corner(inside, place):
        return inside.max(axis=1), place[inside.argmax(axis=1)] - place[0]

    return by_bins(x, bins, from_the_corner, out)


@mistakes.of(
    "bin_max_forward", "bm-height", NUMBERING,
    "A place is r W + w: rows are as long as the map is wide, not as it is high.",
)  # fmt: skip
def _(x, bins, out=None):
    H, W = x.shape[1:3]

    def by_height(inside, place):
        chosen = place[inside.argmax(axis=1)]
        return inside.max(axis=1), chosen // W * H + chosen % W

    return by_bins(x, bins, by_height, out)


@mistakes.of(
    "bin_max_forward", "bm-order", EXCHANGED,
    "A bin is (top, bottom, left, right); you read (top, left, bottom, right).",
)  # fmt: skip
def _(x, bins, out=None):
    H, W = x.shape[1:3]
    read = [(t, max(t + 1, min(b, H)), min(l, W - 1), max(min(l, W - 1) + 1, r)) for t, l, b, r in bins]
    return by_bins(x, read, lambda inside, place: (inside.max(axis=1), place[inside.argmax(axis=1)]), out)


@mistakes.of(
    "bin_max_forward", "bm-allchannels", ROUTE, "One place for all channels: each channel has a maximum of its own.",
)  # fmt: skip
def _(x, bins, out=None):
    def of_the_sum(inside, place):
        first = inside.max(axis=2).argmax(axis=1)
        return inside[np.arange(len(inside)), first], place[first][:, None]

    return by_bins(x, bins, of_the_sum, out)


@mistakes.of(
    "bin_max_forward", "bm-zero", FRAME, "The maximum begins at 0, and a bin of negative numbers never gets above it."
)
def _(x, bins, out=None):
    def from_zero(inside, place):
        return np.maximum(inside.max(axis=1), 0), place[inside.argmax(axis=1)]

    return by_bins(x, bins, from_zero, out)


# ---- bin_max_backward


def empty(df, size):
    """Zeros (N, H W, C), and the indices (n, b, c) of df."""
    return np.zeros((len(df), size[0] * size[1], df.shape[2]), df.dtype), *np.indices(df.shape)


def as_maps(dx, size, out):
    return into(out, dx.reshape(len(dx), *size, dx.shape[2]))


@mistakes.of(
    "bin_max_backward", "bm-assign", OVERLAP,
    "Several bins may have chosen one pixel, and their shares add up. += with index arrays keeps the last one only.",
)  # fmt: skip
def _(df, argmax, size, out=None):
    dx, n, _, c = empty(df, size)
    dx[n, argmax, c] = df
    return as_maps(dx, size, out)


@mistakes.of(
    "bin_max_backward", "bm-mean", OVERLAP, "A pixel that several bins chose gets the sum of their df, not the mean."
)
def _(df, argmax, size, out=None):
    dx, n, _, c = empty(df, size)
    count = np.zeros_like(dx)
    np.add.at(dx, (n, argmax, c), df)
    np.add.at(count, (n, argmax, c), 1)
    return as_maps(dx / np.maximum(count, 1), size, out)


@mistakes.of(
    "bin_max_backward", "bm-divmod", EXCHANGED,
    "The row is argmax // W and the column argmax % W: W is the map's width.",
)  # fmt: skip
def _(df, argmax, size, out=None):
    dx = np.zeros((len(df), *[max(size)] * 2, df.shape[2]), df.dtype)
    n, _, c = np.indices(df.shape)
    column, row = np.divmod(argmax, size[1])
    np.add.at(dx, (n, row, column, c), df)
    return into(out, dx[:, : size[0], : size[1]])


@mistakes.of(
    "bin_max_backward", "bm-channel", ROUTE, "Every channel got what channel 0 chose: each has its own argmax."
)
def _(df, argmax, size, out=None):
    dx, n, _, c = empty(df, size)
    np.add.at(dx, (n, argmax[:, :, :1], c), df)
    return as_maps(dx, size, out)


@mistakes.of(
    "bin_max_backward", "bm-image", ROUTE, "All images went to the first: the sum over n does not belong here."
)
def _(df, argmax, size, out=None):
    dx, n, _, c = empty(df, size)
    np.add.at(dx, (0 * n, argmax, c), df)
    return as_maps(dx, size, out)


@mistakes.of("bin_max_backward", "bm-once", ROUTE, "A chosen pixel got a 1: what it is to get is df.")
def _(df, argmax, size, out=None):
    dx, n, _, c = empty(df, size)
    np.add.at(dx, (n, argmax, c), 1)
    return as_maps(dx, size, out)


# ---- bin_edges


def up(a, b):
    """a / b, rounded up."""
    return -(-a // b)


@mistakes.of(
    "bin_edges", "be-floor", ROUNDING,
    "Both ends are rounded down: for L = 2, n = 3 the first bin is empty. A bin ends at the ceiling.",
)  # fmt: skip
def _(L, n):
    return [(i * L // n, (i + 1) * L // n) for i in range(n)]


@mistakes.of(
    "bin_edges", "be-ceil", ROUNDING,
    "Both ends are rounded up: a bin begins at the floor, else rows between two bins belong to one only and a bin can "
    "be empty.",
)  # fmt: skip
def _(L, n):
    return [(up(i * L, n), up((i + 1) * L, n)) for i in range(n)]


@mistakes.of("bin_edges", "be-round", ROUNDING, "Rounded to the nearest: bins may be empty when n > L.")
def _(L, n):
    return [(round(i * L / n), round((i + 1) * L / n)) for i in range(n)]


@mistakes.of("bin_edges", "be-fixed", ROUNDING, "Bins of L // n rows: the last L mod n rows belong to nobody.")
def _(L, n):
    return [(i * (L // n), (i + 1) * (L // n)) for i in range(n)]


@mistakes.of(
    "bin_edges", "be-lastlong", ROUNDING,
    "Bins of L // n rows and a long last one: L = 13, n = 6 makes five of 2 and one of 3.",
)  # fmt: skip
def _(L, n):
    return [(i * (L // n), (i + 1) * (L // n) if i < n - 1 else L) for i in range(n)]


@mistakes.of(
    "bin_edges", "be-slide", ROUNDING,
    "Window ceil(L/n), stride floor(L/n): the main text's recipe; for L = 10, n = 6 the last windows end at 7: rows "
    "are missed.",
)  # fmt: skip
def _(L, n):
    return [(i * (L // n), i * (L // n) + up(L, n)) for i in range(n)]


@mistakes.of("bin_edges", "be-inclusive", ROUNDING, "The end is exclusive, as in a slice: you are one short.")
def _(L, n):
    return [(i * L // n, up((i + 1) * L, n) - 1) for i in range(n)]


@mistakes.of("bin_edges", "be-ceilwin", ROUNDING, "Every bin is ceil(L/n) long: the last ones leave the map.")
def _(L, n):
    return [(i * up(L, n), (i + 1) * up(L, n)) for i in range(n)]


@mistakes.of(
    "bin_edges", "be-inward", ROUNDING,
    "Begin and end are exchanged: a begin is rounded down and an end up. Yours leave out the rows that two bins share.",
)  # fmt: skip
def _(L, n):
    return [(up(i * L, n), (i + 1) * L // n) for i in range(n)]


@mistakes.of(
    "bin_edges", "be-plusone", ROUNDING,
    "floor + 1 is the ceiling only where a division leaves a rest: where n divides L, bins share a row for no reason.",
)  # fmt: skip
def _(L, n):
    return [(i * L // n, (i + 1) * L // n + 1) for i in range(n)]


@mistakes.of(
    "bin_edges", "be-window", ROUNDING,
    "The begins are right, the ends are ceil(L/n) further: some bins are one row short, others one too long.",
)  # fmt: skip
def _(L, n):
    return [(i * L // n, i * L // n + up(L, n)) for i in range(n)]


# ---- pyramid_bins


def bins_of(size, levels, of_level):
    """of_level(rows, columns) for each level, joined."""
    from minidelve.ops.spatial_pyramid_pool2d import bin_edges

    return np.array([bin for n in levels for bin in of_level(*(bin_edges(L, n) for L in size))], np.int64)


def by_rows(rows, columns):
    return [(*row, *column) for row in rows for column in columns]


@mistakes.of("pyramid_bins", "sp-hw", EXCHANGED, "Height and width are exchanged in the bins.")
def _(size, levels):
    return bins_of(size[::-1], levels, by_rows)


@mistakes.of("pyramid_bins", "sp-sorted", ORDER, "The levels are sorted (fine to coarse); keep the order given.")
def _(size, levels):
    return bins_of(size, sorted(levels, reverse=True), by_rows)


@mistakes.of("pyramid_bins", "sp-rising", ORDER, "The levels are sorted (coarse to fine); keep the order given.")
def _(size, levels):
    return bins_of(size, sorted(levels), by_rows)


@mistakes.of("pyramid_bins", "sp-columns", ORDER, "Bins go row by row, as one reads; yours go column by column.")
def _(size, levels):
    return bins_of(size, levels, lambda rows, columns: [(*r, *c) for c in columns for r in rows])


@mistakes.of(
    "pyramid_bins", "sp-corners", ORDER, "A bin is (top, bottom, left, right); yours is (top, left, bottom, right)."
)
def _(size, levels):
    return bins_of(size, levels, lambda rows, columns: [(t, l, b, r) for t, b in rows for l, r in columns])


@mistakes.of("pyramid_bins", "sp-square", EXCHANGED, "Columns were cut like rows: the width has edges of its own.")
def _(size, levels):
    return bins_of(size, levels, lambda rows, _: by_rows(rows, rows))


@mistakes.of(
    "pyramid_bins", "sp-diagonal", ORDER,
    "zip pairs row i with column i alone: n bins. A level has n x n, each row with each column.",
)  # fmt: skip
def _(size, levels):
    return bins_of(size, levels, lambda rows, columns: [(*r, *c) for r, c in zip(rows, columns, strict=True)])


# ---- each_level


@mistakes.of(
    "each_level", "sp-nnc", ORDER,
    "Each level is flattened as (n, n, C); the order asked for is (C, n, n). A reshape alone exchanges no axes.",
)  # fmt: skip
def _(f, by_bin, levels):
    (N, _, C), first = by_bin.shape, 0
    for n in levels:
        last = first + n * n
        yield f[:, first * C : last * C].reshape(N, n * n, C), by_bin[:, first:last]
        first = last


@mistakes.of(
    "each_level", "sp-interleave", ORDER,
    "The levels of a channel lie side by side; each whole level comes first, then the next.",
)  # fmt: skip
def _(f, by_bin, levels):
    (N, B, C), first = by_bin.shape, 0
    for n in levels:
        last = first + n * n
        yield f.reshape(N, C, B)[:, :, first:last], by_bin[:, first:last].swapaxes(1, 2)
        first = last


@mistakes.of(
    "each_level", "sp-copy", VIEWS,
    "One of the two is a copy: what the caller writes into it never arrives. Reshape f, turn by_bin with swapaxes or "
    "transpose, and reshape nothing afterwards.",
)  # fmt: skip
def _(f, by_bin, levels):
    (N, _, C), first = by_bin.shape, 0
    for n in levels:
        last = first + n * n
        yield f[:, first * C : last * C].reshape(N, C, n * n), by_bin[:, first:last].swapaxes(1, 2).copy()
        first = last


@mistakes.of(
    "each_level", "sp-copies", VIEWS, "What comes out are copies: the caller writes into them, and it is lost."
)
def _(f, by_bin, levels):
    (N, _, C), first = by_bin.shape, 0
    for n in levels:
        last = first + n * n
        yield f[:, first * C : last * C].reshape(N, C, n * n).copy(), by_bin[:, first:last].swapaxes(1, 2).copy()
        first = last


@mistakes.of("each_level", "sp-reversed", ORDER, "The levels come from the last to the first; keep the order given.")
def _(f, by_bin, levels):
    (N, B, C), begin = by_bin.shape, 0
    first = B
    for n in levels[::-1]:
        first, end = first - n * n, begin + n * n * C
        yield f[:, begin:end].reshape(N, C, n * n), by_bin[:, first : first + n * n].swapaxes(1, 2)
        begin = end


@mistakes.of("each_level", "sp-same", ORDER, "Every level starts at bin 0: go on where the one before ended.")
def _(f, by_bin, levels):
    N, _, C = by_bin.shape
    for n in levels:
        yield f[:, : n * n * C].reshape(N, C, n * n), by_bin[:, : n * n].swapaxes(1, 2)
