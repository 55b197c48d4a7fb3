"""Lab 4: what has been written in place of im2col, col2im and a convolution's gradients, and what to say to it."""

import numpy as np

from kernels.reference.into import into
from minidelve.backend import kernels_for
from minidelve.labs.task import Mistakes

mistakes = Mistakes()

IM2COL, COL2IM, RESPOND, GRADIENTS = "im2col", "col2im", "Conv2d.respond", "Conv2d.gradients"

ORDER = "the numbers of a row in another order than (u, v, c)"
FRAME = "the frame of zeros"
GEOMETRY = "how many windows fit, and where they begin"
COPIES = "copies that overwrite one another, or are averaged"
PLACE = "the result is not where it is looked for"
SUM = "a sum over the wrong axes"
MEAN = "a mean where a sum belongs"
PIECES = "right for one piece, wrong for several"
PRODUCT = "another product than the chain rule's"
NO_OUT = "`out` is not written over, whatever it held: whoever gave it looks for the result there."


# -- im2col ------------------------------------------------------------------------------------------
def fields(framed, size, kernel, stride):
    """(N, OH, OW, kh, kw, C): the windows of a framed x, taken tap by tap."""
    (OH, OW), (kh, kw), (sh, sw) = size, kernel, stride
    taps = np.zeros((len(framed), OH, OW, kh, kw, framed.shape[3]), framed.dtype)
    for u in range(kh):
        for v in range(kw):
            taps[:, :, :, u, v] = framed[:, u : u + OH * sh : sh, v : v + OW * sw : sw][:, :OH, :OW]
    return taps


def frame(x, padding):
    (ph, pw) = padding
    return np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)))


def fit(framed, kernel, stride):
    return [(L - k) // s + 1 for L, k, s in zip(framed.shape[1:3], kernel, stride)]


def as_rows(taps):
    return taps.reshape(*taps.shape[:3], -1)


@mistakes.of(IM2COL, "ic-cuv", ORDER,
             "A row holds channel after channel; the order asked for is (u, v, c): the channels of a "
             "pixel side by side.")  # fmt: skip
def _(x, kernel, stride, padding, out=None):
    framed = frame(x, padding)
    taps = fields(framed, fit(framed, kernel, stride), kernel, stride)
    return into(out, as_rows(taps.transpose(0, 1, 2, 5, 3, 4)))


@mistakes.of(IM2COL, "ic-vuc", ORDER, "Rows and columns of the kernel are exchanged: u is vertical and comes first.")
def _(x, kernel, stride, padding, out=None):
    framed = frame(x, padding)
    taps = fields(framed, fit(framed, kernel, stride), kernel, stride)
    return into(out, as_rows(taps.transpose(0, 1, 2, 4, 3, 5)))


@mistakes.of(IM2COL, "ic-flip", ORDER,
             "The taps are in reverse: here, as in other frameworks, the kernel is not flipped.")  # fmt: skip
def _(x, kernel, stride, padding, out=None):
    framed = frame(x, padding)
    taps = fields(framed, fit(framed, kernel, stride), kernel, stride)
    return into(out, as_rows(taps[:, :, :, ::-1, ::-1]))


@mistakes.of(IM2COL, "ic-oneside", FRAME, "Padding on one side only: p rows above and p below.")
def _(x, kernel, stride, padding, out=None):
    (ph, pw) = padding
    framed = np.pad(x, ((0, 0), (ph, 0), (pw, 0), (0, 0)))
    return into(out, as_rows(fields(framed, fit(framed, kernel, stride), kernel, stride)))


@mistakes.of(IM2COL, "ic-nopad", FRAME,
             "padding is not used: x gets p rows of zeros above and below, p columns on the left and on "
             "the right.")  # fmt: skip
def _(x, kernel, stride, padding, out=None):
    return into(out, as_rows(fields(x, fit(x, kernel, stride), kernel, stride)))


@mistakes.of(IM2COL, "ic-edge", FRAME, "The frame repeats the picture's edge; it is 0 outside x.")
def _(x, kernel, stride, padding, out=None):
    (ph, pw) = padding
    framed = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)), mode="edge")
    return into(out, as_rows(fields(framed, fit(framed, kernel, stride), kernel, stride)))


