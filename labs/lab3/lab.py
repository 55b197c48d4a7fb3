"""Lab 3, PReLU: what is handed out, and how it is tried."""

import numpy as np

from minidelve.labs.task import Task

TITLE = "PReLU, a slope that is learned"
READING = ("1. One operation: minidelve/ops/prelu.py",)
KERNEL, OP = "kernels/reference/prelu.py", "minidelve/ops/prelu.py"
CUTS = {
    OP: (
        "    ∂f/∂y   = 1 if y > 0,  a_c otherwise        dy = df * ∂f/∂y      (dy)",
        "    ∂f/∂a_c = 0 if y > 0,  y   otherwise                             (3)",
        "Every position of channel c, in all N images, used the same a_c, so their contributions add up:",
        "    da_c = sum over n and positions of  df * (3)                     (2)",
        "A slope that the layer shares is the same a in every channel, and sums (2) over c too.",
    ),
}


# -- inputs ------------------------------------------------------------------------------------------
def rows(rng, dtype):
    """What a kernel is given: positions (M, C)."""
    cases = {"2 positions, 1 channel": (2, 1), "6 positions, 3 channels": (6, 3), "1 position, 4 channels": (1, 4)}
    drawn = {case: of_shape(rng, dtype, shape) for case, shape in cases.items()}
    drawn["slopes of 0 and 1"] = {**of_shape(rng, dtype, (4, 2)), "a": np.array([0, 1], dtype)}
    return drawn


def maps(rng, dtype):
    """What the op is given behind a conv layer: (N, C, H, W), a slope for each channel."""
    cases = {"1 image of 2 x 2, 2 channels": (1, 2, 2, 2), "2 images of 4 x 5, 3 channels": (2, 3, 4, 5)}
    return {case: of_shape(rng, dtype, shape) for case, shape in cases.items()}


def maps_shared(rng, dtype):
    """The same with one slope for all channels, below 0 in the first case and above in the other."""
    return {case: {**inputs, "a": inputs["a"][-2:-1]} for case, inputs in maps(rng, dtype).items()}


def vectors(rng, dtype):
    """What the op is given behind a fully connected layer: (N, C), with slopes of both kinds."""
    inputs = of_shape(rng, dtype, (3, 4))
    return {"3 vectors of 4 units": inputs, "3 vectors, a shared slope": {**inputs, "a": inputs["a"][:1]}}


def of_shape(rng, dtype, shape):
    """y and df (N, C, ...), and slopes. Each channel has a y below 0, and one above if there are two."""
    N, C, *spatial = shape
    y, df = rng.normal(size=(N, *spatial, C)), rng.normal(size=shape)
    y = y.reshape(-1, C)
    y[0], y[1:2] = -np.abs(y[0]), np.abs(y[1:2])
    y[2:3, -1] = 0.0  # which counts as negative
    y = np.moveaxis(y.reshape(N, *spatial, C), -1, 1)
    a = rng.uniform(0.1, 0.9, C)
    if C > 1:
        a[0], a[-1] = -a[0], 1 + a[-1]  # a learned slope may be anything
    return {"df": df.astype(dtype), "y": y.astype(dtype, order="C"), "a": a.astype(dtype)}


def many_rows(rng):
    return of_shape(rng, np.float32, (20_000, 32))


# -- calls -------------------------------------------------------------------------------------------
def call_forward(df, y, a):
    from kernels import reference

    f = reference.prelu_forward(y, a)
    bias, out, in_place = np.full_like(a, 0.5), np.full_like(y, np.nan), y.copy()
    reference.prelu_forward(y, a, out=out)
    reference.prelu_forward(in_place, a, out=in_place)
    return {
        "f": f,
        "f with a bias": reference.prelu_forward(y, a, bias),
        "out holds f": same(out, f),
        "y holds f, where out is y": same(in_place, f),
    }


def call_backward(df, y, a):
    from kernels import reference

    dy, da = pair(reference.prelu_backward(df, y, a))
    out = np.full_like(dy, np.nan)
    _, again = pair(reference.prelu_backward(df, y, a, out=out))
    return {"dy": dy, "da": da, "out holds dy": same(out, dy), "da is the same with out": same(again, da)}


def pair(result):
    """(dy, da), told from an array of two rows."""
    if not isinstance(result, (tuple, list)) or len(result) != 2 or any(x is None for x in result):
        raise TypeError("what came back is not the pair (dy, da)")
    return result


def same(x, y):
    return np.shape(x) == np.shape(y) and bool(np.allclose(x, y, rtol=1e-4, atol=1e-6, equal_nan=True))


def call_op(df, y, a):
    from minidelve.ops.prelu import PReLU

    op = PReLU()
    op.needs = (True, True)
    f = op.forward(y, a)
    dy, da = pair(op.backward(df))
    return {"f": f, "dy": dy, "da": da}


METHODS, KERNELS = (f"{OP}:PReLU.forward", f"{OP}:PReLU.backward"), ("prelu_forward", "prelu_backward")
TASKS = [
    Task("prelu_forward", (f"{KERNEL}:prelu_forward",), 2, rows, call_forward, large=many_rows),
    Task("prelu_backward", (f"{KERNEL}:prelu_backward",), 4, rows, call_backward, large=many_rows),
    Task("PReLU on maps", METHODS, 2, maps, call_op, needs=KERNELS),
    Task("PReLU on maps, shared slope", METHODS, 1, maps_shared, call_op, needs=KERNELS),
    Task("PReLU on vectors", METHODS, 1, vectors, call_op, needs=KERNELS),
]
