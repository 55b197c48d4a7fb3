"""PReLU and its gradient (paper, equations (1) to (3)), channels last: y (M, C), a (C,)."""

import numpy as np

from kernels.reference.into import into


def prelu_forward(y, a, bias=None, out=None):
    y = y if bias is None else y + bias
    return into(out, np.where(y > 0, y, a * y))  # (1)


def prelu_backward(df, y, a, out=None):
    dy = df * np.where(y > 0, np.ones_like(a), a)  # (dy); ones_like, not 1: the dtype stays a's
    da = (df * np.where(y > 0, np.zeros_like(y), y)).sum(axis=0)  # (2), (3)
    return into(out, dy), da
