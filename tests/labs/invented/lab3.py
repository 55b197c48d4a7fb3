"""Answers to lab 3 that nobody has listed."""

import numpy as np

from kernels.reference.into import into
from minidelve.backend import kernels_for
from minidelve.ops.broadcasting import unbroadcast
from minidelve.ops.calling_kernels import in_kernels_order, over_positions, per_channel
from tests.labs.invented.answers import Answers

answers = Answers()
KERNEL, OP = "kernels/reference/prelu.py", "minidelve/ops/prelu.py"
ROOM = {}


@answers.wrong("prelu_forward", "the same array for every result", f"{KERNEL}:prelu_forward")
def _(y, a, bias=None, out=None):
    y = y if bias is None else y + bias
    out = ROOM.setdefault((y.shape, y.dtype), np.empty_like(y)) if out is None else out
    out[...] = np.where(y > 0, y, a * y)
    return out


@answers.wrong("prelu_forward", "the sign before the bias", f"{KERNEL}:prelu_forward")
def _(y, a, bias=None, out=None):
    slopes = np.where(y > 0, np.ones_like(a), a)
    return into(out, slopes * (y if bias is None else y + bias))


@answers.wrong("prelu_backward", "halfway at 0", f"{KERNEL}:prelu_backward")
def _(df, y, a, out=None):
    slopes = (1 + a + (1 - a) * np.sign(y)) / 2
    return into(out, df * slopes), (df * np.minimum(y, 0)).sum(axis=0)


@answers.wrong("prelu_backward", "negative where the gradient changed", f"{KERNEL}:prelu_backward")
def _(df, y, a, out=None):
    dy = np.where(y > 0, df, a * df)
    return into(out, dy), np.where(dy != df, df * y, np.zeros_like(y)).sum(axis=0)


@answers.wrong("prelu_backward", "y found again from f", f"{KERNEL}:prelu_backward")
def _(df, y, a, out=None):
    f = np.where(y > 0, y, a * y)
    dy = df * np.where(y > 0, np.ones_like(a), a)
    return into(out, dy), (df * np.where(y > 0, np.zeros_like(y), f / a)).sum(axis=0)


@answers.wrong("PReLU on maps", "the sign of f for that of y", f"{OP}:PReLU.forward")
def _(self, y, a):
    y = in_kernels_order(y)
    f = over_positions(kernels_for(y, a).prelu_forward, [y], per_channel(a, y))
    self.save(f, a)
    return f


@answers.right("prelu_backward", "a loop over channels and masks", f"{KERNEL}:prelu_backward")
def _(df, y, a, out=None):
    dy, da = df.copy(), np.zeros_like(a)
    for c in range(len(a)):
        negative = y[:, c] <= 0
        dy[negative, c] *= a[c]
        da[c] = df[negative, c] @ y[negative, c]
    return into(out, dy), da


@answers.right("prelu_forward", "its own copy, in place", f"{KERNEL}:prelu_forward")
def _(y, a, bias=None, out=None):
    f = y.copy()
    if bias is not None:
        f += bias
    np.multiply(f, a, out=f, where=f <= 0)
    return into(out, f)


@answers.right("PReLU on maps", "a slope of its own sum", f"{OP}:PReLU.backward")
def _(self, df):
    y, a = self.saved
    dy, da = over_positions(kernels_for(df, y, a).prelu_backward, [df, y], per_channel(a, y))
    return dy, np.add.reduceat(da, [0]) if len(a) == 1 else unbroadcast(da, a.shape)
