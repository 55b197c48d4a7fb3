"""Lab 4's experiment: one convolution, forward and backward, from seven loops to compiled code, and where time goes.

Each rung computes the same y, dx, dw and db. Its speed is told in GFLOP/s, multiplications and additions a second in
billions, so that a rung too slow for the whole layer can be timed on a corner of it. All is timed on one core.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

import minidelve as md
from minidelve.analysis.pictures import picture
from minidelve.backend import can_run
from minidelve.backend.threads import using
from minidelve.bench.timing import Spread, interleaved
from minidelve.disk.files import write_whole
from minidelve.progress import say

LOOPS, PIXELS, YOURS = "seven loops, a number at a time", "a product at a position, in NumPy", "your im2col, in NumPy"
COMPILED = {"your convolution, on compiled kernels": "im2col", "compiled, and no matrix built": "direct"}
PRODUCT = "the three products alone, in NumPy"
STEPS = "im2col, twice", "the three products", "col2im", "all else"
# Compiled code may not be there where an experiment is run again; a time depends on the machine.
TOLERANCE = {
    "cols, times as large as x": (0.0, 0.01), "largest difference": (0.0, 1e-3),
    **{f"GFLOP/s, {rung}": (9.0, 0.0) for rung in (LOOPS, PIXELS, YOURS)},
}  # fmt: skip

Arrays = dict[str, np.ndarray]  # x (N, H, W, C), w (O, 3, 3, C), b (O,), dy (N, H, W, O)


def main(out: Path, seed: int, quick: bool = False) -> dict[str, float]:
    """Time every rung and every step of yours, draw both, return the numbers."""
    rounds, seconds = (1, 0.02) if quick else (7, 0.3)
    rng = np.random.default_rng(seed)
    layer = drawn(rng, *((2, 12, 8, 8) if quick else (16, 28, 32, 32)))
    corner = drawn(rng, 1, 6, 4, 4)
    rungs: dict[str, Callable[[], list[np.ndarray]]] = {
        LOOPS: partial(seven_loops, **corner),
        PIXELS: partial(position_by_position, **layer),
        YOURS: partial(convolved, "reference", "im2col", **layer),
    }
    if can_run("numba_cpu"):
        rungs |= {name: partial(convolved, "numba_cpu", algorithm, **layer) for name, algorithm in COMPILED.items()}
    numbers = {"largest difference": difference(rungs, corner, layer)}
    with using(threads=1):
        times = spreads({**rungs, PRODUCT: products(layer)}, rounds, seconds)
        speeds = {name: flops(corner if name == LOOPS else layer) / t.median for name, t in times.items()}
        report(times, speeds)
        shares, numbers["cols, times as large as x"] = steps(layer, times, rounds, seconds)
    numbers |= {f"GFLOP/s, {name}": speed / 1e9 for name, speed in speeds.items()}
    numbers |= {f"ms, {name}": 1e3 * share for name, share in shares.items()}
    if content := picture("ladder.png", lambda: figure(speeds, shares)):
        write_whole(out / "ladder.png", content)
    return numbers


def drawn(rng: np.random.Generator, N: int, side: int, C: int, O: int) -> Arrays:
    """A 3 x 3 layer with a frame of 1."""
    shapes = {"x": (N, side, side, C), "w": (O, 3, 3, C), "b": (O,), "dy": (N, side, side, O)}
    return {name: rng.standard_normal(shape, dtype=np.float32) for name, shape in shapes.items()}


def flops(layer: Arrays) -> int:
    """Of three products, a multiplication and an addition each: y, dw, and the gradient of cols."""
    return 3 * 2 * layer["dy"].size * layer["w"][0].size


# -- the rungs: y, dx, dw, db, channels last -----------------------------------------------------------
def seven_loops(x, w, b, dy):
    """The definition, and the chain rule for each of its terms."""
    (N, H, W, C), O = x.shape, len(w)
    y, dx, dw, db = np.zeros_like(dy), np.zeros_like(x), np.zeros_like(w), np.zeros_like(b)
    for n in range(N):
        for i in range(H):
            for j in range(W):
                for o in range(O):
                    y[n, i, j, o] += b[o]
                    db[o] += dy[n, i, j, o]
                    for u in range(3):
                        for v in range(3):
                            r, s = i + u - 1, j + v - 1
                            if 0 <= r < H and 0 <= s < W:
                                for c in range(C):
                                    y[n, i, j, o] += x[n, r, s, c] * w[o, u, v, c]
                                    dw[o, u, v, c] += dy[n, i, j, o] * x[n, r, s, c]
                                    dx[n, r, s, c] += dy[n, i, j, o] * w[o, u, v, c]
    return [y, dx, dw, db]


def position_by_position(x, w, b, dy):
    """Equation (5) as it stands: a product of W with one field, and back."""
    framed, W = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), w.reshape(len(w), -1)
    y, dx, dW = np.empty_like(dy), np.zeros_like(framed), np.zeros_like(W)
    for n, i, j in np.ndindex(dy.shape[:3]):
        field = framed[n, i : i + 3, j : j + 3].reshape(-1)
        y[n, i, j] = W @ field + b
        dW += np.outer(dy[n, i, j], field)
        dx[n, i : i + 3, j : j + 3] += (dy[n, i, j] @ W).reshape(3, 3, -1)
    return [y, dx[:, 1:-1, 1:-1], dW.reshape(w.shape), dy.sum(axis=(0, 1, 2))]


def convolved(kernels, algorithm, x, w, b, dy):
    """The product's op, of which your files are a part."""
    with md.use(kernels):
        leaves = [md.Tensor(z, requires_grad=True) for z in (first(x), first(w), b)]
        y = md.conv2d(*leaves, padding=1, algorithm=algorithm)
        y.backward(first(dy))
    dx, dw, db = (leaf.grad for leaf in leaves)
    return [z.transpose(0, 2, 3, 1) for z in (y.data, dx, dw)] + [db]


