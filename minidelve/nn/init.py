"""How large initial weights should be, derived as in the paper's section 2.2.

Notation: layer l computes y_l = W_l x_l + b_l, with x_l = f(y_{l-1}). Each response is a sum of
n_l products: n = k^2 c for a k x k conv layer of c input channels, n = in for a linear layer
(the *fan-in*). Weights are independent of each other and of x, with mean 0; the numbers of x_l share
one distribution; biases are 0.

Forward. How does the variance of responses change from layer to layer?

    Var[y_l] = n_l Var[w_l x_l]                    a sum of n_l independent terms            (6)
             = n_l Var[w_l] E[x_l^2]               w has mean 0                              (7)

It is E[x^2], not Var[x]: after a rectifier x has no zero mean. If w_{l-1} is symmetric around 0,
so is y_{l-1}, and f = ReLU keeps exactly half of its second moment:

    E[x_l^2] = 1/2 Var[y_{l-1}]
    Var[y_l] = 1/2 n_l Var[w_l] Var[y_{l-1}]                                                 (8)
    Var[y_L] = Var[y_1] * product over l = 2..L of  1/2 n_l Var[w_l]                         (9)

If each factor is beta, the end is off by beta^(L-1). So make each factor 1.

    1/2 n_l Var[w_l] = 1      std = sqrt(2 / n_l)                                           (10)

(The first layer reads an image, not a rectifier's output: n_1 Var[w_1] = 1 would do. One factor 2
in one layer is harmless, so the paper keeps (10) for all.)

Backward. Write dx for dE/dx and dy for dE/dy. dx_l is a sum as well, of nhat_l = k^2 d products, d
the number of filters (the *fan-out*):

    dx_l = W^_l dy_l                               W^_l: the numbers of W_l, rearranged     (11)
    dy_l = f'(y_l) dx_{l+1}                        the chain rule

f' is 0 or 1, each half of the time, and taken to be independent of dx_{l+1}, which has mean 0; dy_l then
has mean 0 as well, so Var[dy_l] = E[dy_l^2], and

    E[dy_l^2]  = 1/2 Var[dx_{l+1}]
    Var[dx_l]  = nhat_l Var[w_l] Var[dy_l] = 1/2 nhat_l Var[w_l] Var[dx_{l+1}]              (12)
    Var[dx_2]  = Var[dx_{L+1}] * product over l = 2..L of  1/2 nhat_l Var[w_l]              (13)

    1/2 nhat_l Var[w_l] = 1   std = sqrt(2 / nhat_l)                                        (14)

Either condition alone is enough. With (14) a factor of the forward product (9) is n_l / nhat_l = c_l / d_l.
The channels into a layer are the filters of the one before, c_l = d_{l-1}, so in the product all of them
cancel but the first and the last: it becomes c_2 / d_L, which does not shrink with depth.

PReLU keeps half of the second moment and a^2 of the other half.
So 1/2 becomes (1 + a^2) / 2:

    1/2 (1 + a^2) n_l Var[w_l] = 1    std = sqrt(2 / ((1 + a^2) n_l))                      (10a)

a = 0 is ReLU. a = 1 is a linear layer, for which Xavier initialization (Glorot & Bengio 2010)
was derived: forward, backward, or as a compromise with the mean of the two fans.

    Var[w] = 1/n,    1/nhat,    2 / (n + nhat)

The paper compares with the first, `xavier_normal_(w, mode="fan_in")`.
He's std is sqrt(2) times as large: over L rectifier layers Xavier multiplies the signal's standard deviation
by 2^(-(L-1)/2), the L - 1 factors of (9). At L = 30 that is 4e-5.

A uniform distribution on [-b, b] has variance b^2/3: b = sqrt(3) std.

The functions below fill a weight (out, in) or (out, in, kh, kw) in place and return it. They raise ValueError for
another shape, for an empty weight, and for an unknown mode.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minidelve.backend import to_device
from minidelve.errors import shown
from minidelve.ops.arguments import check_generator
from minidelve.pytorch_names import knowing_pytorch, names_of
from minidelve.tensor import Tensor, refuse_bare_arrays


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan-in n, fan-out nhat) of a weight (out, in) or (out, in, kh, kw).

    A kernel of several taps multiplies both: (d, c, kh, kw) -> (kh kw c, kh kw d).

    >>> fans((128, 64, 3, 3))
    (576, 1152)
    """
    if len(shape) < 2:
        raise ValueError(f"init: a weight of shape {shape} has no fan-in; expected (out, in) or (out, in, kh, kw)")
    if 0 in shape:
        raise ValueError(f"init: a weight of shape {shape} is empty; expected at least one input and one output")
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def he_std(shape: tuple[int, ...], mode: str = "fan_in", a: float = 0.0) -> float:
    """The standard deviation of equations (10), (14) and (10a) for a weight of this shape.

    >>> [round(he_std((d, c, 3, 3)), 3) for c, d in ((64, 64), (128, 128), (256, 256), (512, 512))]
    [0.059, 0.042, 0.029, 0.021]
    """
    n = fan(shape, mode)
    if not isinstance(a, int | float | np.number):
        raise TypeError(f"init: a is {shown(a)}; expected a number, the slope behind the layer")
    return math.sqrt(2 / ((1 + a * a) * n))  # (10) (14) (10a)


def xavier_std(shape: tuple[int, ...], mode: str = "fan_avg") -> float:
    """The standard deviation of Xavier's rule for a weight of this shape; mode "fan_avg" is the compromise.

    That is sqrt(1/n) for "fan_in", sqrt(1/nhat) for "fan_out", sqrt(2 / (n + nhat)) for "fan_avg".
    """
    return math.sqrt(1 / fan(shape, mode, ("fan_in", "fan_out", "fan_avg")))


