"""Lab 4, convolution: what is handed out, and how it is tried."""

import numpy as np

from minidelve.labs.task import Task

TITLE = "Convolution is a matrix product"
READING = ("3. Convolution is a matrix product: minidelve/ops/conv/im2col.py",)
KERNEL, OP = "kernels/reference/im2col.py", "minidelve/ops/conv/im2col.py"
CUTS = {
    KERNEL: ("col2im is its transpose: each cols entry goes back to the x it was copied from, copies add up.",),
    OP: (
        "dE/dW[o, t] = sum_m dE/dy[m, o] ∂y[m, o]/∂W[o, t]. As y is linear, each slope is the other factor:",
        "    dE/db[o]       = sum_m dy[m, o]                    b[o] was added at every position m     (db)",
        "    dE/dW[o, t]    = sum_m dy[m, o] cols[m, t]         dW = dy^T cols                         (dW)",
        "    dE/dcols[m, t] = sum_o dy[m, o] W[o, t]            dcols = dy W                           (dcols)",
        "and as im2col copied x to up to k^2 rows, dE/dx adds all the copies' gradients: col2im, the",
        "transpose of im2col  (dx).",
    ),
}
BEFORE = 7.0  # what lies in an array that is to be overwritten


# -- inputs ------------------------------------------------------------------------------------------
def geometries():
    """By its name: the size of a map, (N, C), kernel, stride, padding."""
    return {
        "a 3 x 3 picture, a 2 x 2 kernel": ((3, 3), (1, 1), (2, 2), (1, 1), (0, 0)),
        "2 channels, a 2 x 3 kernel, a frame of 1": ((3, 4), (1, 2), (2, 3), (1, 1), (1, 1)),
        "2 images, stride (2, 1), padding (1, 2)": ((5, 6), (2, 3), (3, 2), (2, 1), (1, 2)),
        "fields side by side, the last column in none": ((4, 5), (1, 2), (2, 2), (2, 2), (0, 0)),
    }


def pictures(rng, dtype):
    """What im2col is given."""
    return {
        case: {"x": normal(rng, dtype, N, *size, C), "kernel": kernel, "stride": stride, "padding": padding}
        for case, (size, (N, C), kernel, stride, padding) in geometries().items()
    }


def matrices(rng, dtype):
    """What col2im is given: cols of the same geometries."""
    cases = {}
    for case, (size, (N, C), kernel, stride, padding) in geometries().items():
        OH, OW = fit(size, kernel, stride, padding)
        cols = normal(rng, dtype, N, OH, OW, kernel[0] * kernel[1] * C)
        cases[case] = {"cols": cols, "size": size, "kernel": kernel, "stride": stride, "padding": padding}
    return cases


