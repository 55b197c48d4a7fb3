"""Lab 3 with two slopes: what is written in place of it, and what to say to it.

A wrong body has the pair of slopes (below, above), also where PReLU's (C,) came in: `two` makes a pair of them.
"""

import numpy as np

from kernels.reference.into import into
from minidelve.labs.task import Mistakes

mistakes = Mistakes()

FORWARD, KERNEL, OP, SHARED = "prelu_forward", "prelu_backward", "PReLU on maps", "PReLU on maps, shared slopes"
METHOD = "minidelve/ops/prelu.py:PReLU.backward"

WHICH = "the two slopes, and which half of the axis each has"
TWO = "two slopes have two gradients"
SLOPE = "another local slope than the function has"
SUM = "a sum over the wrong axes"
MEAN = "a mean where a sum belongs"
SHAPE = "the shape of a gradient is that of what it belongs to"


def two(a):
    return a if a.ndim == 2 else np.stack([a, np.ones_like(a)])


def like(a, da):
    """da (2, ...), or what of it belongs to PReLU's slopes."""
    return da if a.ndim == 2 else da[0]


# -- forward -----------------------------------------------------------------------------------------
def of_factor(id, kind, sentence):
    """Declare f = wrong(y, below, above) a mistake of the kernel's forward."""

    def declare(wrong):
        @mistakes.of(FORWARD, id, kind, sentence)
        def _(y, a, bias=None, out=None):
            return into(out, wrong(y if bias is None else y + bias, *two(a)))

        return wrong

    return declare


@of_factor("tf-swap", WHICH, "slopes[0] belongs to y <= 0 and slopes[1] to y > 0; yours are exchanged.")
def _(y, below, above):
    return y * np.where(y > 0, below, above)


@of_factor("tf-prelu", WHICH, "For y > 0 you have y: that is PReLU. The slope above 0 is b.")
def _(y, below, above):
    return np.where(y > 0, y, below * y)


@of_factor("tf-relu", WHICH, "For y <= 0 you have 0. There the slope is a.")
def _(y, below, above):
    return np.where(y > 0, above * y, np.zeros_like(y))


@of_factor("tf-both", WHICH, "Both slopes act on every y. Each has one half of the axis.")
def _(y, below, above):
    return below * y + above * y


@of_factor("tf-first", "the slopes are not each channel's own",
           "The first channel's slopes are used in all: every channel has its own two.")  # fmt: skip
def _(y, below, above):
    return y * np.where(y > 0, above[0], below[0])


# -- backward, a wrong local slope: in the kernel and in the op --------------------------------------
def of_terms(id, kind, sentence):
    """Declare (dy, terms of da, terms of db) = wrong(df, y, below, above) on rows a mistake of kernel and op."""

    def declare(wrong):
        @mistakes.of(KERNEL, id, kind, sentence)
        def _(df, y, a, out=None):
            dy, *terms = wrong(df, y, *two(a))
            return into(out, dy), like(a, np.stack([t.sum(axis=0) for t in terms]))

        def backward(self, df):
            y, a = self.saved
            C = y.shape[1]
            df_rows, y_rows = (np.moveaxis(x, 1, -1).reshape(-1, C) for x in (df, y))
            dy, *terms = wrong(df_rows, y_rows, *np.broadcast_to(two(a), (2, C)))
            da = np.stack([t.sum(axis=0) for t in terms])
            dy = np.moveaxis(dy.reshape(np.moveaxis(df, 1, -1).shape), -1, 1)
            return dy, da if a.shape[1] == C else da.sum(axis=1, keepdims=True)

        for task in (OP, SHARED):
            mistakes.of(task, id, kind, sentence, METHOD)(backward)
        return wrong

    return declare


def right(df, y, below, above):
    return df * np.where(y > 0, above, below), df * np.minimum(y, 0), df * np.maximum(y, 0)


@of_terms("tb-dyprelu", SLOPE, "dy is PReLU's: for y > 0 the slope is b, not 1.")
def _(df, y, below, above):
    _, a_terms, b_terms = right(df, y, below, above)
    return df * np.where(y > 0, np.ones_like(above), below), a_terms, b_terms


@of_terms("tb-dyswap", SLOPE, "dy has its two cases exchanged.")
def _(df, y, below, above):
    _, a_terms, b_terms = right(df, y, below, above)
    return df * np.where(y > 0, below, above), a_terms, b_terms


@of_terms("tb-nob", TWO, "The gradient of b is 0: PReLU's slope above 0 is fixed, this one is learned.")
def _(df, y, below, above):
    dy, a_terms, b_terms = right(df, y, below, above)
    return dy, a_terms, 0 * b_terms


@of_terms("tb-swap", WHICH, "The two gradients are exchanged: the first is a's, from the places with y <= 0.")
def _(df, y, below, above):
    dy, a_terms, b_terms = right(df, y, below, above)
    return dy, b_terms, a_terms


