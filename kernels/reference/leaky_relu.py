"""Leaky ReLU, and with slope 0 plain ReLU: PReLU whose slope is one fixed number.

ReLU writes 0 itself and not 0 times a number, as 0 * -inf would be NaN. A NaN stays one, so forward asks `y <= 0` and
not `y > 0`. Backward asks PReLU's `y > 0`: the slope at a NaN is the fixed one. ReLU alone hands df on there.
"""

import numpy as np

from kernels.reference.into import into


def leaky_relu_forward(y, slope, bias=None, out=None):
    y = y if bias is None else y + bias
    low = y.dtype.type(slope) * y if slope else y.dtype.type(0)
    return into(out, np.where(y <= 0, low, y))


def leaky_relu_backward(df, y, slope, out=None):
    dy = np.where(y > 0, df, df.dtype.type(slope) * df) if slope else np.where(y <= 0, df.dtype.type(0), df)
    return into(out, dy)
