"""check_gradients: is a backward the derivative of its forward?

For a function f of arrays and a random cotangent r of f's shape, look at one number,

    E(x) = sum of r * f(x).

backward() claims g = dE/dx. Without any calculus, the central difference along a direction d,

    (E(x + h d) - E(x - h d)) / 2h  =  sum of d_i dE/dx_i + O(h^2),

says what the sum of d_i g_i should be. r is random because an all-ones one cannot see swapped axes.

A direction moves all elements at once, so a check costs the same however many there are. Along

    d_i = u_i max(1, |x_i|),      u_i random, of either sign and between 1 and 2 in size,

claim and measurement differ by the sum of d_i e_i, where e_i is the error of g_i. One wrong element among
thousands is thus seen in full. For several to cancel to less than a tolerance t, the u of the worst must
fall into an interval of length 2 t / |e| by chance: a probability of at most t / |e|. So three directions
are taken.

Where one does not agree, each element is moved on its own. These differences have the last word, since they
can be held against the size of the gradient they measure, and they name the wrong element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minidelve.backend import to_device
from minidelve.tensor import Tensor

DIRECTIONS = 3
Arrays = list[np.ndarray]


def check_gradients(
    f: Callable[..., Tensor],
    *arrays: Any,
    tolerance: float = 1e-6,
    step: float = 1e-5,
    seed: int = 0,
    device: str = "cpu",
) -> float:
    """Compare the gradients of f(*Tensors) with central differences; return the largest error.

    arrays     inputs of f, converted to float64
    tolerance  of |claimed - measured| / max(1, |measured|); AssertionError names the first element beyond it
    step       h above
    seed       of the cotangent and the directions
    device     where f computes, "cpu" or "cuda"

    Right gradients agree to about 1e-9, a wrong formula is off by about 1. Keep inputs away from kinks
    (0 of a ReLU, ties of a maximum): there is no derivative there.

    >>> check_gradients(lambda x: x * x, np.array([1.0, -2.0])) < 1e-9
    True
    """
    points = [np.array(x, np.float64) for x in arrays]
    inputs = [Tensor(to_device(x, device), requires_grad=True) for x in points]
    y = f(*inputs)
    rng = np.random.default_rng(seed)
    r = rng.standard_normal(y.shape)
    y.backward(to_device(r, device))
    claimed = [np.zeros(t.shape) if t.grad is None else to_device(t.grad, "cpu") for t in inputs]

    def change(above: Arrays, below: Arrays) -> float:
        """E(above) - E(below), subtracted before it is summed: what stays the same then adds no rounding."""
        high, low = (to_device(f(*(Tensor(to_device(x, device)) for x in xs)).data, "cpu") for xs in (above, below))
        return float((r * (high - low)).sum())

    errors = [_error_along(_direction(points, rng), points, claimed, change, step) for _ in range(DIRECTIONS)]
    if all(error <= tolerance for error in errors):  # NaN is not
        return max(errors)
    return _error_of_elements(points, claimed, change, step, tolerance)


def _direction(points: Arrays, rng: np.random.Generator) -> Arrays:
    return [rng.uniform(1, 2, x.shape) * rng.choice((-1, 1), x.shape) * np.maximum(1, np.abs(x)) for x in points]


def _error_along(direction: Arrays, points: Arrays, claimed: Arrays, change: Callable, step: float) -> float:
    """|claim - measurement| along a direction of all inputs."""
    above = [x + step * d for x, d in zip(points, direction, strict=True)]
    below = [x - step * d for x, d in zip(points, direction, strict=True)]
    with np.errstate(invalid="ignore"):  # infinity - infinity is NaN, which agrees with nothing
        # above - below is 2 h d, but for the rounding of x + h d
        claim = sum(float((g * (a - b)).sum()) for g, a, b in zip(claimed, above, below, strict=True))
    return abs(claim - change(above, below)) / (2 * step)


def _error_of_elements(points: Arrays, claimed: Arrays, change: Callable, step: float, tolerance: float) -> float:
    """The largest error of all elements, each moved on its own; AssertionError if one is beyond the tolerance."""
    largest = 0.0
    for k, (x, g) in enumerate(zip(points, claimed, strict=True)):
        for i in np.ndindex(x.shape):
            above, below = ([*points[:k], x.copy(), *points[k + 1 :]] for _ in range(2))
            h = step * max(1.0, float(abs(x[i])))
            above[k][i] += h
            below[k][i] -= h
            measured = change(above, below) / (2 * h)
            error = float(abs(g[i] - measured) / max(1.0, abs(measured)))
            if not error <= tolerance:
                raise AssertionError(
                    f"gradient of input {k} at {i}: backward says {g[i]:.9g}, central differences "
                    f"{measured:.9g} (error {error:.2g} > {tolerance:g})"
                )
            largest = max(largest, error)
    return largest
