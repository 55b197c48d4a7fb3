"""Right answers to lab 3's variant with two slopes in other styles than right.py's."""

import numpy as np

FORWARD, BACKWARD = "kernels/reference/prelu.py:prelu_forward", "kernels/reference/prelu.py:prelu_backward"
OP = "minidelve/ops/prelu.py:PReLU"


# -- the kernels -------------------------------------------------------------------------------------
def forward_of_two_halves(y, a, bias=None, out=None):
    a, b = a if a.ndim == 2 else (a, 1)
    if bias is not None:
        y = y + bias
    f = b * np.maximum(y, 0) + a * np.minimum(y, 0)
    if out is None:
        return f
    out[...] = f
    return out


def forward_with_where(y, a, bias=None, out=None):
    y = y if bias is None else y + bias
    below = a if a.ndim == 1 else a[0]
    above = np.ones_like(a) if a.ndim == 1 else a[1]
    f = np.where(y > 0, above * y, below * y)
    if out is not None:
        np.copyto(out, f)
        return out
    return f


def forward_channel_by_channel(y, a, bias=None, out=None):
    f = np.empty_like(y) if out is None else out
    for c in range(y.shape[1]):
        column = y[:, c] if bias is None else y[:, c] + bias[c]
        low, high = (a[c], 1) if a.ndim == 1 else a[:, c]
        f[:, c] = np.where(column > 0, column * high, column * low)
    return f


def backward_with_masks(df, y, a, out=None):
    two = a if a.ndim == 2 else np.vstack([a, np.ones_like(a)])
    halves = np.stack([y <= 0, y > 0]).astype(y.dtype)
    dy = df * (halves * two[:, None]).sum(axis=0)
    da = (halves * y * df).sum(axis=1)
    if out is not None:
        out[...] = dy
    return (dy if out is None else out), da if a.ndim == 2 else da[0]


def backward_with_einsum(df, y, a, out=None):
    da = np.einsum("mc,kmc->kc", df, np.stack([np.minimum(y, 0), np.maximum(y, 0)]))
    below, above = a if a.ndim == 2 else (a, np.ones_like(a))
    dy = np.multiply(df, np.where(y > 0, above, below), out=out)
    return dy, da if a.ndim == 2 else da[0]


def backward_channel_by_channel(df, y, a, out=None):
    dy, da = np.empty_like(y) if out is None else out, np.zeros_like(a)
    for c in range(y.shape[1]):
        up = y[:, c] > 0
        dy[:, c] = df[:, c] * np.where(up, 1 if a.ndim == 1 else a[1, c], a[c] if a.ndim == 1 else a[0, c])
        product = df[:, c] * y[:, c]
        if a.ndim == 1:
            da[c] = product[~up].sum()
        else:
            da[:, c] = product[~up].sum(), product[up].sum()
    return dy, da


# -- the op ------------------------------------------------------------------------------------------
def beside(slopes, y):
    """Slopes (C,) or (1,) beside y (N, C, ...)."""
    return slopes.reshape(1, -1, *[1] * (y.ndim - 2))


def save_and_apply(self, y, a):
    self.save(y, a)
    below, above = a if a.ndim == 2 else (a, np.ones_like(a))
    return y * np.where(y > 0, beside(above, y), beside(below, y))


def over_all_other_axes(self, df):
    y, a = self.saved
    below, above = a if a.ndim == 2 else (a, np.ones_like(a))
    axes = (0, *range(2, y.ndim))
    da = np.stack([(df * np.minimum(y, 0)).sum(axis=axes), (df * np.maximum(y, 0)).sum(axis=axes)])
    if a.shape[-1] == 1:
        da = da.sum(axis=1, keepdims=True)
    return df * np.where(y > 0, beside(above, y), beside(below, y)), da if a.ndim == 2 else da[0]


def one_row_at_a_time(self, df):
    y, a = self.saved
    factor, gradients = np.ones_like(y), []
    for slopes, half in zip(a if a.ndim == 2 else a[None], (y <= 0, y > 0)):
        factor = np.where(half, beside(slopes, y), factor)
        terms = np.moveaxis(np.where(half, df * y, 0), 1, 0).reshape(y.shape[1], -1).sum(axis=1)
        gradients.append(terms if len(slopes) == len(terms) else terms.sum(keepdims=True))
    return df * factor, np.array(gradients, y.dtype).reshape(a.shape)


def rows_for_the_kernel(self, df):
    from kernels import reference

    y, a = self.saved
    rows = [np.ascontiguousarray(np.moveaxis(x, 1, -1)).reshape(-1, y.shape[1]) for x in (df, y)]
    slopes = a + np.zeros(y.shape[1], a.dtype)
    dy, da = reference.prelu_backward(*rows, slopes)
    da = da if a.shape[-1] == y.shape[1] else da.sum(axis=-1, keepdims=True)
    return np.moveaxis(dy.reshape(np.moveaxis(y, 1, -1).shape), -1, 1), da


OPS = [
    {f"{OP}.forward": save_and_apply, f"{OP}.backward": backward}
    for backward in (over_all_other_axes, one_row_at_a_time, rows_for_the_kernel)
]
STYLES = {
    "prelu_forward": [
        {FORWARD: body} for body in (forward_of_two_halves, forward_with_where, forward_channel_by_channel)
    ],
    "prelu_backward": [
        {BACKWARD: body} for body in (backward_with_masks, backward_with_einsum, backward_channel_by_channel)
    ],
    "PReLU on maps": OPS,
    "PReLU on maps, shared slopes": OPS,
    "PReLU on vectors": OPS,
}
