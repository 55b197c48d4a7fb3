"""The answers of lab 3 with two slopes that the source does not have.

    df/dy = b if y > 0, a otherwise         df/da = 0 if y > 0, y otherwise         df/db = y if y > 0, 0 otherwise

and the slopes' gradients are sums over all positions of df times these.
"""

import numpy as np

from kernels.reference.into import into


def two(a):
    """Slopes (2, C); PReLU's (C,) have 1 above 0."""
    return a if a.ndim == 2 else np.stack([a, np.ones_like(a)])


def prelu_forward(y, a, bias=None, out=None):
    below, above = two(a)
    y = y if bias is None else y + bias
    return into(out, y * np.where(y > 0, above, below))


def prelu_backward(df, y, a, out=None):
    below, above = two(a)
    dy = df * np.where(y > 0, above, below)
    da = np.stack([(df * np.minimum(y, 0)).sum(axis=0), (df * np.maximum(y, 0)).sum(axis=0)])
    return into(out, dy), da if a.ndim == 2 else da[0]


def spread(a, y):
    """The slopes of every channel side by side, as the kernels want them."""
    return np.ascontiguousarray(np.broadcast_to(a, (*a.shape[:-1], y.shape[1])), y.dtype)


def forward(self, y, a):
    from minidelve.backend import kernels_for
    from minidelve.ops.calling_kernels import in_kernels_order, over_positions

    y = in_kernels_order(y)
    self.save(y, a)
    return over_positions(kernels_for(y, a).prelu_forward, [y], spread(a, y))


def backward(self, df):
    from minidelve.backend import kernels_for
    from minidelve.ops.broadcasting import unbroadcast
    from minidelve.ops.calling_kernels import over_positions

    y, a = self.saved
    dy, da = over_positions(kernels_for(df, y, a).prelu_backward, [df, y], spread(a, y))
    return dy, unbroadcast(da, a.shape)


BODIES = {
    "kernels/reference/prelu.py:prelu_forward": prelu_forward,
    "kernels/reference/prelu.py:prelu_backward": prelu_backward,
    "minidelve/ops/prelu.py:PReLU.forward": forward,
    "minidelve/ops/prelu.py:PReLU.backward": backward,
}
