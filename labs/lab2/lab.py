"""Lab 2, the loss: what is handed out, and how it is tried."""

import numpy as np

from minidelve.labs.task import Task

TITLE = "The loss, how surprised a network is"
READING = ("7. The loss: minidelve/ops/cross_entropy.py",)
SOFTMAX, CROSS_ENTROPY = "minidelve/ops/softmax.py", "minidelve/ops/cross_entropy.py"
LINEAR = "minidelve/ops/linear.py"
CUTS = {
    SOFTMAX: (
        "    log_softmax_i = z_i - log sum_j exp(z_j)",
        "Subtracting the maximum costs nothing, and then exp cannot overflow.",
        "    d log_softmax_i / dz_k = [i = k] - s_k             dz_k = df_k - s_k sum_i df_i",
        "    d softmax_i / dz_k     = s_i ([i = k] - s_k)       dz_k = s_k (df_k - sum_i df_i s_i)",
    ),
    CROSS_ENTROPY: (
        "    dE/dz[n, k] = 1/N (softmax(z_n)[k] - [k = t_n])           [k = t] is 1 if k = t, else 0",
        "the predicted distribution minus the true one.",
    ),
    LINEAR: (
        "    dE/dx[n, i] = sum_o df[n, o] W[o, i]           dx = df W               (dx)",
        "    dE/dW[o, i] = sum_n df[n, o] x[n, i]           dW = df^T x             (dW)",
        "    dE/db[o]    = sum_n df[n, o]                                           (db)",
    ),
}

SCORES = {"2 rows of 3 scores": (2, 3), "5 rows of 4 scores": (5, 4), "one row": (1, 3)}


def scores(rng, dtype):
    """df and z, and the axis along which the classes lie; scores so large that exp of them is infinite at last."""
    cases = {case: {"df": normal(rng, dtype, s), "z": normal(rng, dtype, s), "axis": 1} for case, s in SCORES.items()}
    cases["classes along axis 0"] = {**cases["5 rows of 4 scores"], "axis": 0}
    cases["2 maps of 3 classes, 2 x 2"] = {
        "df": normal(rng, dtype, (2, 3, 2, 2)), "z": normal(rng, dtype, (2, 3, 2, 2)), "axis": 1
    }  # fmt: skip
    large = normal(rng, dtype, (3, 4)) + np.array([[800], [-800], [0]], dtype)
    cases["scores about 800, -800 and 0"] = {"df": normal(rng, dtype, (3, 4)), "z": large, "axis": 1}
    unlike = np.concatenate([normal(rng, dtype, (1, 3)), np.array([[0, -900, 300]], dtype)])
    cases["a row of very unlike scores"] = {"df": normal(rng, dtype, (2, 3)), "z": unlike, "axis": 1}
    return cases


def batches(rng, dtype):
    """z and the right classes, of which one comes twice; and a gradient df that is not 1."""
    cases = {}
    for case, (n, classes) in SCORES.items():
        targets = np.append(rng.permutation(classes), rng.integers(classes, size=n))[:n]
        if n > 2:
            targets[-1] = targets[0]
        cases[case] = {"z": normal(rng, dtype, (n, classes)), "targets": targets}
    cases["a class that no row has"] = {"z": normal(rng, dtype, (3, 4)), "targets": np.array([0, 2, 0])}
    z = normal(rng, dtype, (4, 3)) + np.array([[800], [-800], [0], [1]], dtype)
    cases["scores about 800, -800, 0 and 1"] = {"z": z, "targets": np.array([0, 1, 2, 1])}
    return {case: {"df": np.asarray(rng.uniform(0.2, 0.8), dtype), **inputs} for case, inputs in cases.items()}


def layers(rng, dtype):
    """df (N, out), x (N, in) and W (out, in)."""
    shapes = {"3 images, 2 in, 4 out": (3, 2, 4), "5 images, 4 in, 3 out": (5, 4, 3), "one image": (1, 3, 2)}
    return {case: a_layer(rng, dtype, *shape) for case, shape in shapes.items()}


