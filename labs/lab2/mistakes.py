"""Lab 2: what has been written in place of softmax, the loss and a layer's gradient, and what to say to it."""

import numpy as np

from minidelve.labs.task import Mistakes
from minidelve.ops.cross_entropy import CrossEntropy
from minidelve.ops.softmax import log_probabilities

mistakes = Mistakes()

OVERFLOW = "exp overflows"
AXIS = "a sum over the wrong axis"
UNDERFLOW = "a logarithm of 0"
JACOBIAN = "a score moves every probability of its row, not its own alone"
MEAN = "a mean where a sum belongs, or a mean over the wrong numbers"
SIGN = "the sign"
LABELS = "rows and labels are not paired"
UNIT = "another logarithm"
SHIFT = "the constant is not subtracted everywhere"
CHAIN = "the chain rule is not complete"
INCOMPLETE = "a part of the gradient is missing"
SHAPE = "another shape"
NO_SOFTMAX = "softmax was left out"
NO_EXP = "the logarithm in place of what it is the logarithm of"

forward = CrossEntropy.forward


def soft(z, axis=1):
    return np.exp(log_probabilities(z, axis))


def one_hot(z, targets):
    hot = np.zeros_like(z)
    hot[np.arange(len(z)), targets] = 1
    return hot


# -- softmax -----------------------------------------------------------------------------------------


@mistakes.of(
    "Softmax.forward", "sm-overflow", OVERFLOW,
    "exp(800) is infinite, and inf / inf is nan. A constant may be subtracted from a row: which one?",
)  # fmt: skip
def _(self, z, *, axis):
    e = np.exp(z)
    return e / e.sum(axis=axis, keepdims=True)


@mistakes.of("Softmax.forward", "sm-all", AXIS, "All numbers together add up to 1: each row must, along `axis`.")
def _(self, z, *, axis):
    e = np.exp(z - z.max())
    return e / e.sum()


@mistakes.of("Softmax.forward", "sm-axis", AXIS, "You sum along axis 1 whatever `axis` says.")
def _(self, z, *, axis):
    return soft(z, 1)


@mistakes.of(
    "Softmax.forward", "sm-onemax", "underflow",
    "One maximum for the whole array: a row far below it becomes 0 / 0. Each row has a maximum of its own.",
)  # fmt: skip
def _(self, z, *, axis):
    e = np.exp(z - z.max())
    return e / e.sum(axis=axis, keepdims=True)


@mistakes.of(
    "Softmax.backward", "sb-diagonal", JACOBIAN,
    "s (1 - s) is how s_k moves with its own z_k. z_k also moves the other probabilities: they add up to 1.",
)  # fmt: skip
def _(self, df):
    (s,) = self.saved
    return df * s * (1 - s)


@mistakes.of("Softmax.backward", "sb-plain", JACOBIAN, "df s holds for exp. The sum below the line moves as well.")
def _(self, df):
    (s,) = self.saved
    return df * s


@mistakes.of(
    "Softmax.backward",
    "sb-unweighted",
    JACOBIAN,
    "What is subtracted from df_k is a mean of df with the weights s, not its plain sum.",
)
def _(self, df):
    (s,) = self.saved
    return s * (df - df.sum(axis=self.axis, keepdims=True))


@mistakes.of("Softmax.backward", "sb-all", AXIS, "Rows know nothing of each other: each has a sum of its own.")
def _(self, df):
    (s,) = self.saved
    return s * (df - (df * s).sum())


@mistakes.of("Softmax.backward", "sb-axis", AXIS, "You sum along axis 1 whatever the axis of forward was.")
def _(self, df):
    (s,) = self.saved
    return s * (df - (df * s).sum(axis=1, keepdims=True))


@mistakes.of("Softmax.backward", "sb-last", AXIS, "You sum along the last axis whatever the axis of forward was.")
def _(self, df):
    (s,) = self.saved
    return s * (df - (df * s).sum(axis=-1, keepdims=True))


@mistakes.of(
    "Softmax.backward", "sb-outside", JACOBIAN, "In the sum over i each df_i has its own s_i; you took s_k out of it."
)
def _(self, df):
    (s,) = self.saved
    return s * (df - s * df.sum(axis=self.axis, keepdims=True))


@mistakes.of("Softmax.backward", "sb-sign", SIGN, "s_k grows with z_k: the sign is turned around.")
def _(self, df):
    (s,) = self.saved
    return s * ((df * s).sum(axis=self.axis, keepdims=True) - df)


# -- its logarithm -----------------------------------------------------------------------------------


@mistakes.of(
    "log_probabilities", "lp-overflow", OVERFLOW,
    "exp(800) is infinite. A constant may be subtracted from a row before: which one?",
)  # fmt: skip
def _(z, axis):
    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))


@mistakes.of(
    "log_probabilities", "lp-logsoftmax", UNDERFLOW,
    "softmax is 0 where a score lies far below the maximum, and log 0 is -inf. Simplify log(exp(z_i) / sum) first.",
)  # fmt: skip
def _(z, axis):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return np.log(e / e.sum(axis=axis, keepdims=True))


