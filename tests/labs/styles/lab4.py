"""Right answers to lab 4's tasks in other styles than the product's."""

import numpy as np

IM2COL, COL2IM = "kernels/reference/im2col.py:im2col", "kernels/reference/im2col.py:col2im"
RESPOND, GRADIENTS = "minidelve/ops/conv/im2col.py:Conv2d.respond", "minidelve/ops/conv/im2col.py:Conv2d.gradients"


# -- im2col ------------------------------------------------------------------------------------------
def im2col_tap_by_tap(x, kernel, stride, padding, out=None):
    (kh, kw), (sh, sw), (ph, pw) = kernel, stride, padding
    N, H, W, C = x.shape
    OH, OW = (H + 2 * ph - kh) // sh + 1, (W + 2 * pw - kw) // sw + 1
    framed = np.zeros((N, H + 2 * ph, W + 2 * pw, C), x.dtype)
    framed[:, ph : ph + H, pw : pw + W] = x
    cols = np.empty((N, OH, OW, kh * kw * C), x.dtype) if out is None else out
    for u in range(kh):
        for v in range(kw):
            t = (u * kw + v) * C
            cols[..., t : t + C] = framed[:, u : u + (OH - 1) * sh + 1 : sh, v : v + (OW - 1) * sw + 1 : sw]
    return cols


