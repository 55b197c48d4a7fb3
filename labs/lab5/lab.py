"""Lab 5, pooling and pyramid: what is handed out, and how it is tried."""

import numpy as np

from minidelve.labs.task import Task

TITLE = "Pooling, a vector of one size from a map of any"
READING = ("4. Any image size: minidelve/ops/spatial_pyramid_pool2d.py",)
MAX_POOL, BIN_MAX = "kernels/reference/max_pool.py", "kernels/reference/bin_max.py"
PYRAMID = "minidelve/ops/spatial_pyramid_pool2d.py"
CUTS = {
    MAX_POOL: ("A maximum starts at -inf, never at 0: PReLU gives negative maps.",),
    PYRAMID: (
        "    [ floor(i L / n),  ceil((i + 1) L / n) )                        (appendix A of arXiv 1406.4729)",
        "As both round outwards, no bin is empty and no row of the map is missed; neighbours may share a row.",
        "Backward is max pooling's: df goes to the place of the first maximum.",
        "It adds up where several bins chose the same place.",
    ),
}

# How windows lie: size of the map, kernel, stride, padding, size of the result.
WINDOWS = {
    "4 x 4, windows of 2 x 2": ((4, 4), (2, 2), (2, 2), (0, 0), (2, 2)),
    "5 x 7, windows of 3 x 3 that overlap": ((5, 7), (3, 3), (2, 2), (0, 0), (2, 3)),
    "windows of 2 x 3, stride 1 and 2": ((5, 7), (2, 3), (1, 2), (0, 0), (4, 3)),
    "padding of 1": ((4, 6), (3, 3), (2, 2), (1, 1), (2, 3)),
    "padding of 1 and 2": ((5, 6), (3, 5), (2, 3), (1, 2), (3, 2)),
    "the last windows leave the map": ((6, 5), (3, 2), (2, 2), (0, 0), (3, 3)),
}
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
    return (1, 1) if case in {next(iter(WINDOWS)), next(iter(BINS))} else (2, 3)


def levels_of(rng, shape, dtype):
    """Numbers of few different values, most of them negative: equal ones are frequent."""
    return (rng.integers(-9, 2, shape) / 2).astype(dtype)


def maps_for_windows(rng, dtype):
    """What max_pool_forward is given. Below 0 alone where there is padding: a frame of zeros would win."""
    cases = {}
    for case, (size, kernel, stride, padding, out_size) in WINDOWS.items():
        N, C = images_and_channels(case)
        x = levels_of(rng, (N, *size, C), dtype) - (1 if padding != (0, 0) else 0)
        cases[case] = {"x": x, "kernel": kernel, "stride": stride, "padding": padding, "out_size": out_size}
    cases["a map of -20000 alone, padding of 1"] = {**cases["padding of 1"], "x": np.full((2, 4, 6, 3), -2e4, dtype)}
    return cases


def chosen_taps(rng, size, kernel, stride, padding, shape):
    """Taps (N, OH, OW, C), one for each window, which lie on the map."""
    taps = np.zeros(shape, int)
    for axis in (0, 1):
        start = np.arange(shape[1 + axis]) * stride[axis] - padding[axis]
        low, high = np.maximum(0, -start), np.minimum(kernel[axis], size[axis] - start)
        along = (slice(None), None, None) if axis == 0 else (None, slice(None), None)
        taps = taps * kernel[axis] + rng.integers(low[along], high[along], shape)
    return taps.astype(np.int16)


def taps_of_windows(rng, dtype):
    """What max_pool_backward is given."""
    cases = {}
    for case, (size, kernel, stride, padding, out_size) in WINDOWS.items():
        N, C = images_and_channels(case)
        dy = rng.normal(size=(N, *out_size, C)).astype(dtype)
        taps = chosen_taps(rng, size, kernel, stride, padding, dy.shape)
        cases[case] = {"dy": dy, "taps": taps, "size": size, "kernel": kernel, "stride": stride, "padding": padding}
    return cases


def maps_for_bins(rng, dtype):
    """What bin_max_forward is given."""
    cases = {}
    for case, (size, bins) in BINS.items():
        N, C = images_and_channels(case)
        cases[case] = {"x": levels_of(rng, (N, *size, C), dtype), "bins": np.array(bins, np.int64)}
    return cases