@mistakes.of(
    "log_probabilities", "lp-epsilon", UNDERFLOW,
    "A small number inside the logarithm hides -inf and makes every result wrong. Simplify log(exp(z_i) / sum) first.",
)  # fmt: skip
def _(z, axis):
    return np.log(soft(z, axis) + z.dtype.type(1e-7))


@mistakes.of(
    "log_probabilities", "lp-maxsign", SHIFT,
    "The maximum is subtracted before the exponential but not from the logit itself.",
)  # fmt: skip
def _(z, axis):
    return z - np.log(np.exp(z - z.max(axis=axis, keepdims=True)).sum(axis=axis, keepdims=True))


@mistakes.of("log_probabilities", "lp-axis", AXIS, "You sum along axis 1 whatever `axis` says.")
def _(z, axis):
    return log_probabilities(z, 1)


@mistakes.of("log_probabilities", "lp-log2", UNIT, "The natural logarithm is asked for: exp undoes no other.")
def _(z, axis):
    return log_probabilities(z, axis) / z.dtype.type(np.log(2))


@mistakes.of(
    "LogSoftmax.backward", "lb-plain", JACOBIAN, "log sum_j exp(z_j) moves with z_k too, for every output of the row."
)
def _(self, df):
    return df


@mistakes.of(
    "LogSoftmax.backward", "lb-own", JACOBIAN,
    "df_k (1 - s_k) is what output k sends to its own score. The other outputs of the row send something to z_k too.",
)  # fmt: skip
def _(self, df):
    (f,) = self.saved
    return df * (1 - np.exp(f))


@mistakes.of(
    "LogSoftmax.backward",
    "lb-logs",
    NO_EXP,
    "What was saved is log softmax. The slope needs softmax: exp.",
)
def _(self, df):
    (f,) = self.saved
    return df - f * df.sum(axis=self.axis, keepdims=True)


@mistakes.of(
    "LogSoftmax.backward", "lb-one", CHAIN, "That is right where df adds up to 1 in every row. In general it does not."
)
def _(self, df):
    (f,) = self.saved
    return df - np.exp(f)


@mistakes.of(
    "LogSoftmax.backward", "lb-softmax", "another function", "That is softmax's gradient, not its logarithm's."
)
def _(self, df):
    (f,) = self.saved
    s = np.exp(f)
    return s * (df - (df * s).sum(axis=self.axis, keepdims=True))


@mistakes.of("LogSoftmax.backward", "lb-axis", AXIS, "You sum along axis 1 whatever the axis of forward was.")
def _(self, df):
    (f,) = self.saved
    return df - np.exp(f) * df.sum(axis=1, keepdims=True)


@mistakes.of("LogSoftmax.backward", "lb-last", AXIS, "You sum along the last axis whatever the axis of forward was.")
def _(self, df):
    (f,) = self.saved
    return df - np.exp(f) * df.sum(axis=-1, keepdims=True)


@mistakes.of("LogSoftmax.backward", "lb-mean", MEAN, "All outputs of the row used z_k: their shares add up.")
def _(self, df):
    (f,) = self.saved
    return df - np.exp(f) * df.mean(axis=self.axis, keepdims=True)


# -- cross entropy -----------------------------------------------------------------------------------


def loss(id, kind, sentence):
    """A mistake of CrossEntropy.forward: the decorated function is the loss of z and targets."""

    def declare(E):
        def wrong(self, z, *, targets):
            forward(self, z, targets=targets)
            return E(z, targets)

        return mistakes.of("CrossEntropy.forward", id, kind, sentence)(wrong)

    return declare


def picked(f, targets):
    return f[np.arange(len(f)), targets]


@loss(
    "ce-overflow",
    OVERFLOW,
    "exp(800) is infinite, and inf / inf is nan. A constant may be subtracted from a row: which one?",
)
def _(z, t):
    e = np.exp(z)
    return -np.log(picked(e / e.sum(axis=1, keepdims=True), t)).mean()


@loss(
    "ce-sum",
    MEAN,
    "That is the sum over the batch. Asked for is the mean: then the learning rate need not depend on the batch size.",
)
def _(z, t):
    return -picked(log_probabilities(z, 1), t).sum()


@loss("ce-sign", SIGN, "A loss is never below 0 here: log of a probability is negative.")
def _(z, t):
    return picked(log_probabilities(z, 1), t).mean()


@loss("ce-meanall", MEAN, "The mean runs over classes too: off by the number of classes.")
def _(z, t):
    return -(log_probabilities(z, 1) * one_hot(z, t)).mean()


@loss("ce-axis0", AXIS, "The probabilities of a row must add up to 1; yours do down a column (axis 0).")
def _(z, t):
    return -picked(log_probabilities(z, 0), t).mean()


@loss(
    "ce-cols",
    LABELS,
    "f[:, t] takes a column for every label, an (N, N) array; each row wants its own label: f[arange(N), t].",
)
def _(z, t):
    return -log_probabilities(z, 1)[:, t].mean()


@loss("ce-log2", UNIT, "The unit is nats: natural logarithm. ln C is what guessing costs.")
def _(z, t):
    return -picked(log_probabilities(z, 1), t).mean() / z.dtype.type(np.log(2))


