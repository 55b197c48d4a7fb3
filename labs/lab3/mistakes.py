"""Lab 3: what has been written in place of PReLU and its gradients, and what to say to it.

The kernels have rows (M, C); the op has maps (N, C, H, W). A wrong local slope can be written in either, so it is
declared once (`of_terms`); a wrong sum belongs to one of them.
"""

import numpy as np

from kernels.reference.into import into
from minidelve.labs.task import Mistakes

mistakes = Mistakes()

FORWARD, KERNEL, OP, SHARED = "prelu_forward", "prelu_backward", "PReLU on maps", "PReLU on maps, shared slope"
VECTORS = "PReLU on vectors"
METHOD = "minidelve/ops/prelu.py:PReLU.backward"

NOT_A = "the slope is not a, each channel's own"
SUM = "a sum over the wrong axes"
MEAN = "a mean where a sum belongs"
SLOPE = "another local slope than (3)"
DY = "another local slope than (dy)"
CONTRACT = "the numbers are right, the contract is not kept"
SHARED_SUM = "a shared slope has one gradient, of all channels"
IMAGES_ONLY = "da has the shape of a map: you summed over the images only. Every position used the same a."


# -- forward -----------------------------------------------------------------------------------------
@mistakes.of(FORWARD, "pf-relu", NOT_A, "a does not appear: that is ReLU.")
def _(y, a, bias=None, out=None):
    y = y if bias is None else y + bias
    return into(out, np.maximum(y, 0))


@mistakes.of(FORWARD, "pf-abs", "for negative y it is not a y", "a |y| bends up for negative y; (1) says a y.")
def _(y, a, bias=None, out=None):
    y = y if bias is None else y + bias
    return into(out, np.where(y > 0, y, a * np.abs(y)))


@mistakes.of(FORWARD, "pf-leaky", NOT_A, "The first channel's slope is used in all: every channel has its own a.")
def _(y, a, bias=None, out=None):
    y = y if bias is None else y + bias
    return into(out, np.where(y > 0, y, a[0] * y))


@mistakes.of(FORWARD, "pf-fixed", NOT_A, "A fixed slope of 0.25 is where a begins: every channel has learned its own.")
def _(y, a, bias=None, out=None):
    y = y if bias is None else y + bias
    return into(out, np.where(y > 0, y, y.dtype.type(0.25) * y))


@mistakes.of(FORWARD, "pf-inverted", "the two cases of (1) are exchanged", "(1) keeps y where y > 0, and bends below.")
def _(y, a, bias=None, out=None):
    y = y if bias is None else y + bias
    return into(out, np.where(y > 0, a * y, y))


@mistakes.of(FORWARD, "pf-max", "right for some slopes only",
             "max(y, a y) is (1) only while a <= 1. A learned slope may be larger.")  # fmt: skip
def _(y, a, bias=None, out=None):
    y = y if bias is None else y + bias
    return into(out, np.maximum(y, a * y))


@mistakes.of(FORWARD, "pf-nobias", CONTRACT, "bias is not used: where one is given, PReLU is taken of y + bias.")
def _(y, a, bias=None, out=None):
    return into(out, np.where(y > 0, y, a * y))


@mistakes.of(FORWARD, "pf-biaslate", CONTRACT, "The bias is added to f. It belongs to the response: PReLU of y + bias.")
def _(y, a, bias=None, out=None):
    f = np.where(y > 0, y, a * y)
    return into(out, f if bias is None else f + bias)


@mistakes.of(FORWARD, "pf-noout", CONTRACT,
             "`out` is not written over: whoever gave it looks for the result there. `into` does it.")  # fmt: skip
def _(y, a, bias=None, out=None):
    y = y if bias is None else y + bias
    return np.where(y > 0, y, a * y)


# -- backward, a wrong local slope: in the kernel and in the op --------------------------------------
def of_terms(id, kind, sentence):
    """Declare (dy, terms) = wrong(df, y, a) on rows a mistake of the kernel, and of the op in each of its uses.

    terms are what (2) adds up.
    """

    def declare(wrong):
        @mistakes.of(KERNEL, id, kind, sentence)
        def _(df, y, a, out=None):
            dy, terms = wrong(df, y, a)
            return into(out, dy), terms.sum(axis=0)

        def backward(self, df):
            y, a = self.saved
            C = y.shape[1]
            df_rows, y_rows = (np.moveaxis(x, 1, -1).reshape(-1, C) for x in (df, y))
            dy, terms = wrong(df_rows, y_rows, np.broadcast_to(a, C))
            dy = np.moveaxis(dy.reshape(np.moveaxis(df, 1, -1).shape), -1, 1)
            return dy, terms.sum(axis=0) if len(a) == C else terms.sum(keepdims=True)[0]

        for task in (OP, SHARED, VECTORS):
            mistakes.of(task, id, kind, sentence, METHOD)(backward)
        return wrong

    return declare


