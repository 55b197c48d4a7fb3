"""The right bodies of initialization with dropout, which the product does not have."""

import math


def he_std(shape, mode="fan_in", a=0.0, p=0.0):
    from minidelve.nn.init import fan

    return math.sqrt(2 * (1 - p) / ((1 + a * a) * fan(shape, mode)))


def xavier_std(shape, mode="fan_avg", p=0.0):
    from minidelve.nn.init import fan

    return math.sqrt((1 - p) / fan(shape, mode, ("fan_in", "fan_out", "fan_avg")))


BODIES = {"minidelve/nn/init.py:he_std": he_std, "minidelve/nn/init.py:xavier_std": xavier_std}