def first(z: np.ndarray) -> np.ndarray:
    """Channels last, seen as (N, C, H, W)."""
    return z.transpose(0, 3, 1, 2)


def products(layer: Arrays) -> Callable[[], None]:
    """What a convolution costs if nothing has to be copied for it."""
    dy, W = layer["dy"].reshape(-1, len(layer["b"])), layer["w"].reshape(len(layer["w"]), -1)
    cols = np.ones((len(dy), W.shape[1]), np.float32)

    def work() -> None:
        cols @ W.T, dy.T @ cols, dy @ W

    return work


def difference(rungs, corner: Arrays, layer: Arrays) -> float:
    """By how much a rung is off another, of the largest number: the loops beside yours, and all others beside yours."""
    beside = convolved("reference", "im2col", **corner)
    yours = rungs[YOURS]()
    pairs = [(rungs[LOOPS](), beside), *((work(), yours) for name, work in rungs.items() if name not in (LOOPS, YOURS))]
    return max(float(np.abs(p - q).max() / np.abs(q).max()) for got, other in pairs for p, q in zip(got, other))


# -- time ----------------------------------------------------------------------------------------------
def spreads(sides, rounds: int, seconds: float) -> dict[str, Spread]:
    """The seconds that each takes, all taking turns."""
    times = list(interleaved(sides, rounds, seconds))
    return {name: Spread.of([each[name] for each in times]) for name in sides}


def report(times: dict[str, Spread], speeds: dict[str, float]) -> None:
    say(f"{'rung':<40}{'ms':>9}   (smallest to largest){'GFLOP/s':>10}{'speed, yours = 1':>18}")
    for name, spread in times.items():
        ms = Spread(*(1e3 * x for x in (spread.median, spread.low, spread.high)))
        span = f"({ms.low:.2f} to {ms.high:.2f})"
        say(f"{name:<40}{ms.median:9.2f}   {span:<21}{speeds[name] / 1e9:10.3f}{speeds[name] / speeds[YOURS]:18.4f}")
    say(f"(on one core; {LOOPS}: on a corner of the layer)")


def steps(layer: Arrays, times: dict[str, Spread], rounds: int, seconds: float) -> tuple[dict[str, float], float]:
    """Seconds of each step of your rung, the whole batch at once; and how much larger cols is than x."""
    from kernels import reference

    x, window = layer["x"], ((3, 3), (1, 1), (1, 1))
    cols = reference.im2col(x, *window)
    work = {"im2col": lambda: reference.im2col(x, *window), "products": products(layer),
            "col2im": lambda: reference.col2im(cols, x.shape[1:3], *window)}  # fmt: skip
    each = {name: spread.median for name, spread in spreads(work, rounds, seconds).items()}
    found = [2 * each["im2col"], each["products"], each["col2im"]]
    shares = dict(zip(STEPS, [*found, max(0.0, times[YOURS].median - sum(found))]))
    told = ", ".join(f"{name} {1e3 * share:.2f} ms" for name, share in shares.items())
    say(f"\nyour rung, step by step, each timed by itself: {told}")
    say(f"cols is {cols.size / x.size:.2f} times as large as x")
    return shares, cols.size / x.size


def figure(speeds: dict[str, float], shares: dict[str, float]):
    """Left, the ladder; right, where the time of your rung goes."""
    from minidelve.experiments.style import name_lines, panels

    drawing, (left, right) = panels("A 3 x 3 convolution, forward and backward", columns=2)
    drawing.set_size_inches(12, 3.6)
    for panel, values, unit in ((left, speeds, 1e-9), (right, shares, 1e3)):
        heights = [unit * value for value in values.values()]
        own = [name == YOURS for name in values]
        panel.barh(range(len(heights)), heights, color=["#b03a2e" if mine else "#1f4e9c" for mine in own], height=0.6)
        for place, height in enumerate(heights):
            panel.annotate(f" {height:.3g}", (height, place), va="center", fontsize=9)
        name_lines(panel, list(values))
        panel.margins(x=0.15)
    left.set(title="How fast", xlabel="GFLOP/s, on a logarithmic axis", xscale="log")
    right.set(title="Where the time of your rung goes", xlabel="milliseconds")
    return drawing