def fit(size, kernel, stride, padding):
    """How many windows fit along each axis."""
    return [(L + 2 * p - k) // s + 1 for L, k, s, p in zip(size, kernel, stride, padding)]


def normal(rng, dtype, *shape):
    return rng.normal(size=shape).astype(dtype)


def large_picture(rng):
    x = normal(rng, np.float32, 1, 512, 512, 1)
    return {"x": x, "kernel": (2, 2), "stride": (1, 1), "padding": (0, 0)}


def large_matrix(rng):
    cols = normal(rng, np.float32, 1, 511, 511, 4)
    return {"cols": cols, "size": (512, 512), "kernel": (2, 2), "stride": (1, 1), "padding": (0, 0)}


def layers(rng, dtype):
    """What the op is given: x (N, H, W, C), w (O, kh, kw, C), dy (N, OH, OW, O)."""
    shapes = {
        "a 3 x 3 picture, 4 filters of 2 x 2": ((1, 3, 3, 1), (4, 2, 2, 1), (1, 1), (0, 0)),
        "3 images of 2 channels, 3 filters of 2 x 3": ((3, 4, 5, 2), (3, 2, 3, 2), (2, 1), (1, 0)),
    }
    cases = {}
    for case, (x, w, stride, padding) in shapes.items():
        OH, OW = fit(x[1:3], w[1:3], stride, padding)
        numbers = {"dy": (x[0], OH, OW, w[0]), "x": x, "w": w}
        drawn = {name: normal(rng, dtype, *shape) for name, shape in numbers.items()}
        cases[case] = {**drawn, "stride": stride, "padding": padding}
    return cases


def responses(rng, dtype):
    """The same with a bias, and with PReLU behind it."""
    few, many = ({name: x for name, x in inputs.items() if name != "dy"} for inputs in layers(rng, dtype).values())
    bias, a = normal(rng, dtype, 3), rng.uniform(0.1, 0.9, 3).astype(dtype)
    return {
        "a 3 x 3 picture, 4 filters of 2 x 2": {**few, "bias": None, "a": None},
        "3 images, 3 filters of 2 x 3, a bias": {**many, "bias": bias, "a": None},
        "3 images, a bias, PReLU": {**many, "bias": bias, "a": a},
    }


def gradients(rng, dtype):
    """The same in pieces of some images, and without dx."""
    few, many = layers(rng, dtype).values()
    return {
        "a 3 x 3 picture, 4 filters of 2 x 2": {**few, "piece": 1, "wants_dx": True},
        "3 images at once, 3 filters of 2 x 3": {**many, "piece": 3, "wants_dx": True},
        "3 images, one at a time": {**many, "piece": 1, "wants_dx": True},
        "3 images, dx is not wanted": {**many, "piece": 3, "wants_dx": False},
    }


# -- calls -------------------------------------------------------------------------------------------
def call_im2col(x, kernel, stride, padding):
    from kernels import reference
    from minidelve.labs.trial.calling import as_output

    cols = as_output("cols", reference.im2col(x, kernel, stride, padding))
    out = np.full_like(cols, BEFORE)
    reference.im2col(x, kernel, stride, padding, out=out)
    return {"cols": cols, "out holds cols": bool(np.array_equal(out, cols))}


def call_col2im(cols, size, kernel, stride, padding):
    from kernels import reference
    from minidelve.labs.trial.calling import as_output

    dx = as_output("dx", reference.col2im(cols, size, kernel, stride, padding))
    out = np.full_like(dx, BEFORE)
    reference.col2im(cols, size, kernel, stride, padding, out=out)
    return {"dx": dx, "out holds dx": bool(np.allclose(out, dx, rtol=1e-4, atol=1e-6, equal_nan=True))}


def op_of(w, stride, padding, a=None):
    """The op as the scaffold prepares it."""
    from minidelve.ops.conv.activation import InPlaceActivation
    from minidelve.ops.conv.im2col import Conv2d

    op = Conv2d()
    op.needs = (True,) * 4
    op.window, op.activation = (w.shape[1:3], stride, padding), InPlaceActivation(a, None)
    return op


def call_respond(x, w, bias, a, stride, padding):
    op = op_of(w, stride, padding, a)
    OH, OW = fit(x.shape[1:3], w.shape[1:3], stride, padding)
    y, cols = (np.full((len(x), OH, OW, n), BEFORE, x.dtype) for n in (len(w), w[0].size))
    op.respond(x, w, bias, y, cols)
    second = np.full_like(y, BEFORE)
    op.respond(1 - x, w, bias, second, cols)
    return {"y": y, "y of other images": second}


def call_gradients(dy, x, w, stride, padding, piece, wants_dx):
    op = op_of(w, stride, padding)
    dx, dw, dbs = np.full_like(x, BEFORE), np.full_like(w, BEFORE), []
    for start in range(0, len(x), piece):
        own = slice(start, start + piece)
        cols = np.full((*dy[own].shape[:3], w[0].size), BEFORE, x.dtype)
        dbs.append(op.gradients(dy[own], x[own], w, dx[own] if wants_dx else None, dw, start == 0, cols))
    return {"dw": dw, "db": sum(dbs[1:], dbs[0]), "dx": dx}


TASKS = [
    Task("im2col", (f"{KERNEL}:im2col",), 2, pictures, call_im2col, large=large_picture),
    Task("col2im", (f"{KERNEL}:col2im",), 3, matrices, call_col2im, large=large_matrix),
    Task("Conv2d.respond", (f"{OP}:Conv2d.respond",), 2, responses, call_respond, needs=("im2col",)),
    Task("Conv2d.gradients", (f"{OP}:Conv2d.gradients",), 3, gradients, call_gradients, needs=("im2col", "col2im")),
]