def a_layer(rng, dtype, n, inputs, outputs):
    shapes = {"df": (n, outputs), "x": (n, inputs), "W": (outputs, inputs)}
    return {name: normal(rng, dtype, shape) for name, shape in shapes.items()}


def normal(rng, dtype, shape):
    return np.asarray(rng.normal(size=shape), dtype)


def many_scores(rng):
    return {"df": normal(rng, np.float32, (25_000, 40)), "z": normal(rng, np.float32, (25_000, 40)), "axis": 1}


def many_rows(rng):
    return {"df": normal(rng, np.float32, (30_000, 16)), "z": normal(rng, np.float32, (30_000, 16)), "axis": 1}


def large_batch(rng):
    return {"df": np.float32(1), "z": normal(rng, np.float32, (25_000, 40)), "targets": rng.integers(40, size=25_000)}


def large_layer(rng):
    return a_layer(rng, np.float32, 200, 100, 100)


def run(Op, df, z, **options):
    """forward's result, and what backward makes of df, twice: it may need again what forward has saved."""
    op = Op()
    op.needs = (True,)
    f = op.forward(z, **options)
    return f, np.array(op.backward(df)), op.backward(df)


def call_softmax(df, z, axis):
    from minidelve.ops.softmax import Softmax

    return {"s": Softmax().forward(z, axis=axis)}


def call_softmax_backward(df, z, axis):
    from minidelve.ops.softmax import Softmax

    _, dz, again = run(Softmax, df, z, axis=axis)
    return {"dz": dz, "dz, a second time": again}


def call_log_probabilities(df, z, axis):
    from minidelve.ops.softmax import log_probabilities

    return {"f": log_probabilities(z, axis)}


def call_log_softmax_backward(df, z, axis):
    from minidelve.ops.softmax import LogSoftmax

    _, dz, again = run(LogSoftmax, df, z, axis=axis)
    return {"dz": dz, "dz, a second time": again}


def call_cross_entropy(df, z, targets):
    from minidelve.ops.cross_entropy import CrossEntropy

    return {"E": CrossEntropy().forward(z, targets=targets)}


def call_cross_entropy_backward(df, z, targets):
    from minidelve.ops.cross_entropy import CrossEntropy

    _, dz, again = run(CrossEntropy, df, z, targets=targets)
    return {"dz": dz, "dz, a second time": again}


def call_linear_backward(df, x, W):
    from minidelve.ops.linear import Linear

    op = Linear()
    op.needs = (True, True, True)
    op.forward(x, W, np.zeros(len(W), W.dtype))
    dx, dW, db = op.backward(df)
    return {"dx": dx, "dW": dW, "db": db}


TASKS = [
    Task("Softmax.forward", (f"{SOFTMAX}:Softmax.forward",), 1, scores, call_softmax, large=many_scores),
    Task("Softmax.backward", (f"{SOFTMAX}:Softmax.backward",), 1, scores, call_softmax_backward,
         needs=("Softmax.forward",), large=many_rows),
    Task("log_probabilities", (f"{SOFTMAX}:log_probabilities",), 2, scores, call_log_probabilities, large=many_scores),
    Task("LogSoftmax.backward", (f"{SOFTMAX}:LogSoftmax.backward",), 1, scores, call_log_softmax_backward,
         needs=("log_probabilities",), large=many_rows),
    Task("CrossEntropy.forward", (f"{CROSS_ENTROPY}:CrossEntropy.forward",), 2, batches, call_cross_entropy,
         needs=("log_probabilities",), large=large_batch),
    Task("CrossEntropy.backward", (f"{CROSS_ENTROPY}:CrossEntropy.backward",), 2, batches, call_cross_entropy_backward,
         needs=("log_probabilities", "CrossEntropy.forward"), large=large_batch),
    Task("Linear.backward", (f"{LINEAR}:Linear.backward",), 1, layers, call_linear_backward, large=large_layer),
]  # fmt: skip