@of_terms("tb-all", SLOPE, "Both gradients are sums of df y over all places. Each slope acts on one half of the axis.")
def _(df, y, below, above):
    dy, a_terms, b_terms = right(df, y, below, above)
    return dy, a_terms + b_terms, a_terms + b_terms


@of_terms("tb-f", SLOPE, "∂f/∂a = y for y <= 0, and ∂f/∂b = y above. You have f there, not its slopes.")
def _(df, y, below, above):
    dy, a_terms, b_terms = right(df, y, below, above)
    return dy, below * a_terms, above * b_terms


@of_terms("tb-abs", SLOPE, "Sign: for y <= 0 the local slope is y itself, a negative number, not |y|.")
def _(df, y, below, above):
    dy, a_terms, b_terms = right(df, y, below, above)
    return dy, -a_terms, b_terms


@of_terms("tb-nodf", SLOPE, "The local slopes are right but df is missing in the sums.")
def _(df, y, below, above):
    return right(df, y, below, above)[0], np.minimum(y, 0), np.maximum(y, 0)


@of_terms("tb-zero", "the border of the two cases", "y = 0 counts as negative: >, not >=.")
def _(df, y, below, above):
    _, a_terms, b_terms = right(df, y, below, above)
    return df * np.where(y >= 0, above, below), a_terms, b_terms


@of_terms("tb-sign-f", "the wrong sign decides",
          "You test the sign of f instead of y. With a negative slope they differ.")  # fmt: skip
def _(df, y, below, above):
    f = y * np.where(y > 0, above, below)
    zero = np.zeros_like(y)
    return df * np.where(f > 0, above, below), df * np.where(f > 0, zero, y), df * np.where(f > 0, y, zero)


# -- backward, a wrong sum ---------------------------------------------------------------------------
def of_rows(id, kind, sentence):
    """Declare da = wrong(terms (2, M, C)) a mistake of the kernel."""

    def declare(wrong):
        @mistakes.of(KERNEL, id, kind, sentence)
        def _(df, y, a, out=None):
            dy, *terms = right(df, y, *two(a))
            return into(out, dy), like(a, wrong(np.stack(terms)))

        return wrong

    return declare


@of_rows("tb-mean", MEAN, "A slope is used at every position: its gradient is a sum over them.")
def _(terms):
    return terms.mean(axis=1)


@of_rows("tb-axis", SHAPE, "The gradients are stacked as (C, 2); the slopes are (2, C).")
def _(terms):
    return terms.sum(axis=1).T if terms.shape[2] > 1 else terms.sum(axis=1).reshape(1, 2)


@of_rows("tb-channels", SUM, "You summed over the channels. Each has its own slopes, which all positions used.")
def _(terms):
    return terms.sum(axis=2)


@mistakes.of(KERNEL, "tb-pair", SHAPE, "da and db come back as two arrays beside dy; asked for is one, (2, C).")
def _(df, y, a, out=None):
    dy, a_terms, b_terms = right(df, y, *two(a))
    return into(out, dy), a_terms.sum(axis=0), b_terms.sum(axis=0)


def of_sum(task, id, kind, sentence):
    """Declare da = wrong(terms (2, N, C, H, W)) a mistake of the op."""

    def declare(wrong):
        @mistakes.of(task, id, kind, sentence, METHOD)
        def _(self, df):
            y, a = self.saved
            dy, *terms = right(df, y, *(x.reshape(-1, *[1] * (y.ndim - 2)) for x in a))
            return dy, wrong(np.stack(terms))

        return wrong

    return declare


@of_sum(OP, "tb-N", SUM, "da has the shape of two maps: you summed over the images only.")
def _(terms):
    return terms.sum(axis=1)


@of_sum(OP, "tb-HW", SUM, "da has a row an image: sum over the images too, they all used the same slopes.")
def _(terms):
    return terms.sum(axis=(3, 4))


@of_sum(OP, "tb-mean", MEAN, "A slope is used at every position: its gradient is a sum over them.")
def _(terms):
    return terms.mean(axis=(1, 3, 4))


@of_sum(OP, "tb-meanN", MEAN, "Divided by the batch size: the loss's mean has done that already.")
def _(terms):
    return terms.sum(axis=(1, 3, 4)) / terms.shape[1]


@of_sum(SHARED, "ts-channel", SUM,
        "The slopes are (2, 1), da is (2, C): they are the same in all channels, so sum over them too.")  # fmt: skip
def _(terms):
    return terms.sum(axis=(1, 3, 4))


@of_sum(SHARED, "ts-meanC", MEAN, "You averaged the channels' sums. They used the same slopes: add them.")
def _(terms):
    return terms.sum(axis=(1, 3, 4)).mean(axis=1, keepdims=True)


@of_sum(SHARED, "ts-flat", SHAPE, "da is (2,); the slopes are (2, 1), and so must their gradient be.")
def _(terms):
    return terms.sum(axis=(1, 2, 3, 4))


@of_sum(SHARED, "ts-one", TWO,
        "One number for both slopes. Shared is each of them by all channels, not one with the other.")  # fmt: skip
def _(terms):
    return terms.sum(keepdims=True).reshape(1, 1)