def im2col_by_index(x, kernel, stride, padding, out=None):
    N, H, W, C = x.shape
    framed = np.pad(x, [(0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0)])
    rows, columns = (
        np.arange((L + 2 * p - k) // s + 1)[:, None] * s + np.arange(k)
        for L, k, s, p in zip((H, W), kernel, stride, padding)
    )
    cols = framed[:, rows[:, None, :, None], columns[None, :, None, :]]
    cols = cols.reshape(N, len(rows), len(columns), -1)
    if out is None:
        return cols
    out[:] = cols
    return out


def im2col_by_strides(x, kernel, stride, padding, out=None):
    framed = np.ascontiguousarray(np.pad(x, [(0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0)]))
    (kh, kw), (sh, sw) = kernel, stride
    N, H, W, C = framed.shape
    n, h, w, c = framed.strides
    shape = N, (H - kh) // sh + 1, (W - kw) // sw + 1, kh, kw, C
    view = np.lib.stride_tricks.as_strided(framed, shape, (n, h * sh, w * sw, h, w, c), writeable=False)
    cols = np.array(view).reshape(*shape[:3], kh * kw * C)
    if out is not None:
        np.copyto(out, cols)
        return out
    return cols


# -- col2im ------------------------------------------------------------------------------------------
def col2im_with_add_at(cols, size, kernel, stride, padding, out=None):
    (kh, kw), (ph, pw), (H, W) = kernel, padding, size
    N, OH, OW, K = cols.shape
    framed = np.zeros((N, H + 2 * ph, W + 2 * pw, K // (kh * kw)), cols.dtype)
    rows = np.arange(OH)[:, None] * stride[0] + np.arange(kh)
    columns = np.arange(OW)[:, None] * stride[1] + np.arange(kw)
    where = slice(None), rows[:, None, :, None], columns[None, :, None, :]
    np.add.at(framed, where, cols.reshape(N, OH, OW, kh, kw, -1))
    dx = framed[:, ph : ph + H, pw : pw + W]
    if out is None:
        return dx
    out[...] = dx
    return out


def col2im_row_by_row(cols, size, kernel, stride, padding, out=None):
    """The taps that leave the map are cut off before they are added; no frame."""
    (kh, kw), (sh, sw), (ph, pw), (H, W) = kernel, stride, padding, size
    N, OH, OW, K = cols.shape
    dx = np.zeros((N, H, W, K // (kh * kw)), cols.dtype)
    cols = cols.reshape(N, OH, OW, kh, kw, -1)
    for i in range(OH):
        for u in range(kh):
            r = i * sh + u - ph
            for v in range(kw):
                columns = np.arange(OW) * sw + v - pw
                inside = (columns >= 0) & (columns < W)
                if 0 <= r < H:
                    dx[:, r, columns[inside]] += cols[:, i, inside, u, v]
    if out is None:
        return dx
    out[...] = dx
    return out


def col2im_with_bincount(cols, size, kernel, stride, padding, out=None):
    (kh, kw), (sh, sw), (ph, pw), (H, W) = kernel, stride, padding, size
    N, OH, OW, K = cols.shape
    C = K // (kh * kw)
    shape = N, H + 2 * ph, W + 2 * pw, C
    n, i, j, u, v, c = np.indices((N, OH, OW, kh, kw, C), sparse=True)
    places = np.ravel_multi_index(np.broadcast_arrays(n, i * sh + u, j * sw + v, c), shape)
    framed = np.bincount(places.ravel(), cols.ravel(), np.prod(shape)).reshape(shape).astype(cols.dtype)
    dx = framed[:, ph : ph + H, pw : pw + W]
    if out is not None:
        out[...] = dx
    return dx if out is None else out


# -- Conv2d.respond ----------------------------------------------------------------------------------
def respond_with_at(self, x, w, bias, y, cols):
    from kernels.reference import im2col

    im2col(x, *self.window, out=cols)
    y[...] = cols @ w.reshape(len(w), -1).T
    self.activation.apply(y, bias)


def respond_with_einsum(self, x, w, bias, y, cols):
    from minidelve.backend import kernels_for

    cols = kernels_for(x).im2col(x, *self.window)
    np.einsum("nijt,ot->nijo", cols, w.reshape(len(w), -1), out=y)
    self.activation.apply(y, bias)


def respond_image_by_image(self, x, w, bias, y, cols):
    from minidelve.backend import kernels_for
    from minidelve.ops.conv.im2col import filters

    for n in range(len(x)):
        own = kernels_for(x).im2col(x[n : n + 1], *self.window)[0]
        y[n] = np.tensordot(own, filters(w), axes=(2, 1))
        if bias is not None:
            y[n] += bias
    self.activation.apply(y)


# -- Conv2d.gradients --------------------------------------------------------------------------------
def gradients_with_einsum(self, dy, x, w, dx, dw, first, cols):
    from kernels import reference

    W = w.reshape(len(w), -1)
    cols = reference.im2col(x, *self.window)
    dW = np.einsum("nijo,nijt->ot", dy, cols).reshape(w.shape)
    dw[...] = dW if first else dw + dW
    if dx is not None:
        reference.col2im(np.einsum("nijo,ot->nijt", dy, W), x.shape[1:3], *self.window, out=dx)
    return np.einsum("nijo->o", dy)


def gradients_image_by_image(self, dy, x, w, dx, dw, first, cols):
    from minidelve.backend import kernels_for

    kernels, W, O = kernels_for(x), w.reshape(len(w), -1), len(w)
    if first:
        dw[:] = 0
    db = np.zeros(O, dy.dtype)
    for n in range(len(x)):
        rows = dy[n].reshape(-1, O)
        dw += (rows.T @ kernels.im2col(x[n : n + 1], *self.window).reshape(len(rows), -1)).reshape(w.shape)
        db += rows.sum(axis=0)
        if dx is not None:
            dcols = (rows @ W).reshape(1, *dy.shape[1:3], -1)
            dx[n : n + 1] = kernels.col2im(dcols, x.shape[1:3], *self.window)
    return db


def gradients_with_tensordot(self, dy, x, w, dx, dw, first, cols):
    from minidelve.backend import kernels_for

    kernels_for(x).im2col(x, *self.window, out=cols)
    positions = 0, 1, 2
    dW = np.tensordot(dy, cols, axes=(positions, positions))
    if first:
        dw[...] = dW.reshape(dw.shape)
    else:
        dw += dW.reshape(dw.shape)
    if dx is not None:
        dcols = np.tensordot(dy, w.reshape(len(w), -1), axes=(3, 0))
        dx[...] = kernels_for(x).col2im(dcols, x.shape[1:3], *self.window)
    return dy.sum(axis=positions)


STYLES = {
    "im2col": [{IM2COL: body} for body in (im2col_tap_by_tap, im2col_by_index, im2col_by_strides)],
    "col2im": [{COL2IM: body} for body in (col2im_with_add_at, col2im_row_by_row, col2im_with_bincount)],
    "Conv2d.respond": [{RESPOND: body} for body in (respond_with_at, respond_with_einsum, respond_image_by_image)],
    "Conv2d.gradients": [
        {GRADIENTS: body} for body in (gradients_with_einsum, gradients_image_by_image, gradients_with_tensordot)
    ],
}
