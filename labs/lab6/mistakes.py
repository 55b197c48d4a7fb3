"""Lab 6: what has been written in place of a fan or a standard deviation, and what to say to it."""

import math

from minidelve.labs.task import Mistakes

mistakes = Mistakes()

COUNTED = "another number was counted"
WINDOW = "the window of the kernel"
ROOT = "a variance in place of a deviation, or another root"
WHICH = "the right rule for another fan"
SLOPE = "what the slope changes"
REFUSED = "a shape that has no fans"


def checked(shape):
    """As the product refuses a shape."""
    if len(shape) < 2 or 0 in shape:
        raise ValueError("init: no fans")


def fans_of(shape):
    from minidelve.nn.init import fans

    return fans(shape)


def fan_of(shape, mode):
    n, nhat = fans_of(shape)
    return {"fan_in": n, "fan_out": nhat, "fan_avg": (n + nhat) / 2}[mode]


# ---- fans


@mistakes.of("fans", "fa-swapped", WHICH, "A weight is (out, in): what comes in is the second number, not the first.")
def _(shape):
    checked(shape)
    window = math.prod(shape[2:])
    return shape[0] * window, shape[1] * window


@mistakes.of(
    "fans",
    "fa-nowindow",
    WINDOW,
    "One response of a conv layer sums over every tap of its window: k^2 c numbers, not c.",
)
def _(shape):
    checked(shape)
    return shape[1], shape[0]


@mistakes.of("fans", "fa-side", WINDOW, "A k x k kernel has k^2 taps; you counted k, one side of it.")
def _(shape):
    checked(shape)
    side = shape[2] if len(shape) > 2 else 1
    return shape[1] * side, shape[0] * side


@mistakes.of("fans", "fa-square", WINDOW, "A kernel need not be square: its taps are kh kw, not kh^2.")
def _(shape):
    checked(shape)
    window = shape[2] ** 2 if len(shape) > 2 else 1
    return shape[1] * window, shape[0] * window


@mistakes.of("fans", "fa-added", WINDOW, "kh + kw is no number of taps: a window of kh rows and kw columns has kh kw.")
def _(shape):
    checked(shape)
    window = sum(shape[2:]) or 1
    return shape[1] * window, shape[0] * window


@mistakes.of("fans", "fa-all", COUNTED, "Both are the number of all weights; one response sums over one filter only.")
def _(shape):
    checked(shape)
    return math.prod(shape), math.prod(shape)


@mistakes.of(
    "fans", "fa-outwindow", WINDOW, "Backward a number of x is used by every tap as well: the fan-out has the k^2 too."
)
def _(shape):
    checked(shape)
    return math.prod(shape[1:]), shape[0]


@mistakes.of("fans", "fa-inwindow", WINDOW, "The window is in the fan-out, and missing in the fan-in.")
def _(shape):
    checked(shape)
    return shape[1], shape[0] * math.prod(shape[2:])


@mistakes.of(
    "fans",
    "fa-order",
    COUNTED,
    "You read the weight as (kh, kw, in, out), another framework's order; it is (out, in, kh, kw).",
)
def _(shape):
    checked(shape)
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


@mistakes.of(
    "fans",
    "fa-unrefused",
    REFUSED,
    "The fans are right, but a bias, a number and an empty weight have none: ValueError.",
)
def _(shape):
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


@mistakes.of(
    "fans", "fa-empty", REFUSED, "An empty weight passes: with a fan of 0 the deviation would be infinite. ValueError."
)
def _(shape):
    if len(shape) < 2:
        raise ValueError("init: no fans")
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


# ---- he_std


@mistakes.of("he_std", "he-var", ROOT, "2/n is the variance; a standard deviation is its root.")
def _(shape, mode="fan_in", a=0.0):
    return 2 / ((1 + a * a) * fan_of(shape, mode))


@mistakes.of(
    "he_std",
    "he-fanout",
    WHICH,
    "n counts what comes in: k^2 times the input channels. You counted the filters (fan-out).",
)
def _(shape, mode="fan_in", a=0.0):
    return math.sqrt(2 / ((1 + a * a) * fans_of(shape)[1]))


@mistakes.of("he_std", "he-first", ROOT, "2/n is the variance; a standard deviation is its root. Then comes (10a).")
def _(shape, mode="fan_in", a=0.0):
    return 2 / fan_of(shape, mode)


@mistakes.of("he_std", "he-linear", ROOT, "Neither the ReLU nor the slope counts: that is a linear layer's 1/n.")
def _(shape, mode="fan_in", a=0.0):
    return math.sqrt(1 / fan_of(shape, mode))


@mistakes.of("he_std", "he-size", COUNTED, "n is the number of all weights; a response sums over one filter.")
def _(shape, mode="fan_in", a=0.0):
    return math.sqrt(2 / ((1 + a * a) * math.prod(shape)))


@mistakes.of("he_std", "he-6", ROOT, "sqrt(6/n) is the bound of the uniform distribution with this variance.")
def _(shape, mode="fan_in", a=0.0):
    return math.sqrt(6 / ((1 + a * a) * fan_of(shape, mode)))


@mistakes.of("he_std", "he-half", ROOT, "1/2 n Var = 1 means Var = 2/n, not 1/(2n).")
def _(shape, mode="fan_in", a=0.0):
    return math.sqrt(1 / (2 * (1 + a * a) * fan_of(shape, mode)))


@mistakes.of("he_std", "he-mode", WHICH, "It is the fan-in whatever the mode: (14) is the same condition backward.")
def _(shape, mode="fan_in", a=0.0):
    return math.sqrt(2 / ((1 + a * a) * fans_of(shape)[0]))