def right_dy(df, y, a):
    return df * np.where(y > 0, np.ones_like(a), a)


def right_terms(df, y):
    return df * np.where(y > 0, np.zeros_like(y), y)


@of_terms("pb-f", SLOPE, "df/da = y for y <= 0. You have a y there: that is f, not its slope.")
def _(df, y, a):
    return right_dy(df, y, a), a * right_terms(df, y)


@of_terms("pb-nodf", SLOPE, "The local slope (3) is right but df is missing in (2).")
def _(df, y, a):
    return right_dy(df, y, a), np.where(y > 0, np.zeros_like(y), y)


@of_terms("pb-pos", SLOPE, "You summed where y > 0. Which half of the axis does a reach?")
def _(df, y, a):
    return right_dy(df, y, a), df * np.where(y > 0, y, np.zeros_like(y))


@of_terms("pb-ally", SLOPE, "(3) is 0 for y > 0: the positive side does not feel a.")
def _(df, y, a):
    return right_dy(df, y, a), df * y


@of_terms("pb-abs", SLOPE, "Sign: for y <= 0 the slope is y itself, a negative number, not |y|.")
def _(df, y, a):
    return right_dy(df, y, a), -right_terms(df, y)


@of_terms("pb-one", SLOPE, "A y counts with its value: (3) is y for y <= 0, and you have 1 there.")
def _(df, y, a):
    return right_dy(df, y, a), df * (y <= 0)


@of_terms("pb-dy", DY, "dy sends df back with slope a everywhere; for y > 0 it is 1.")
def _(df, y, a):
    return df * a, right_terms(df, y)


@of_terms("pb-dyone", DY, "dy is df itself. For y <= 0 the function bends: its slope there is a.")
def _(df, y, a):
    return df.copy(), right_terms(df, y)


@of_terms("pb-dyrelu", DY, "dy is ReLU's: 0 for y <= 0. PReLU lets a part through.")
def _(df, y, a):
    return df * (y > 0), right_terms(df, y)


@of_terms("pb-dyinv", DY, "dy has its two cases exchanged.")
def _(df, y, a):
    return df * np.where(y > 0, a, np.ones_like(a)), right_terms(df, y)


@of_terms("pb-dynodf", DY, "That is the local slope. What of the gradient that arrives, df?")
def _(df, y, a):
    return np.where(y > 0, np.ones_like(a), a), right_terms(df, y)


@of_terms("pb-exchanged", "df and y have changed places",
          "The sign of y decides, and df is what is multiplied. Look at the order of the arguments.")  # fmt: skip
def _(df, y, a):
    return right_dy(y, df, a), right_terms(y, df)


@of_terms("pb-saved-f", "the wrong sign decides",
          "You kept f for backward. Both local slopes are taken at y: keep what went in.")  # fmt: skip
def _(df, y, a):
    f = np.where(y > 0, y, a * y)
    return right_dy(df, f, a), right_terms(df, f)


@of_terms("pb-zero", "the border of the two cases", "y = 0 counts as negative, as in the paper: >, not >=.")
def _(df, y, a):
    return df * np.where(y >= 0, np.ones_like(a), a), right_terms(df, y)


@of_terms("pb-sign-f", "the wrong sign decides",
          "You test the sign of f = a y instead of y. With a negative slope the two differ.")  # fmt: skip
def _(df, y, a):
    f = np.where(y > 0, y, a * y)
    return df * np.where(f > 0, np.ones_like(a), a), df * np.where(f > 0, np.zeros_like(y), y)


# -- backward, a wrong sum: the kernel, rows (M, C) --------------------------------------------------
@mistakes.of(KERNEL, "pb-mean", MEAN, "(2) is a sum. With a mean the slope would learn N H W times too slowly.")
def _(df, y, a, out=None):
    return into(out, right_dy(df, y, a)), right_terms(df, y).mean(axis=0)


@mistakes.of(KERNEL, "pb-all", SUM,
             "One number for all channels is the gradient of a shared slope. Here each channel has its "
             "own: do not sum over C.")  # fmt: skip
def _(df, y, a, out=None):
    return into(out, right_dy(df, y, a)), right_terms(df, y).sum()


