"""Lab 6 in other styles."""

import math
from functools import reduce
from operator import mul

import numpy as np

INIT = "minidelve/nn/init.py"


def fans_of(shape):
    from minidelve.nn.init import fans

    return fans(shape)


def unpacked(shape):
    """A star takes the window, whatever it has."""
    try:
        out, into, *window = shape
    except ValueError:
        raise ValueError("a weight has two axes at least") from None
    taps = reduce(mul, window, 1)
    if not out * into * taps:
        raise ValueError("an empty weight")
    return into * taps, out * taps


def by_number_of_axes(shape):
    """A linear layer, then a conv layer."""
    if any(side == 0 for side in shape):
        raise ValueError(f"{shape} is empty")
    if len(shape) == 2:
        return shape[1], shape[0]
    if len(shape) == 4:
        d, c, kh, kw = shape
        return c * kh * kw, d * kh * kw
    raise ValueError(f"{shape} is no weight")


def by_division(shape):
    """All the weights, divided among the filters and among the channels; NumPy's integers."""
    if len(shape) < 2 or np.prod(shape) == 0:
        raise ValueError("no fans")
    return np.prod(shape) // shape[0], np.prod(shape) // shape[1]


def he_by_power(shape, mode="fan_in", a=0.0):
    n, nhat = fans_of(shape)
    return (2.0 / (1.0 + a**2) / (n if mode == "fan_in" else nhat)) ** 0.5


def he_by_gain(shape, mode="fan_in", a=0.0):
    """The gain over a linear layer's deviation, as others write it."""
    gain = np.sqrt(2 / (1 + np.square(a)))
    return gain / np.sqrt(fans_of(shape)[0 if mode == "fan_in" else 1])


def he_by_equation(shape, mode="fan_in", a=0.0):
    """half * n * Var[w] = 1, solved for Var[w]."""
    from minidelve.nn.init import fan

    half = (1 + a * a) / 2
    variance = 1 / (half * fan(shape, mode))
    return math.sqrt(variance)


def xavier_by_cases(shape, mode="fan_avg"):
    n, nhat = fans_of(shape)
    if mode == "fan_avg":
        return math.sqrt(2 / (n + nhat))
    return 1 / math.sqrt(n if mode == "fan_in" else nhat)


def xavier_by_mean(shape, mode="fan_avg"):
    n, nhat = fans_of(shape)
    chosen = {"fan_in": [n], "fan_out": [nhat], "fan_avg": [n, nhat]}[mode]
    return np.mean(chosen) ** -0.5


def xavier_by_he(shape, mode="fan_avg"):
    """A linear layer is a PReLU of slope 1."""
    from minidelve.nn.init import fan, he_std

    if mode != "fan_avg":
        return he_std(shape, mode, a=1.0)
    return math.exp(-0.5 * math.log(fan(shape, mode, ("fan_avg",))))


STYLES = {
    "fans": [{f"{INIT}:fans": body} for body in (unpacked, by_number_of_axes, by_division)],
    "he_std": [{f"{INIT}:he_std": body} for body in (he_by_power, he_by_gain, he_by_equation)],
    "xavier_std": [{f"{INIT}:xavier_std": body} for body in (xavier_by_cases, xavier_by_mean, xavier_by_he)],
}