@mistakes.of("he_std", "he-exchanged", WHICH, "The two fans are exchanged: fan_in belongs to (10), fan_out to (14).")
def _(shape, mode="fan_in", a=0.0):
    nhat, n = fans_of(shape)
    return math.sqrt(2 / ((1 + a * a) * {"fan_in": n, "fan_out": nhat}[mode]))


@mistakes.of(
    "he_std", "he-xavier", ROOT, "The 1/2 is missing: that is a linear layer's 1/n. A ReLU lets half of E[y^2] pass."
)
def _(shape, mode="fan_in", a=0.0):
    return math.sqrt(1 / ((1 + a * a) * fan_of(shape, mode)))


@mistakes.of(
    "he_std", "he-noslope", SLOPE, "That is right for ReLU. PReLU lets a part of the negative half pass: (10a)."
)
def _(shape, mode="fan_in", a=0.0):
    return math.sqrt(2 / fan_of(shape, mode))


@mistakes.of(
    "he_std", "he-a", SLOPE, "The slope stands in a second moment: it counts as a^2, so its sign does not matter."
)
def _(shape, mode="fan_in", a=0.0):
    return math.sqrt(2 / ((1 + abs(a)) * fan_of(shape, mode)))


@mistakes.of("he_std", "he-plain", SLOPE, "1 + a, and it is to be 1 + a^2: what passes is squared in E[x^2].")
def _(shape, mode="fan_in", a=0.0):
    return math.sqrt(2 / ((1 + a) * fan_of(shape, mode)))


@mistakes.of(
    "he_std", "he-times", SLOPE, "More of the signal passes with a slope, so weights must be smaller, not larger."
)
def _(shape, mode="fan_in", a=0.0):
    return math.sqrt(2 * (1 + a * a) / fan_of(shape, mode))


@mistakes.of("he_std", "he-outside", SLOPE, "1 + a^2 belongs under the root: it is a factor of the variance.")
def _(shape, mode="fan_in", a=0.0):
    return math.sqrt(2 / fan_of(shape, mode)) / (1 + a * a)


@mistakes.of("he_std", "he-one-less", SLOPE, "The halves add up, 1/2 + a^2/2: where does your minus come from?")
def _(shape, mode="fan_in", a=0.0):
    return math.sqrt(2 / ((1 - a * a / 2) * fan_of(shape, mode)))


# ---- xavier_std


@mistakes.of("xavier_std", "xa-var", ROOT, "1/n is the variance; a standard deviation is its root.")
def _(shape, mode="fan_avg"):
    return 1 / fan_of(shape, mode)


@mistakes.of("xavier_std", "xa-he", ROOT, "The 2 makes up for a rectifier; Xavier's rule knows linear layers only.")
def _(shape, mode="fan_avg"):
    return math.sqrt(2 / fan_of(shape, mode))


@mistakes.of("xavier_std", "xa-half", ROOT, "1/(2n): in a linear layer nothing is halved.")
def _(shape, mode="fan_avg"):
    return math.sqrt(1 / (2 * fan_of(shape, mode)))


@mistakes.of(
    "xavier_std", "xa-uniform", ROOT, "That is the bound of the uniform distribution, sqrt(3) times its deviation."
)
def _(shape, mode="fan_avg"):
    return math.sqrt(3 / fan_of(shape, mode))


@mistakes.of(
    "xavier_std", "xa-sum", WHICH, "The compromise takes the mean of the two fans. You took their sum, twice as much."
)
def _(shape, mode="fan_avg"):
    n, nhat = fans_of(shape)
    return math.sqrt(1 / {"fan_in": n, "fan_out": nhat, "fan_avg": n + nhat}[mode])


@mistakes.of(
    "xavier_std", "xa-geometric", WHICH, "The compromise is 2/(n + nhat), not the geometric mean of both fans."
)
def _(shape, mode="fan_avg"):
    n, nhat = fans_of(shape)
    return math.sqrt(1 / {"fan_in": n, "fan_out": nhat, "fan_avg": math.sqrt(n * nhat)}[mode])


@mistakes.of(
    "xavier_std",
    "xa-variances",
    WHICH,
    "You averaged the two variances. The compromise averages the fans, then divides.",
)
def _(shape, mode="fan_avg"):
    n, nhat = fans_of(shape)
    return math.sqrt({"fan_in": 1 / n, "fan_out": 1 / nhat, "fan_avg": (1 / n + 1 / nhat) / 2}[mode])


@mistakes.of(
    "xavier_std", "xa-deviations", WHICH, "You averaged the two deviations. The compromise averages the fans first."
)
def _(shape, mode="fan_avg"):
    n, nhat = fans_of(shape)
    one, other = math.sqrt(1 / n), math.sqrt(1 / nhat)
    return {"fan_in": one, "fan_out": other, "fan_avg": (one + other) / 2}[mode]


@mistakes.of("xavier_std", "xa-fanin", WHICH, "It is the fan-in whatever the mode.")
def _(shape, mode="fan_avg"):
    return math.sqrt(1 / fans_of(shape)[0])


@mistakes.of(
    "xavier_std", "xa-avg", WHICH, "It is the compromise whatever the mode; fan_in and fan_out have rules too."
)
def _(shape, mode="fan_avg"):
    return math.sqrt(1 / fan_of(shape, "fan_avg"))


@mistakes.of("xavier_std", "xa-exchanged", WHICH, "The two fans are exchanged: fan_in is what one response sums over.")
def _(shape, mode="fan_avg"):
    nhat, n = fans_of(shape)
    return math.sqrt(1 / {"fan_in": n, "fan_out": nhat, "fan_avg": (n + nhat) / 2}[mode])


@mistakes.of("xavier_std", "xa-size", COUNTED, "That is the number of all weights; a response sums over one filter.")
def _(shape, mode="fan_avg"):
    return math.sqrt(1 / math.prod(shape))
