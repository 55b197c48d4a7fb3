"""Lab 3, PReLU: what is handed out, and how it is tried."""

import numpy as np

from minidelve.labs.task import Task

TITLE = "PReLU: a slope that is learned"
READING = ("1. One operation: minidelve/ops/prelu.py",)
KERNEL, OP = "kernels/reference/prelu.py", "minidelve/ops/prelu.py"
CUTS = {
    OP: (
        "    ∂f/∂y   = 1 if y > 0,  a_c otherwise        dy = df * ∂f/∂y      (dy)",
        "    ∂f/∂a_c = 0 if y > 0,  y   otherwise                             (3)",
        "    da_c = sum over n and positions of  df * (3)                     (2)",
        "A slope that the layer shares is the same a in every channel, and sums (2) over c too.",
    ),
}


def rows(rng, dtype):
    """What a kernel is given: positions (M, C), slopes of both signs."""
    cases = {"2 positions, 1 channel": (2, 1), "6 positions, 3 channels": (6, 3), "one position": (1, 4)}
    return {case: of_shape(rng, dtype, shape) for case, shape in cases.items()}


def maps(rng, dtype):
    """What the op is given: y (N, C, H, W), a slope for each channel."""
    shapes = {"one image of 2 x 2": (1, 2, 2, 2), "2 images of 3 x 5": (2, 3, 3, 5)}
    return {case: of_shape(rng, dtype, shape) for case, shape in shapes.items()}


def shared(rng, dtype):
    """The same with one slope for all channels."""
    return {case: {**inputs, "a": inputs["a"][:1]} for case, inputs in maps(rng, dtype).items()}


def of_shape(rng, dtype, shape):
    y, df = rng.normal(size=shape), rng.normal(size=shape)
    y.flat[0] = 0.0  # which counts as negative
    a = rng.uniform(0.1, 0.9, shape[1]) * rng.choice([-1, 1], shape[1])
    return {"df": df.astype(dtype), "y": y.astype(dtype), "a": a.astype(dtype)}


def many_rows(rng):
    return of_shape(rng, np.float32, (20_000, 32))


def call_forward(df, y, a):
    from kernels import reference

    out, bias = np.empty_like(y), np.full_like(a, 0.5)
    reference.prelu_forward(y, a, out=out)
    return {"f": reference.prelu_forward(y, a), "out": out, "with a bias": reference.prelu_forward(y, a, bias)}


def call_backward(df, y, a):
    from kernels import reference

    out = np.empty_like(y)
    reference.prelu_backward(df, y, a, out=out)
    dy, da = reference.prelu_backward(df, y, a)
    return {"dy": dy, "da": da, "out": out}


def call_op(df, y, a):
    from minidelve.ops.prelu import PReLU

    op = PReLU()
    op.needs = (True, True)
    f = op.forward(y, a)
    dy, da = op.backward(df)
    return {"f": f, "dy": dy, "da": da}


TASKS = [
    Task("prelu_forward", (f"{KERNEL}:prelu_forward",), 2, rows, call_forward, large=many_rows),
    Task("prelu_backward", (f"{KERNEL}:prelu_backward",), 5, rows, call_backward, large=many_rows),
    Task("PReLU.backward", (f"{OP}:PReLU.backward",), 1, maps, call_op, needs=("prelu_forward", "prelu_backward")),
    Task("PReLU.backward, shared slope", (f"{OP}:PReLU.backward",), 2, shared, call_op,
         needs=("prelu_forward", "prelu_backward")),
]  # fmt: skip
