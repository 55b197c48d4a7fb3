"""Lab 5 with a pyramid of means: what is handed out, and how it is tried."""

import numpy as np

from minidelve.labs.task import Task

TITLE = "Pooling, a pyramid of means"
READING = ("4. Any image size: minidelve/ops/spatial_pyramid_pool2d.py",)
BIN_MAX, PYRAMID = "kernels/reference/bin_max.py", "minidelve/ops/spatial_pyramid_pool2d.py"

# Bins of a map: its size, and top, bottom, left and right of each.
BINS = {
    "one bin, the whole map": ((3, 4), [(0, 3, 0, 4)]),
    "four bins side by side": ((4, 6), [(0, 2, 0, 3), (0, 2, 3, 6), (2, 4, 0, 3), (2, 4, 3, 6)]),
    "bins that share pixels": ((5, 5), [(0, 3, 0, 3), (0, 3, 2, 5), (2, 5, 0, 3), (2, 5, 2, 5), (0, 5, 0, 5)]),
    "bins of one pixel": ((2, 3), [(0, 1, 0, 1), (1, 2, 2, 3), (0, 1, 2, 3), (1, 2, 0, 3)]),
}
PYRAMIDS = {
    "6 x 6, levels 2 and 1": ((6, 6), (2, 1)),
    "5 x 8, levels 3 and 1": ((5, 8), (3, 1)),
    "7 x 4, levels 1, 3 and 2": ((7, 4), (1, 3, 2)),
    "a map of 2 x 3, level 4": ((2, 3), (4,)),
}


def images_and_channels(case):
    """How many: one of each where the numbers are to be computed by hand, in the first case."""
    return (1, 1) if case == next(iter(BINS)) else (2, 3)


def maps_for_bins(rng, dtype):
    """What forward is given."""
    cases = {}
    for case, (size, bins) in BINS.items():
        N, C = images_and_channels(case)
        cases[case] = {"x": rng.normal(size=(N, *size, C)).astype(dtype), "bins": np.array(bins, np.int64)}
    return cases


def corners_of_bins(rng, dtype):
    """What backward is given: df, and every bin as one number."""
    cases = {}
    for case, ((H, W), bins) in BINS.items():
        corners = [(t * W + l) * H * W + (b - 1) * W + r - 1 for t, b, l, r in bins]
        N, C = images_and_channels(case)
        df = rng.normal(size=(N, len(bins), C)).astype(dtype)
        everywhere = np.broadcast_to(np.array(corners, np.int32)[:, None], df.shape).copy()
        cases[case] = {"df": df, "corners": everywhere, "size": (H, W)}
    return cases


def lengths(rng, dtype):
    """Lengths that n divides and that it does not, longer and shorter than n."""
    pairs = [(6, 3), (7, 3), (10, 6), (13, 6), (2, 3), (1, 4), (5, 1)]
    pairs += [(int(rng.integers(8, 40)), int(rng.integers(2, 8))) for _ in range(4)]
    return {f"L = {L}, n = {n}": {"L": L, "n": n} for L, n in pairs}


def pyramids(rng, dtype):
    """What pyramid_bins is given."""
    return {case: {"size": size, "levels": levels} for case, (size, levels) in PYRAMIDS.items()}


def vectors(rng, dtype):
    """What each_level is to join: f (N, C bins), and the same by bins (N, bins, C)."""
    cases = {}
    for levels in [(1,), (2, 1), (1, 3, 2)]:
        N, C, B = 3, 2, sum(n * n for n in levels)  # N = 2: an array could be taken for a pair
        f, by_bin = rng.normal(size=(N, C * B)), rng.normal(size=(N, B, C))
        cases[f"levels {levels}"] = {"f": f.astype(dtype), "by_bin": by_bin.astype(dtype), "levels": levels}
    return cases


def same(x, y):
    """Whether two calls gave the same, but for rounding."""
    return np.shape(x) == np.shape(y) and bool(np.allclose(x, y, rtol=1e-4, atol=1e-6, equal_nan=True))


def call_forward(x, bins):
    from kernels import reference

    shape = len(x), len(bins), x.shape[3]
    out = np.full(shape, np.nan, x.dtype), np.full(shape, -1, np.int32)
    reference.bin_max_forward(x, bins, out=out)
    f, corners = reference.bin_max_forward(x, bins)
    return {"f": f, "corners": corners, "out holds f and corners": same(out[0], f) and same(out[1], corners)}


def call_backward(df, corners, size):
    from kernels import reference

    out = np.full((len(df), *size, df.shape[2]), np.nan, df.dtype)
    reference.bin_max_backward(df, corners, tuple(size), out=out)
    dx = reference.bin_max_backward(df, corners, tuple(size))
    return {"dx": dx, "out holds dx": same(out, dx)}


def call_edges(L, n):
    from minidelve.ops.spatial_pyramid_pool2d import bin_edges

    return {"edges": bin_edges(L, n)}


def call_bins(size, levels):
    from minidelve.ops.spatial_pyramid_pool2d import pyramid_bins

    bins = pyramid_bins(tuple(size), tuple(levels))
    return {"bins": bins, "bins are an array": isinstance(bins, np.ndarray)}


def call_levels(f, by_bin, levels):
    """Write each part into the other, as the op does: forward into a vector, backward into the bins."""
    from minidelve.ops.spatial_pyramid_pool2d import each_level

    vector, bins = np.full_like(f, np.nan), np.full_like(by_bin, np.nan)
    for level, of_bins in each_level(vector, by_bin, tuple(levels)):
        level[...] = of_bins
    for level, of_bins in each_level(f, bins, tuple(levels)):
        of_bins[...] = level
    return {"f": vector, "by_bin": bins}


TASKS = [
    Task("bin_max_forward", (f"{BIN_MAX}:bin_max_forward",), 3, maps_for_bins, call_forward),
    Task("bin_max_backward", (f"{BIN_MAX}:bin_max_backward",), 3, corners_of_bins, call_backward),
    Task("bin_edges", (f"{PYRAMID}:bin_edges",), 2, lengths, call_edges),
    Task("pyramid_bins", (f"{PYRAMID}:pyramid_bins",), 1, pyramids, call_bins, needs=("bin_edges",)),
    Task("each_level", (f"{PYRAMID}:each_level",), 1, vectors, call_levels),
]
