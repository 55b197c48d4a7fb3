"""Lab 3: what has been written in place of PReLU and its gradient, and what to say to it."""

import numpy as np

from kernels.reference.into import into
from minidelve.labs.task import Mistakes

mistakes = Mistakes()

NOT_SUMMED = "a sum over the wrong axes"
MEAN = "a mean where a sum belongs"
SLOPE = "another local slope than (3)"


@mistakes.of(
    "prelu_backward", "pb-mean", MEAN, "(2) is a sum. With a mean the slope would learn N H W times too slowly."
)
def _(df, y, a, out=None):
    dy = df * np.where(y > 0, np.ones_like(a), a)
    return into(out, dy), (df * np.where(y > 0, np.zeros_like(y), y)).mean(axis=0)


@mistakes.of("prelu_backward", "pb-nodf", SLOPE, "The local slope (3) is right but df is missing in (2).")
def _(df, y, a, out=None):
    dy = df * np.where(y > 0, np.ones_like(a), a)
    return into(out, dy), np.where(y > 0, np.zeros_like(y), y).sum(axis=0)


@mistakes.of("prelu_backward", "pb-dyrelu", SLOPE, "dy is ReLU's: 0 for y <= 0. PReLU lets a part through.")
def _(df, y, a, out=None):
    return into(out, df * (y > 0)), (df * np.where(y > 0, np.zeros_like(y), y)).sum(axis=0)