@mistakes.of(KERNEL, "pb-nosum", SUM, "da has a row for each position. They all used the same a.")
def _(df, y, a, out=None):
    return into(out, right_dy(df, y, a)), right_terms(df, y)


@mistakes.of(KERNEL, "pb-channels", SUM,
             "da has a number for each position: you summed over the channels. Each channel has its own "
             "a, and all positions used it.")  # fmt: skip
def _(df, y, a, out=None):
    return into(out, right_dy(df, y, a)), right_terms(df, y).sum(axis=1)


@mistakes.of(
    KERNEL, "pb-noout", CONTRACT, "`out` is not written over: whoever gave it looks for dy there. `into` does it."
)
def _(df, y, a, out=None):
    return right_dy(df, y, a), right_terms(df, y).sum(axis=0)


# -- backward, a wrong sum: the op, maps (N, C, H, W) ------------------------------------------------
def of_sum(task, id, kind, sentence):
    """Declare da = wrong(terms, a), terms (N, C, H, W) being what (2) adds up, a mistake of the op."""

    def declare(wrong):
        @mistakes.of(task, id, kind, sentence, METHOD)
        def _(self, df):
            y, a = self.saved
            spread = a.reshape(-1, *[1] * (y.ndim - 2))
            return right_dy(df, y, spread), wrong(right_terms(df, y), a)

        return wrong

    return declare


@of_sum(SHARED, "pb-N", SUM, IMAGES_ONLY)
@of_sum(OP, "pb-N", SUM, IMAGES_ONLY)
def _(terms, a):
    return terms.sum(axis=0)


@of_sum(OP, "pb-HW", SUM, "da has a row an image: sum over the images too, they all used the same a.")
def _(terms, a):
    return terms.sum(axis=(2, 3))


@of_sum(OP, "pb-all", SUM,
        "One number for all channels is the gradient of a shared slope. Here each channel has its own: "
        "do not sum over C.")  # fmt: skip
def _(terms, a):
    return terms.sum()


@of_sum(OP, "pb-all1", SUM,
        "One number for all channels is the gradient of a shared slope. Here each channel has its own: "
        "do not sum over C.")  # fmt: skip
def _(terms, a):
    return terms.sum(keepdims=True).reshape(1)


@of_sum(OP, "pb-mean", MEAN, "(2) is a sum. With a mean the slope would learn N H W times too slowly.")
def _(terms, a):
    return terms.mean(axis=(0, 2, 3))


@of_sum(OP, "pb-meanN", MEAN, "Divided by the batch size: the loss's mean has done that already.")
def _(terms, a):
    return terms.sum(axis=(0, 2, 3)) / len(terms)


@of_sum(OP, "pb-meanHW", MEAN, "Divided by the number of positions in a map: every one of them used a, so add.")
def _(terms, a):
    return terms.mean(axis=(2, 3)).sum(axis=0)


# -- backward, a wrong sum: a shared slope -----------------------------------------------------------
@of_sum(SHARED, "ps-channel", SHARED_SUM,
        "a has one number, da has C: a shared slope is the same in all channels, so sum over them too.")  # fmt: skip
def _(terms, a):
    return terms.sum(axis=(0, 2, 3))


@of_sum(SHARED, "ps-meanC", MEAN, "You averaged the channels' sums. They used the same a: add them.")
def _(terms, a):
    return terms.sum(axis=(0, 2, 3)).mean(keepdims=True)


@of_sum(SHARED, "ps-mean", MEAN, "(2) is a sum. With a mean the slope would learn N C H W times too slowly.")
def _(terms, a):
    return terms.mean(keepdims=True).reshape(1)


@of_sum(SHARED, "ps-first", SHARED_SUM, "Only channel 0 counts.")
def _(terms, a):
    return terms.sum(axis=(0, 2, 3))[:1]


@of_sum(SHARED, "ps-0d", "the shape of a gradient is that of what it belongs to",
        "da is a bare number; a has shape (1,), and so must its gradient.")  # fmt: skip
def _(terms, a):
    return terms.sum()


# -- vectors -----------------------------------------------------------------------------------------
@of_sum(VECTORS, "ps-channel", SHARED_SUM,
        "a has one number, da has C: a shared slope is the same in all channels, so sum over them too.")  # fmt: skip
def _(terms, a):
    return terms.sum(axis=0)


@of_sum(VECTORS, "pv-axes", "only maps have four axes",
        "y may be (N, C), behind a fully connected layer: then there are no axes 2 and 3 to sum over.")  # fmt: skip
def _(terms, a):
    return terms.sum(axis=(0, 2, 3))
