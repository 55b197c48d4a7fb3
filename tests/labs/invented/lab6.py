"""Answers to lab 6 that nobody has listed."""

import math

from minidelve.nn.init import fan, fans
from tests.labs.invented.answers import Answers

answers = Answers()
INIT = "minidelve/nn/init.py"


@answers.wrong("fans", "fractions", f"{INIT}:fans")
def _(shape):
    if len(shape) < 2 or 0 in shape:
        raise ValueError(f"init: no fans in {shape}")
    return math.prod(shape) / shape[0], math.prod(shape) / shape[1]


@answers.wrong("fans", "an empty kernel is let through", f"{INIT}:fans")
def _(shape):
    if len(shape) < 2 or 0 in shape[:2]:
        raise ValueError(f"init: no fans in {shape}")
    return math.prod(shape[1:]), math.prod(shape) // shape[1]


@answers.wrong("he_std", "a leak of 0.01 where there is none", f"{INIT}:he_std")
def _(shape, mode="fan_in", a=0.0):
    a = a or 0.01
    return math.sqrt(2 / ((1 + a * a) * fan(shape, mode)))


@answers.wrong("he_std", "the slope once, not squared, when it is below 0", f"{INIT}:he_std")
def _(shape, mode="fan_in", a=0.0):
    return math.sqrt(2 / ((1 + a * abs(a)) * fan(shape, mode)))


@answers.wrong("xavier_std", "the mean of the two deviations", f"{INIT}:xavier_std")
def _(shape, mode="fan_avg"):
    if mode == "fan_avg":
        return sum(1 / math.sqrt(n) for n in fans(shape)) / 2
    return math.sqrt(1 / fan(shape, mode, ("fan_in", "fan_out", "fan_avg")))


@answers.right("fans", "by recursion over the kernel", f"{INIT}:fans")
def fans_of(shape):
    if len(shape) < 2 or not all(shape):
        raise ValueError(f"init: no fans in {shape}")
    if len(shape) == 2:
        return shape[1], shape[0]
    n, nhat = fans_of(shape[:-1])
    return n * shape[-1], nhat * shape[-1]
