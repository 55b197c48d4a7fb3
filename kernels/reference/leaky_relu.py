"""Leaky ReLU, and with slope 0 plain ReLU: PReLU whose slope is one fixed number.

`y <= 0` and not `y > 0`, so that a NaN stays one; and ReLU of -inf is 0, not 0 * -inf = NaN.
"""

import numpy as np

from kernels.reference.into import into


def leaky_relu_forward(y, slope, bias=None, out=None):
    y = y if bias is None else y + bias
    low = y.dtype.type(slope) * y if slope else y.dtype.type(0)
    return into(out, np.where(y <= 0, low, y))


def leaky_relu_backward(df, y, slope, out=None):
    low = df.dtype.type(slope) * df if slope else df.dtype.type(0)
    return into(out, np.where(y <= 0, low, df))