def places_of_bins(rng, dtype):
    """What bin_max_backward is given: in every bin a place of its own, for every channel."""
    cases = {}
    for case, (size, bins) in BINS.items():
        N, C = images_and_channels(case)
        df, places = rng.normal(size=(N, len(bins), C)).astype(dtype), np.empty((N, len(bins), C), np.int32)
        for b, (top, bottom, left, right) in enumerate(bins):
            rows, columns = rng.integers(top, bottom, (N, C)), rng.integers(left, right, (N, C))
            places[:, b] = rows * size[1] + columns
        cases[case] = {"df": df, "argmax": places, "size": size}
    return cases


def lengths(rng, dtype):
    """Lengths that n divides and that it does not, longer and shorter than n."""
    pairs = [(6, 3), (7, 3), (10, 6), (13, 6), (2, 3), (1, 4), (5, 1), (29, 7)]  # 7 (29 / 7) is more than 29
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


def many_windows(rng):
    x = rng.normal(size=(16, 56, 56, 32)).astype(np.float32)
    return {"x": x, "kernel": (3, 3), "stride": (2, 2), "padding": (0, 0), "out_size": (27, 27)}


def many_taps(rng):
    dy = rng.normal(size=(16, 27, 27, 32)).astype(np.float32)
    taps = rng.integers(0, 9, dy.shape).astype(np.int16)
    return {"dy": dy, "taps": taps, "size": (56, 56), "kernel": (3, 3), "stride": (2, 2), "padding": (0, 0)}


def same(x, y):
    """Whether two calls gave the same, but for rounding."""
    return np.shape(x) == np.shape(y) and bool(np.allclose(x, y, rtol=1e-4, atol=1e-6, equal_nan=True))


def call_max_pool(x, kernel, stride, padding, out_size):
    from kernels import reference

    shape = len(x), *out_size, x.shape[3]
    out = np.full(shape, np.nan, x.dtype), np.full(shape, -1, np.int16)
    window = tuple(kernel), tuple(stride), tuple(padding), tuple(out_size)
    reference.max_pool_forward(x, *window, out=out)
    y, taps = reference.max_pool_forward(x, *window)
    return {"y": y, "taps": taps, "out holds y and taps": same(out[0], y) and same(out[1], taps)}


def call_max_pool_backward(dy, taps, size, kernel, stride, padding):
    from kernels import reference

    out = np.full((len(dy), *size, dy.shape[3]), np.nan, dy.dtype)
    window = tuple(size), tuple(kernel), tuple(stride), tuple(padding)
    reference.max_pool_backward(dy, taps, *window, out=out)
    dx = reference.max_pool_backward(dy, taps, *window)
    return {"dx": dx, "out holds dx": same(out, dx)}


def call_bin_max(x, bins):
    from kernels import reference

    shape = len(x), len(bins), x.shape[3]
    out = np.full(shape, np.nan, x.dtype), np.full(shape, -1, np.int32)
    reference.bin_max_forward(x, bins, out=out)
    f, argmax = reference.bin_max_forward(x, bins)
    return {"f": f, "argmax": argmax, "out holds f and argmax": same(out[0], f) and same(out[1], argmax)}


def call_bin_max_backward(df, argmax, size):
    from kernels import reference

    out = np.full((len(df), *size, df.shape[2]), np.nan, df.dtype)
    reference.bin_max_backward(df, argmax, tuple(size), out=out)
    dx = reference.bin_max_backward(df, argmax, tuple(size))
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
    Task("max_pool_forward", (f"{MAX_POOL}:max_pool_forward",), 2, maps_for_windows, call_max_pool, large=many_windows),
    Task("max_pool_backward", (f"{MAX_POOL}:max_pool_backward",), 2, taps_of_windows, call_max_pool_backward,
         large=many_taps),
    Task("bin_max_forward", (f"{BIN_MAX}:bin_max_forward",), 1, maps_for_bins, call_bin_max),
    Task("bin_max_backward", (f"{BIN_MAX}:bin_max_backward",), 1, places_of_bins, call_bin_max_backward),
    Task("bin_edges", (f"{PYRAMID}:bin_edges",), 2, lengths, call_edges),
    Task("pyramid_bins", (f"{PYRAMID}:pyramid_bins",), 1, pyramids, call_bins, needs=("bin_edges",)),
    Task("each_level", (f"{PYRAMID}:each_level",), 1, vectors, call_levels),
]  # fmt: skip