@mistakes.of(IM2COL, "ic-size", GEOMETRY, "(L + 2p - k) / s and no + 1: how many windows fit when k = L?")
def _(x, kernel, stride, padding, out=None):
    framed = frame(x, padding)
    size = [(L - k) // s for L, k, s in zip(framed.shape[1:3], kernel, stride)]
    return into(out, as_rows(fields(framed, size, kernel, stride)))


@mistakes.of(IM2COL, "ic-pair", GEOMETRY,
             "Vertical and horizontal stride are exchanged; pairs are (vertical, horizontal).")  # fmt: skip
def _(x, kernel, stride, padding, out=None):
    framed = frame(x, padding)
    stride = stride[::-1]
    return into(out, as_rows(fields(framed, fit(framed, kernel, stride), kernel, stride)))


@mistakes.of(IM2COL, "ic-padpair", FRAME,
             "Vertical and horizontal padding are exchanged; pairs are (vertical, horizontal).")  # fmt: skip
def _(x, kernel, stride, padding, out=None):
    framed = frame(x, padding[::-1])
    return into(out, as_rows(fields(framed, fit(framed, kernel, stride), kernel, stride)))


@mistakes.of(IM2COL, "ic-kernelpair", GEOMETRY,
             "Height and width of the kernel are exchanged; pairs are (vertical, horizontal).")  # fmt: skip
def _(x, kernel, stride, padding, out=None):
    framed, kernel = frame(x, padding), kernel[::-1]
    return into(out, as_rows(fields(framed, fit(framed, kernel, stride), kernel, stride)))


@mistakes.of(IM2COL, "ic-nostride", GEOMETRY, "Windows begin at every pixel: window i begins at i s.")
def _(x, kernel, stride, padding, out=None):
    framed = frame(x, padding)
    return into(out, as_rows(fields(framed, fit(framed, kernel, stride), kernel, (1, 1))))


@mistakes.of(IM2COL, "ic-noout", PLACE, NO_OUT)
def _(x, kernel, stride, padding, out=None):
    framed = frame(x, padding)
    return as_rows(fields(framed, fit(framed, kernel, stride), kernel, stride))


# -- col2im ------------------------------------------------------------------------------------------
def scattered(taps, size, stride, padding):
    """The right sum in the framed map: taps (N, OH, OW, kh, kw, C) each to where it was copied from."""
    N, OH, OW, kh, kw, C = taps.shape
    (H, W), (sh, sw), (ph, pw) = size, stride, padding
    framed = np.zeros((N, H + 2 * ph, W + 2 * pw, C), taps.dtype)
    for u in range(kh):
        for v in range(kw):
            framed[:, u : u + OH * sh : sh, v : v + OW * sw : sw] += taps[:, :, :, u, v]
    return framed


def as_taps(cols, kernel):
    N, OH, OW, K = cols.shape
    return cols.reshape(N, OH, OW, *kernel, K // (kernel[0] * kernel[1]))


def cut(framed, size, padding):
    (H, W), (ph, pw) = size, padding
    return framed[:, ph : ph + H, pw : pw + W].copy()


@mistakes.of(COL2IM, "ci-assign", COPIES,
             "Fields overlap: a pixel was copied to several rows, so the copies' gradients add up. Yours "
             "overwrite one another.")  # fmt: skip
def _(cols, size, kernel, stride, padding, out=None):
    (kh, kw), (sh, sw), (ph, pw), (H, W) = kernel, stride, padding, size
    taps = as_taps(cols, kernel)
    N, OH, OW = cols.shape[:3]
    framed = np.zeros((N, H + 2 * ph, W + 2 * pw, taps.shape[5]), cols.dtype)
    for u in range(kh):
        for v in range(kw):
            framed[:, u : u + OH * sh : sh, v : v + OW * sw : sw] = taps[:, :, :, u, v]
    return into(out, cut(framed, size, padding))


@mistakes.of(COL2IM, "ci-fancy", COPIES,
             "dx[i, j] += cols with index arrays adds only the last of equal indices: NumPy buffers. "
             "np.add.at adds them all, or loop over (u, v). (A plain = in a loop over windows does the "
             "same: the last one stays.)")  # fmt: skip
def _(cols, size, kernel, stride, padding, out=None):
    (kh, kw), (sh, sw), (ph, pw), (H, W) = kernel, stride, padding, size
    taps = as_taps(cols, kernel)
    N, OH, OW = cols.shape[:3]
    framed = np.zeros((N, H + 2 * ph, W + 2 * pw, taps.shape[5]), cols.dtype)
    rows = sh * np.arange(OH)[:, None, None, None] + np.arange(kh)[:, None]
    columns = sw * np.arange(OW)[:, None, None] + np.arange(kw)
    framed[:, rows, columns] += taps
    return into(out, cut(framed, size, padding))


def averaged(cols, size, kernel, stride, padding, least):
    """The mean of the copies; how many there are is taken to be at least `least`."""
    taps = as_taps(cols, kernel)
    count = scattered(np.ones_like(taps), size, stride, padding)
    return cut(scattered(taps, size, stride, padding) / np.maximum(count, least), size, padding)


@mistakes.of(COL2IM, "ci-mean", COPIES, "You averaged the copies; they add.")
def _(cols, size, kernel, stride, padding, out=None):
    return into(out, averaged(cols, size, kernel, stride, padding, least=1))


@mistakes.of(COL2IM, "ci-mean0", COPIES, "You averaged the copies; they add. (And a pixel in no window has 0 copies.)")
def _(cols, size, kernel, stride, padding, out=None):
    return into(out, averaged(cols, size, kernel, stride, padding, least=0))


@mistakes.of(COL2IM, "ci-cropend", FRAME, "The frame was cut at the end only: dx is shifted by the padding.")
def _(cols, size, kernel, stride, padding, out=None):
    framed = scattered(as_taps(cols, kernel), size, stride, padding)
    return into(out, framed[:, : size[0], : size[1]].copy())


@mistakes.of(COL2IM, "ci-minus0", FRAME,
             "Without a frame nothing is left of dx: [p:-p] is empty where p is 0. Where does the map end, "
             "counted from the front?")  # fmt: skip
def _(cols, size, kernel, stride, padding, out=None):
    (ph, pw) = padding
    framed = scattered(as_taps(cols, kernel), size, stride, padding)
    return into(out, framed[:, ph:-ph, pw:-pw].copy())


@mistakes.of(COL2IM, "ci-nocrop", FRAME,
             "dx still has its frame: what was copied from the zeros outside x belongs to nobody.")  # fmt: skip
def _(cols, size, kernel, stride, padding, out=None):
    return into(out, scattered(as_taps(cols, kernel), size, stride, padding))


@mistakes.of(COL2IM, "ci-order", ORDER, "cols is read as (c, u, v); im2col wrote (u, v, c).")
def _(cols, size, kernel, stride, padding, out=None):
    N, OH, OW, K = cols.shape
    taps = cols.reshape(N, OH, OW, K // (kernel[0] * kernel[1]), *kernel).transpose(0, 1, 2, 4, 5, 3)
    return into(out, cut(scattered(taps, size, stride, padding), size, padding))


@mistakes.of(COL2IM, "ci-vuc", ORDER, "cols is read as (v, u, c); im2col wrote (u, v, c).")
def _(cols, size, kernel, stride, padding, out=None):
    N, OH, OW, K = cols.shape
    kh, kw = kernel
    taps = cols.reshape(N, OH, OW, kw, kh, K // (kh * kw)).transpose(0, 1, 2, 4, 3, 5)
    return into(out, cut(scattered(taps, size, stride, padding), size, padding))


@mistakes.of(COL2IM, "ci-flip", ORDER,
             "The taps go back in reverse: tap (u, v) of window (i, j) came from pixel (i s + u - p, j s "
             "+ v - p).")  # fmt: skip
def _(cols, size, kernel, stride, padding, out=None):
    taps = as_taps(cols, kernel)[:, :, :, ::-1, ::-1]
    return into(out, cut(scattered(taps, size, stride, padding), size, padding))


@mistakes.of(COL2IM, "ci-noout", PLACE, NO_OUT)
def _(cols, size, kernel, stride, padding, out=None):
    return cut(scattered(as_taps(cols, kernel), size, stride, padding), size, padding)


# -- Conv2d.respond ----------------------------------------------------------------------------------
def m(maps):
    """mistakes' and the source's `matrix`: (N, OH, OW, K) as (N OH OW, K)."""
    return maps.reshape(-1, maps.shape[-1])


@mistakes.of(RESPOND, "cr-nobias", "a term of (5) is missing",
             "b is missing: y = W x + b. What takes care of it, and of the PReLU behind it, is "
             "self.activation.apply(y, bias).")  # fmt: skip
def _(self, x, w, bias, y, cols):
    kernels_for(x).im2col(x, *self.window, out=cols)
    m(y)[...] = m(cols) @ w.reshape(len(w), -1).T
    self.activation.apply(y)


@mistakes.of(RESPOND, "cr-twice", "a term of (5) too many", "b is added twice: self.activation.apply(y, bias) does it.")
def _(self, x, w, bias, y, cols):
    kernels_for(x).im2col(x, *self.window, out=cols)
    m(y)[...] = m(cols) @ w.reshape(len(w), -1).T + (0 if bias is None else bias)
    self.activation.apply(y, bias)


@mistakes.of(RESPOND, "cr-noactivation", "the response is right, but not all that is asked for",
             "The layer's activation is left out: self.activation.apply(y, bias) adds b, and puts f(y) "
             "in the place of y.")  # fmt: skip
def _(self, x, w, bias, y, cols):
    kernels_for(x).im2col(x, *self.window, out=cols)
    m(y)[...] = m(cols) @ w.reshape(len(w), -1).T + (0 if bias is None else bias)


@mistakes.of(RESPOND, "cr-neither", "the product is right, but not all that is asked for",
             "cols W^T alone: b, and the layer's activation, are left out. self.activation.apply(y, "
             "bias) does both.")  # fmt: skip
def _(self, x, w, bias, y, cols):
    kernels_for(x).im2col(x, *self.window, out=cols)
    m(y)[...] = m(cols) @ w.reshape(len(w), -1).T


@mistakes.of(RESPOND, "cr-reshape", PRODUCT,
             "w was reshaped to (k^2 c, d). That is not the transpose of W: the numbers of a filter lie "
             "side by side in w, so W = filters(w) has a row a filter.")  # fmt: skip
def _(self, x, w, bias, y, cols):
    kernels_for(x).im2col(x, *self.window, out=cols)
    m(y)[...] = m(cols) @ w.reshape(-1, len(w))
    self.activation.apply(y, bias)


@mistakes.of(RESPOND, "cr-name", PLACE,
             "y is what it was: y = ... gives another array the name y. Write into the one that came, "
             "y[...] = ... or out=matrix(y).")  # fmt: skip
def _(self, x, w, bias, y, cols):
    kernels_for(x).im2col(x, *self.window, out=cols)
    y = (m(cols) @ w.reshape(len(w), -1).T).reshape(y.shape)
    self.activation.apply(y, bias)


# -- Conv2d.gradients --------------------------------------------------------------------------------
def gradients(self, dy, x, w, dx, dw, first, cols, times=1.0, into_dw=None, db=None, dcols=None):
    """All three: dW times a factor, or as into_dw(dW of these images) writes it; db and dcols, if given, in place."""
    kernels, W = kernels_for(x), w.reshape(len(w), -1)
    if dw is not None:
        kernels.im2col(x, *self.window, out=cols)
        dW = m(dy).T @ m(cols) * dy.dtype.type(times)
        if into_dw is not None:
            into_dw(dW)
        else:
            dw[...] = dW.reshape(w.shape) + (0 if first else dw)
    if dx is not None:
        back = m(dy) @ W if dcols is None else dcols
        kernels.col2im(back.reshape(cols.shape), x.shape[1:3], *self.window, out=dx)
    return m(dy).sum(axis=0) if db is None else db


@mistakes.of(GRADIENTS, "cg-dbN", SUM, "db is summed over the images only; b was added at every position.")
def _(self, dy, *rest):
    return gradients(self, dy, *rest, db=dy.sum(axis=0))


@mistakes.of(GRADIENTS, "cg-dbmean", MEAN, "db is a mean; it is a sum over all positions.")
def _(self, dy, *rest):
    return gradients(self, dy, *rest, db=m(dy).mean(axis=0))


@mistakes.of(GRADIENTS, "cg-dball", SUM, "db is one number; each filter has a bias of its own.")
def _(self, dy, *rest):
    return gradients(self, dy, *rest, db=dy.sum())


@mistakes.of(GRADIENTS, "cg-dWN", MEAN, "dW is divided by N; the loss's mean did it already.")
def _(self, dy, *rest):
    return gradients(self, dy, *rest, times=1 / len(dy))


@mistakes.of(GRADIENTS, "cg-dWpos", MEAN,
             "dW is divided by the number of positions; every position used the same filter: add.")  # fmt: skip
def _(self, dy, *rest):
    return gradients(self, dy, *rest, times=1 / len(m(dy)))


@mistakes.of(GRADIENTS, "cg-dWT", PRODUCT, "dW is transposed: one row a filter.")
def _(self, dy, x, w, dx, dw, first, cols):
    def transposed(dW):
        W = dw.reshape(len(w), -1)
        W[...] = dW.T + (0 if first else W)

    return gradients(self, dy, x, w, dx, dw, first, cols, into_dw=transposed)


@mistakes.of(GRADIENTS, "cg-dWTreshape", PRODUCT,
             "dW is transposed, and reshaped until it fitted: dy^T cols has one row a filter, cols^T dy "
             "one row a tap.")  # fmt: skip
def _(self, dy, x, w, dx, dw, first, cols):
    def reshaped(dW):
        dw[...] = dW.T.reshape(w.shape) + (0 if first else dw)

    return gradients(self, dy, x, w, dx, dw, first, cols, into_dw=reshaped)


@mistakes.of(GRADIENTS, "cg-lastimage", PIECES,
             "dw holds the last piece only: where `first` is False, add to what it holds.")  # fmt: skip
def _(self, dy, x, w, dx, dw, first, cols):
    def assigned(dW):
        dw[...] = dW.reshape(w.shape)

    return gradients(self, dy, x, w, dx, dw, first, cols, into_dw=assigned)


@mistakes.of(GRADIENTS, "cg-lastofpiece", SUM,
             "dW holds the last image of each piece only: `=` in a loop over images where `+=` belongs.")  # fmt: skip
def _(self, dy, x, w, dx, dw, first, cols):
    def last(dW):
        dw[...] = (m(dy[-1]).T @ m(cols[-1])).reshape(w.shape) + (0 if first else dw)

    return gradients(self, dy, x, w, dx, dw, first, cols, into_dw=last)


@mistakes.of(GRADIENTS, "cg-onto", "added to what was there before",
             "dw held something before the first piece: where `first` is True it is to be overwritten.")  # fmt: skip
def _(self, dy, x, w, dx, dw, first, cols):
    def added(dW):
        dw[...] += dW.reshape(w.shape)

    return gradients(self, dy, x, w, dx, dw, first, cols, into_dw=added)


@mistakes.of(GRADIENTS, "cg-dwname", PLACE,
             "dw is what it was: dw = ... gives another array the name dw. Write into the one that came: "
             "dw[...] = or +=.")  # fmt: skip
def _(self, dy, x, w, dx, dw, first, cols):
    return gradients(self, dy, x, w, dx, dw, first, cols, into_dw=lambda dW: None)


@mistakes.of(GRADIENTS, "cg-dxname", PLACE,
             "dx is what it was: dx = ... gives another array the name dx. Write into the one that came: "
             "out=dx.")  # fmt: skip
def _(self, dy, x, w, dx, dw, first, cols):
    return gradients(self, dy, x, w, None, dw, first, cols)


@mistakes.of(GRADIENTS, "cg-oldcols", "what is multiplied is not im2col's matrix",
             "cols is room, and holds what it held before: respond's cols are gone by now. Build them "
             "again.")  # fmt: skip
def _(self, dy, x, w, dx, dw, first, cols):
    def from_room(dW):
        dw[...] = (m(dy).T @ np.full_like(m(cols), 7)).reshape(w.shape) + (0 if first else dw)

    return gradients(self, dy, x, w, dx, dw, first, cols, into_dw=from_room)


@mistakes.of(GRADIENTS, "cg-Wreshape", PRODUCT,
             "dcols = dy W, and W = filters(w) has one row a filter. You reshaped w to another matrix.")  # fmt: skip
def _(self, dy, x, w, dx, dw, first, cols):
    W = w.reshape(-1, len(w)).T
    return gradients(self, dy, x, w, dx, dw, first, cols, dcols=m(dy) @ W)
