"""Lab 5 with a pyramid of means: what has been written in place of a mean and its gradient; and the source's lab."""

import runpy
from pathlib import Path

import numpy as np

from kernels.reference.into import into
from minidelve.labs.task import Mistakes

SOURCE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "mistakes.py"))["mistakes"]
mistakes = Mistakes([m for m in SOURCE.known if m.task in ("bin_edges", "pyramid_bins", "each_level")])

WEIGHT = "the mean's weights"
OTHER = "no mean"
CORNERS = "the bin as a number"
OVERLAP = "bins that share pixels"


# ---- forward


def of_bins(x, bins, value, out, corner=None):
    """f from value(pixels (N, h, w, C)) of each bin, and its corners as the lab has them, or by corner(bin, H, W)."""
    N, H, W, C = x.shape
    f, corners = np.empty((N, len(bins), C), x.dtype), np.empty((N, len(bins), C), np.int32)
    for b, (top, bottom, left, right) in enumerate(bins):
        f[:, b] = value(x[:, top:bottom, left:right])
        corners[:, b] = (corner or as_number)((top, bottom, left, right), H, W)
    return into(out, (f, corners))


def as_number(bin, H, W):
    top, bottom, left, right = bin
    return (top * W + left) * H * W + (bottom - 1) * W + right - 1


def mean(pixels):
    return pixels.mean(axis=(1, 2))


@mistakes.of("bin_max_forward", "mb-max", OTHER, "That is the maximum: here a bin holds the mean of its pixels.")
def _(x, bins, out=None):
    return of_bins(x, bins, lambda pixels: pixels.max(axis=(1, 2)), out)


@mistakes.of("bin_max_forward", "mb-sum", WEIGHT, "That is the sum of the bin: divide by its number of pixels.")
def _(x, bins, out=None):
    return of_bins(x, bins, lambda pixels: pixels.sum(axis=(1, 2)), out)


@mistakes.of("bin_max_forward", "mb-map", WEIGHT, "Divided by the pixels of the whole map; a bin has fewer.")
def _(x, bins, out=None):
    pixels_of_map = x.shape[1] * x.shape[2]
    return of_bins(x, bins, lambda pixels: pixels.sum(axis=(1, 2)) / pixels_of_map, out)


@mistakes.of("bin_max_forward", "mb-channels", OTHER, "The mean runs over the channels too: each has one of its own.")
def _(x, bins, out=None):
    return of_bins(x, bins, lambda pixels: pixels.mean(axis=(1, 2, 3))[:, None], out)


@mistakes.of("bin_max_forward", "mb-images", OTHER, "The mean runs over the images too: each has one of its own.")
def _(x, bins, out=None):
    return of_bins(x, bins, lambda pixels: pixels.mean(axis=(0, 1, 2)), out)


@mistakes.of("bin_max_forward", "mb-middle", OTHER, "That is the value in the middle, halfway from least to largest.")
def _(x, bins, out=None):
    return of_bins(x, bins, lambda pixels: (pixels.max(axis=(1, 2)) + pixels.min(axis=(1, 2))) / 2, out)


@mistakes.of(
    "bin_max_forward", "mb-beyond", CORNERS, "last is the last pixel inside the bin: row bottom - 1, column right - 1."
)
def _(x, bins, out=None):
    return of_bins(x, bins, mean, out, lambda bin, H, W: (bin[0] * W + bin[2]) * H * W + bin[1] * W + bin[3])


@mistakes.of(
    "bin_max_forward",
    "mb-first",
    CORNERS,
    "Only the first corner was kept. Where does backward learn how far the bin goes?",
)
def _(x, bins, out=None):
    return of_bins(x, bins, mean, out, lambda bin, H, W: bin[0] * W + bin[2])


@mistakes.of("bin_max_forward", "mb-exchanged", CORNERS, "The two corners are exchanged: first H W + last.")
def _(x, bins, out=None):
    def exchanged(bin, H, W):
        first, last = divmod(as_number(bin, H, W), H * W)
        return last * H * W + first

    return of_bins(x, bins, mean, out, exchanged)


# ---- backward


def scattered(df, corners, size, write, out):
    """write(dx, rows, columns, df of the bin (N, 1, 1, C), pixels in it) for each bin."""
    N, B, C = df.shape
    dx = np.zeros((N, *size, C), df.dtype)
    for b in range(B):
        (top, left), (bottom, right) = (
            divmod(int(place), size[1]) for place in divmod(corners[0, b, 0], np.prod(size))
        )
        area = df.dtype.type((bottom + 1 - top) * (right + 1 - left))
        write(dx, slice(top, bottom + 1), slice(left, right + 1), df[:, b, None, None], area)
    return into(out, dx)


@mistakes.of(
    "bin_max_backward", "mb-whole", WEIGHT, "Every pixel got df whole. It moves the mean by 1 / (pixels of the bin)."
)
def _(df, corners, size, out=None):
    def write(dx, rows, columns, share, area):
        dx[:, rows, columns] += share

    return scattered(df, corners, size, write, out)


@mistakes.of(
    "bin_max_backward", "mb-route", OTHER, "df went to one pixel, as a maximum's does. All pixels move a mean."
)
def _(df, corners, size, out=None):
    def write(dx, rows, columns, share, area):
        dx[:, rows.start, columns.start] += share[:, 0, 0]

    return scattered(df, corners, size, write, out)


@mistakes.of("bin_max_backward", "mb-assign", OVERLAP, "Bins share pixels, and what a pixel gets adds up: +=, not =.")
def _(df, corners, size, out=None):
    def write(dx, rows, columns, share, area):
        dx[:, rows, columns] = share / area

    return scattered(df, corners, size, write, out)


@mistakes.of(
    "bin_max_backward", "mb-size", WEIGHT, "Divided by the pixels of the whole map; the mean was one over the bin."
)
def _(df, corners, size, out=None):
    def write(dx, rows, columns, share, area):
        dx[:, rows, columns] += share / df.dtype.type(np.prod(size))

    return scattered(df, corners, size, write, out)


@mistakes.of(
    "bin_max_backward", "mb-short", CORNERS, "The last row and column of the bin get nothing: last lies inside."
)
def _(df, corners, size, out=None):
    def write(dx, rows, columns, share, area):
        dx[:, rows.start : rows.stop - 1, columns.start : columns.stop - 1] += share / area

    return scattered(df, corners, size, write, out)


@mistakes.of(
    "bin_max_backward",
    "mb-between",
    CORNERS,
    "Every place from first to last got a share, row ends included: a bin is a rectangle, not a run.",
)
def _(df, corners, size, out=None):
    N, B, C = df.shape
    dx = np.zeros((N, size[0] * size[1], C), df.dtype)
    for b in range(B):
        first, last = divmod(int(corners[0, b, 0]), size[0] * size[1])
        dx[:, first : last + 1] += df[:, b, None] / df.dtype.type(last + 1 - first)
    return into(out, dx.reshape(N, *size, C))


@mistakes.of(
    "bin_max_backward",
    "mb-area",
    WEIGHT,
    "bottom - top times right - left of pixels that lie inside: one is to be added to both.",
)
def _(df, corners, size, out=None):
    def write(dx, rows, columns, share, area):
        inside = (rows.stop - 1 - rows.start) * (columns.stop - 1 - columns.start)
        dx[:, rows, columns] += share / df.dtype.type(inside or 1)

    return scattered(df, corners, size, write, out)
