"""Lab 6 with dropout: what is handed out, and how it is tried."""

from minidelve.labs.task import Task

TITLE = "Initialization, with dropout on the way"
READING = ("5. How to start: minidelve/nn/init.py", "minidelve/ops/dropout.py")
INIT = "minidelve/nn/init.py"
# What has no fans: asked beside every weight, so that who forgets it is told of the fans all the same.
REFUSED = {"a bias": [(7,), ()], "an empty weight": [(4, 0), (4, 3, 0, 2)]}


def shapes(rng):
    """Weights of linear and conv layers, no two sides alike: what is exchanged shows."""
    out, into, side, wide = (int(x) for x in rng.permutation([5, 6, 7, 11]))
    k = int(rng.integers(3, 6))
    return {
        f"linear, {into} to {out}": (out, into),
        f"conv, {k} x {k}": (side, wide, k, k),
        "conv, 2 x 4": (out, side, 2, 4),
        "conv, 1 x 1": (wide, into, 1, 1),
    }


def weights(rng, dtype):
    """Weights that have fans."""
    return {case: {"shape": shape} for case, shape in shapes(rng).items()}


def starts(rng, dtype):
    """ReLU without dropout first; then slopes and rates."""
    cases = {}
    for slope, p in ((0.0, 0.0), (0.0, 0.2), (0.25, 0.5), (-0.5, 0.3), (1.0, 0.75)):
        for mode in ("fan_in", "fan_out"):
            for case, shape in shapes(rng).items():
                inputs = {"shape": shape, "mode": mode, "a": slope, "p": p}
                cases[f"{case}, {mode}, a = {slope:g}, p = {p:g}"] = inputs
    return cases


def modes(rng, dtype):
    """Every weight in every mode, at several rates."""
    return {
        f"{case}, {mode}, p = {p:g}": {"shape": shape, "mode": mode, "p": p}
        for p in (0.0, 0.2, 0.75)
        for mode in ("fan_in", "fan_out", "fan_avg")
        for case, shape in shapes(rng).items()
    }


def call_fans(shape):
    from minidelve.nn.init import fans

    return {"fans": fans(tuple(shape))} | {
        f"{what} raises ValueError": all(raises_value_error(fans, each) for each in refused)
        for what, refused in REFUSED.items()
    }


def raises_value_error(function, *args):
    try:
        function(*args)
    except ValueError:
        return True
    except Exception:  # another error is no answer
        return False
    return False


def call_he(shape, mode, a, p):
    from minidelve.nn.init import he_std

    return {"std": he_std(tuple(shape), mode, a, p), "std without dropout": he_std(tuple(shape), mode, a)}


def call_xavier(shape, mode, p):
    from minidelve.nn.init import xavier_std

    return {"std": xavier_std(tuple(shape), mode, p), "std without dropout": xavier_std(tuple(shape), mode)}


TASKS = [
    Task("fans", (f"{INIT}:fans",), 3, weights, call_fans),
    Task("he_std", (f"{INIT}:he_std",), 4, starts, call_he, needs=("fans",)),
    Task("xavier_std", (f"{INIT}:xavier_std",), 3, modes, call_xavier, needs=("fans",)),
]