def fan(shape: tuple[int, ...], mode: str, modes: tuple[str, ...] = ("fan_in", "fan_out")) -> float:
    """The fan named by mode: n, nhat, or for "fan_avg" their mean; ValueError for a mode not in modes."""
    if mode not in modes:
        raise ValueError(f"init: mode {mode!r} is unknown; expected one of {', '.join(modes)}")
    n, nhat = fans(shape)
    return {"fan_in": n, "fan_out": nhat, "fan_avg": (n + nhat) / 2}[mode]


def he_normal_(w: Tensor, mode: str = "fan_in", a: float = 0.0, rng: np.random.Generator | None = None) -> Tensor:
    """Fill w from a normal distribution: equation (10), (14) with mode="fan_out", (10a) with a slope a.

    It is N(0, 2 / ((1 + a^2) n)).
    """
    return normal_(w, he_std(shape_of(w), mode, a), rng)


def he_uniform_(w: Tensor, mode: str = "fan_in", a: float = 0.0, rng: np.random.Generator | None = None) -> Tensor:
    """As he_normal_, from a uniform distribution of the same variance.

    Its bound is sqrt(6 / ((1 + a^2) n)).
    """
    return uniform_(w, bound=math.sqrt(3) * he_std(shape_of(w), mode, a), rng=rng)


def xavier_normal_(w: Tensor, mode: str = "fan_avg", rng: np.random.Generator | None = None) -> Tensor:
    """Fill w from a normal distribution by Xavier's rule; mode="fan_in" gives the paper's comparison.

    They are N(0, 2 / (n + nhat)) and N(0, 1 / n).
    """
    return normal_(w, xavier_std(shape_of(w), mode), rng)


def xavier_uniform_(w: Tensor, mode: str = "fan_avg", rng: np.random.Generator | None = None) -> Tensor:
    """As xavier_normal_, from a uniform distribution of the same variance.

    Its bound is sqrt(6 / (n + nhat)).
    """
    return uniform_(w, bound=math.sqrt(3) * xavier_std(shape_of(w), mode), rng=rng)


def shape_of(w: Tensor) -> tuple[int, ...]:
    """The shape of a weight; TypeError with the cure for what is none, such as the layer that has it."""
    if not isinstance(w, Tensor) and isinstance(getattr(w, "weight", None), Tensor):
        raise TypeError(f"init works on a weight; got a {type(w).__name__}: pass its weight, layer.weight")
    refuse_bare_arrays("init", w)
    return w.shape


def kaiming_normal_(
    w: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    rng: np.random.Generator | None = None,
) -> Tensor:
    """he_normal_ with PyTorch's name and order of arguments; He's first name is Kaiming.

    nonlinearity   what stands behind the layer: "leaky_relu" of slope a, "relu" (a does not count), or "linear"
    """
    return he_normal_(w, mode, slope_behind(nonlinearity, a), rng)


def kaiming_uniform_(
    w: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    rng: np.random.Generator | None = None,
) -> Tensor:
    """he_uniform_ with PyTorch's name and order of arguments, as in kaiming_normal_."""
    return he_uniform_(w, mode, slope_behind(nonlinearity, a), rng)


def slope_behind(nonlinearity: str, a: float) -> float:
    """The slope that counts in (10a); ValueError for what is no rectifier, for which (10a) was not derived.

    >>> slope_behind("leaky_relu", 0.25), slope_behind("relu", 0.25), slope_behind("linear", 0.25)
    (0.25, 0.0, 1.0)
    """
    slopes = {"leaky_relu": a, "relu": 0.0, "linear": 1.0}
    if nonlinearity not in slopes:
        raise ValueError(
            f"init: nonlinearity {shown(nonlinearity)} is unknown; expected one of {', '.join(slopes)}; write "
            "normal_(w, std) for another"
        )
    return slopes[nonlinearity]


# Xavier Glorot's initialization goes by both of his names.
glorot_normal_, glorot_uniform_ = xavier_normal_, xavier_uniform_


def normal_(w: Tensor, std: float, rng: np.random.Generator | None = None) -> Tensor:
    """Fill w from N(0, std^2), in place; returns w. Without rng the draw is not repeatable.

    Raises ValueError for a std that is not above 0. There is no mean: it is 0.
    """
    _check("std", std)
    return _fill(w, lambda rng: std * rng.standard_normal(shape_of(w)), rng)


def uniform_(w: Tensor, *, bound: float, rng: np.random.Generator | None = None) -> Tensor:
    """Fill w evenly from [-bound, bound], in place; returns w. Raises ValueError for a bound that is not above 0."""
    _check("bound", bound)
    return _fill(w, lambda rng: rng.uniform(-bound, bound, shape_of(w)), rng)


def _check(name: str, number: float) -> None:
    if not 0 < number < math.inf:
        raise ValueError(f"init: {name} is {number}; expected a number above 0 (the mean is 0)")


def _fill(w: Tensor, draw: Callable[[np.random.Generator], Any], rng: np.random.Generator | None) -> Tensor:
    shape_of(w)
    check_generator("init", rng)
    if w.dtype.kind != "f":  # most numbers would become 0
        raise TypeError(f"a tensor of {w.dtype} cannot be filled at random; expected float32 or float64")
    values = draw(np.random.default_rng() if rng is None else rng)
    w.data[...] = to_device(values.astype(w.dtype), w.device)
    return w


# A mistake in their arguments, such as one of PyTorch's, is answered with the cure.
for _name in [name for name in dir() if name.endswith("_") and not name.startswith("_")]:
    globals()[_name] = knowing_pytorch(globals()[_name])
__getattr__ = names_of(__name__)
