"""Lab 6 with dropout: what has been written in place of a standard deviation; and the source's lab, for the fans."""

import math
import runpy
from pathlib import Path

from minidelve.labs.task import Mistakes

SOURCE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "mistakes.py"))
fan_of, fans_of = SOURCE["fan_of"], SOURCE["fans_of"]
mistakes = Mistakes([m for m in SOURCE["mistakes"].known if m.task == "fans"])

ROOT = "a variance in place of a deviation, or another root"
WHICH = "the right rule for another fan"
SLOPE = "what the slope changes"
DROPOUT = "what dropout changes"
KEPT = "With rate p, 1 - p of the numbers are kept"


# ---- he_std


@mistakes.of("he_std", "dr-none", DROPOUT, "p does not count. E[m] is 1, but E[m^2] is not, and (7) has a square.")
def _(shape, mode="fan_in", a=0.0, p=0.0):
    return math.sqrt(2 / ((1 + a * a) * fan_of(shape, mode)))


@mistakes.of(
    "he_std", "dr-inverse", DROPOUT,
    "What is kept is made larger, so E[m^2] = 1 / (1 - p) is above 1: weights must be smaller for it, not larger.",
)  # fmt: skip
def _(shape, mode="fan_in", a=0.0, p=0.0):
    return math.sqrt(2 / ((1 - p) * (1 + a * a) * fan_of(shape, mode)))


@mistakes.of("he_std", "dr-keep", DROPOUT, f"{KEPT}; you took p for the part that is kept.")
def _(shape, mode="fan_in", a=0.0, p=0.0):
    return math.sqrt(2 * (p or 1) / ((1 + a * a) * fan_of(shape, mode)))


@mistakes.of("he_std", "dr-outside", DROPOUT, "1 - p belongs under the root: it is a factor of the variance.")
def _(shape, mode="fan_in", a=0.0, p=0.0):
    return (1 - p) * math.sqrt(2 / ((1 + a * a) * fan_of(shape, mode)))


@mistakes.of("he_std", "dr-forward", DROPOUT, "p counts forward only. On its way back the gradient meets the same m.")
def _(shape, mode="fan_in", a=0.0, p=0.0):
    return math.sqrt(2 * (1 - p if mode == "fan_in" else 1) / ((1 + a * a) * fan_of(shape, mode)))


@mistakes.of(
    "he_std", "dr-plus", DROPOUT,
    "You took E[m^2] for 1 + p. It is the mean of a square: (1 - p) times 1 / (1 - p)^2, and p times 0.",
)  # fmt: skip
def _(shape, mode="fan_in", a=0.0, p=0.0):
    return math.sqrt(2 / ((1 + p) * (1 + a * a) * fan_of(shape, mode)))


@mistakes.of("he_std", "dr-var", ROOT, "That is the variance; a standard deviation is its root.")
def _(shape, mode="fan_in", a=0.0, p=0.0):
    return 2 * (1 - p) / ((1 + a * a) * fan_of(shape, mode))


@mistakes.of("he_std", "dr-noslope", SLOPE, "Right for ReLU. PReLU lets a part of the negative half pass.")
def _(shape, mode="fan_in", a=0.0, p=0.0):
    return math.sqrt(2 * (1 - p) / fan_of(shape, mode))


@mistakes.of("he_std", "dr-mode", WHICH, "It is the fan-in whatever the mode: (14) is the same condition backward.")
def _(shape, mode="fan_in", a=0.0, p=0.0):
    return math.sqrt(2 * (1 - p) / ((1 + a * a) * fans_of(shape)[0]))


@mistakes.of(
    "he_std", "dr-linear", ROOT, "The 1/2 is missing: that is a linear layer's. A ReLU lets half of E[y^2] pass."
)
def _(shape, mode="fan_in", a=0.0, p=0.0):
    return math.sqrt((1 - p) / ((1 + a * a) * fan_of(shape, mode)))


# ---- xavier_std


@mistakes.of("xavier_std", "dx-none", DROPOUT, "p does not count. E[m] is 1, but E[m^2] is not, and (7) has a square.")
def _(shape, mode="fan_avg", p=0.0):
    return math.sqrt(1 / fan_of(shape, mode))


@mistakes.of(
    "xavier_std", "dx-inverse", DROPOUT, "Dropout makes the second moment larger: weights must be smaller for it."
)
def _(shape, mode="fan_avg", p=0.0):
    return math.sqrt(1 / ((1 - p) * fan_of(shape, mode)))


@mistakes.of("xavier_std", "dx-keep", DROPOUT, f"{KEPT}; you took p for the part that is kept.")
def _(shape, mode="fan_avg", p=0.0):
    return math.sqrt((p or 1) / fan_of(shape, mode))


@mistakes.of("xavier_std", "dx-outside", DROPOUT, "1 - p belongs under the root: it is a factor of the variance.")
def _(shape, mode="fan_avg", p=0.0):
    return (1 - p) * math.sqrt(1 / fan_of(shape, mode))


@mistakes.of("xavier_std", "dx-he", ROOT, "The 2 makes up for a rectifier; Xavier's rule knows linear layers only.")
def _(shape, mode="fan_avg", p=0.0):
    return math.sqrt(2 * (1 - p) / fan_of(shape, mode))


@mistakes.of("xavier_std", "dx-sum", WHICH, "The compromise takes the mean of the two fans. You took their sum.")
def _(shape, mode="fan_avg", p=0.0):
    n, nhat = fans_of(shape)
    return math.sqrt((1 - p) / {"fan_in": n, "fan_out": nhat, "fan_avg": n + nhat}[mode])


@mistakes.of("xavier_std", "dx-var", ROOT, "That is the variance; a standard deviation is its root.")
def _(shape, mode="fan_avg", p=0.0):
    return (1 - p) / fan_of(shape, mode)