@loss("ce-maxsign", SHIFT, "The maximum is subtracted before the exponential but not from the logit itself.")
def _(z, t):
    return -picked(z - np.log(np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)), t).mean()


@loss("ce-logits", NO_SOFTMAX, "Those are the scores themselves. What is the logarithm of a probability?")
def _(z, t):
    return -picked(z, t).mean()


def gradient(id, kind, sentence):
    """A mistake of CrossEntropy.backward: the decorated function is dz, given f = log softmax(z), targets and df."""

    def declare(dz):
        def wrong(self, df):
            return dz(*self.saved, self.targets, df)

        return mistakes.of("CrossEntropy.backward", id, kind, sentence)(wrong)

    return declare


@gradient("ceb-N", MEAN, "The loss is a mean over N images; its gradient is missing the 1/N.")
def _(f, t, df):
    return df * (np.exp(f) - one_hot(f, t))


@gradient("ceb-NC", MEAN, "Divided by all N C numbers; the mean was over N images.")
def _(f, t, df):
    return df * (np.exp(f) - one_hot(f, t)) / f.size


@gradient("ceb-sign", SIGN, "true minus predicted climbs: the gradient is predicted minus true.")
def _(f, t, df):
    return df * (one_hot(f, t) - np.exp(f)) / len(f)


@gradient("ceb-df", CHAIN, "df is missing. A loss may be scaled or be part of a sum: then it is not 1.")
def _(f, t, df):
    return (np.exp(f) - one_hot(f, t)) / len(f)


@gradient(
    "ceb-bare", CHAIN, "That is dE/dz of one image's own loss. The batch's is a mean, and df arrives from behind it."
)
def _(f, t, df):
    return np.exp(f) - one_hot(f, t)


@gradient(
    "ceb-onlytarget", INCOMPLETE, "Only the right class gets a gradient; the others' probabilities must fall as well."
)
def _(f, t, df):
    return (np.exp(f) - 1) * one_hot(f, t) * df / len(f)


@gradient("ceb-noonehot", INCOMPLETE, "That is the predicted distribution alone; subtract 1 at the right class.")
def _(f, t, df):
    return df * np.exp(f) / len(f)


@gradient(
    "ceb-cols", LABELS, "dz[:, t] -= 1 subtracts in every row at every label's column. Index rows and labels in pairs."
)
def _(f, t, df):
    s = np.exp(f)
    s[:, t] -= 1
    return df * s / len(f)


@mistakes.of("CrossEntropy.backward", "ceb-logit", NO_SOFTMAX, "That is z minus one-hot: the softmax was left out.")
def _(self, df):
    return df * (self.z - one_hot(self.z, self.targets)) / len(self.z)


def saving_z(self, z, *, targets):
    self.z = z
    return forward(self, z, targets=targets)


mistakes.known[-1].bodies["minidelve/ops/cross_entropy.py:CrossEntropy.forward"] = saving_z


@gradient("ceb-log", NO_EXP, "That is log softmax minus one-hot: the exponential was left out.")
def _(f, t, df):
    return df * (f - one_hot(f, t)) / len(f)


# -- the linear layer --------------------------------------------------------------------------------


def layer(id, kind, sentence):
    """A mistake of Linear.backward: the decorated function is (dx, dW, db), given df, x and W."""

    def declare(gradients):
        def wrong(self, df):
            return gradients(df, *self.saved)

        return mistakes.of("Linear.backward", id, kind, sentence)(wrong)

    return declare


@layer("lin-dbmean", MEAN, "b was added in every row: contributions add up. Who divides by N? The loss did already.")
def _(df, x, W):
    return df @ W, df.T @ x, df.mean(axis=0)


@layer("lin-dWmean", MEAN, "dW is divided by the batch size, but df comes from a mean loss and holds the 1/N already.")
def _(df, x, W):
    return df @ W, df.T @ x / len(x), df.sum(axis=0)


@layer("lin-dWT", SHAPE, "dW is transposed: W is (out, in) here.")
def _(df, x, W):
    return df @ W, x.T @ df, df.sum(axis=0)


@layer("lin-dball", SHAPE, "db is one number; each output unit has a bias of its own.")
def _(df, x, W):
    return df @ W, df.T @ x, df.sum()


@layer("lin-db1", AXIS, "db is summed over the units, not over the batch.")
def _(df, x, W):
    return df @ W, df.T @ x, df.sum(axis=1)


@layer("lin-dball1", SHAPE, "db has an axis too many: it has the shape of b, (out,).")
def _(df, x, W):
    return df @ W, df.T @ x, df.sum(axis=0, keepdims=True)


@layer("lin-dbnone", SHAPE, "That is a row for every image. b is one row, and every image used it.")
def _(df, x, W):
    return df @ W, df.T @ x, df


@layer(
    "lin-fit", "shapes that do not fit", "Write the shapes down: df (N, out), W (out, in), x (N, in). Which sides meet?"
)
def _(df, x, W):
    return df @ W.T, df.T @ x, df.sum(axis=0)
