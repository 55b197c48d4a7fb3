"""Lab 6, initialization: what is handed out, and how it is tried."""

from minidelve.labs.task import Task

TITLE = "Initialization, a signal that arrives"
READING = ("5. How to start: minidelve/nn/init.py",)
INIT = "minidelve/nn/init.py"
CUTS = {
    INIT: (
        "    1/2 n_l Var[w_l] = 1      std = sqrt(2 / n_l)                                           (10)",
        "    1/2 nhat_l Var[w_l] = 1   std = sqrt(2 / nhat_l)                                        (14)",
        "So 1/2 becomes (1 + a^2) / 2:",
        "    1/2 (1 + a^2) n_l Var[w_l] = 1    std = sqrt(2 / ((1 + a^2) n_l))                      (10a)",
        "    Var[w] = 1/n,    1/nhat,    2 / (n + nhat)",
        "He's std is sqrt(2) times as large: over L rectifier layers Xavier multiplies the signal's standard deviation",
        "by 2^(-(L-1)/2), the L - 1 factors of (9). At L = 30 that is 4e-5.",
        "    A kernel of several taps multiplies both: (d, c, kh, kw) -> (kh kw c, kh kw d).",
        "    That is sqrt(1/n) for \"fan_in\", sqrt(1/nhat) for \"fan_out\", sqrt(2 / (n + nhat)) for \"fan_avg\".",
        "    It is N(0, 2 / ((1 + a^2) n)).",
        "    Its bound is sqrt(6 / ((1 + a^2) n)).",
        "    They are N(0, 2 / (n + nhat)) and N(0, 1 / n).",
        "    Its bound is sqrt(6 / (n + nhat)).",
    ),
}  # fmt: skip
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
    """ReLU first, forward and backward; then slopes of both signs."""
    cases, slopes = {}, (0.0, 0.25, -0.5, 1.0)
    for slope in slopes:
        for mode in ("fan_in", "fan_out"):
            for case, shape in shapes(rng).items():
                cases[f"{case}, {mode}, a = {slope:g}"] = {"shape": shape, "mode": mode, "a": slope}
    return cases


def modes(rng, dtype):
    """Every weight in every mode."""
    return {
        f"{case}, {mode}": {"shape": shape, "mode": mode}
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


def call_he(shape, mode, a):
    from minidelve.nn.init import he_std

    return {"std": he_std(tuple(shape), mode, a), "std of the shape alone": he_std(tuple(shape))}


def call_xavier(shape, mode):
    from minidelve.nn.init import xavier_std

    return {"std": xavier_std(tuple(shape), mode), "std of the shape alone": xavier_std(tuple(shape))}


TASKS = [
    Task("fans", (f"{INIT}:fans",), 3, weights, call_fans),
    Task("he_std", (f"{INIT}:he_std",), 4, starts, call_he, needs=("fans",)),
    Task("xavier_std", (f"{INIT}:xavier_std",), 3, modes, call_xavier, needs=("fans",)),
]
