"""Lab 6 with dropout, in other styles."""

import math
import runpy
from pathlib import Path

import numpy as np

INIT = "minidelve/nn/init.py"
SOURCE = runpy.run_path(str(Path(__file__).with_name("lab6.py")))["STYLES"]


def fan_of(shape, mode):
    from minidelve.nn.init import fans

    n, nhat = fans(shape)
    return {"fan_in": n, "fan_out": nhat, "fan_avg": (n + nhat) / 2}[mode]


def he_by_moments(shape, mode="fan_in", a=0.0, p=0.0):
    """Each second moment by its name."""
    of_the_rectifier, of_dropout = (1 + a * a) / 2, 1 / (1 - p)
    return (fan_of(shape, mode) * of_the_rectifier * of_dropout) ** -0.5


def he_by_expectation(shape, mode="fan_in", a=0.0, p=0.0):
    """E[m^2] and E[f^2] as sums over what may happen."""
    m = np.dot([p, 1 - p], np.square([0, 1 / (1 - p)]))
    f = np.mean([1, a**2])
    return np.sqrt(1 / (fan_of(shape, mode) * m * f))


def he_by_logarithm(shape, mode="fan_in", a=0.0, p=0.0):
    log_variance = math.log(2) + math.log1p(-p) - math.log1p(a * a) - math.log(fan_of(shape, mode))
    return math.exp(log_variance / 2)


def xavier_by_root(shape, mode="fan_avg", p=0.0):
    return math.sqrt(1 - p) / math.sqrt(fan_of(shape, mode))


def xavier_by_he(shape, mode="fan_avg", p=0.0):
    from minidelve.nn.init import he_std

    if mode == "fan_avg":
        return (fan_of(shape, mode) / (1 - p)) ** -0.5
    return he_std(shape, mode, 1.0, p)


def xavier_by_numpy(shape, mode="fan_avg", p=0.0):
    keep = np.float64(1) - p
    return np.sqrt(keep / fan_of(shape, mode))


STYLES = {
    "fans": SOURCE["fans"],
    "he_std": [{f"{INIT}:he_std": body} for body in (he_by_moments, he_by_expectation, he_by_logarithm)],
    "xavier_std": [{f"{INIT}:xavier_std": body} for body in (xavier_by_root, xavier_by_he, xavier_by_numpy)],
}
