"""check_gradients: is a backward the derivative of its forward?

For a function f of arrays and a random cotangent r of f's shape, look at one number,

    E(x) = sum of r * f(x).

backward() claims dE/dx.  Without any calculus, the central difference

    (E(x + h e_i) - E(x - h e_i)) / 2h  =  dE/dx_i + O(h^2)

says what it should be, one element i at a time.  In float64 with h = 1e-5 both agree to about 1e-9;
a wrong formula is off by about 1.  r is random because an all-ones one cannot see swapped axes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minidelve.backend import to_device
from minidelve.tensor import Tensor


def check_gradients(
    f: Callable[..., Tensor],
    *arrays: Any,
    tolerance: float = 1e-6,
    step: float = 1e-5,
    seed: int = 0,
    device: str = "cpu",
) -> float:
    """Compare the gradients of f(*Tensors) by central differences; return the largest error.

    arrays     inputs of f, converted to float64; every element of each is moved once
    tolerance  of |claimed - measured| / max(1, |measured|); AssertionError names the first element beyond it
    step       h above, relative to max(1, |x_i|)
    device     where f computes, "cpu" or "cuda"

    Keep inputs away from kinks (0 of a ReLU, ties of a maximum): there is no derivative there.

    >>> check_gradients(lambda x: x * x, np.array([1.0, -2.0])) < 1e-9
    True
    """
    points = [np.array(x, np.float64) for x in arrays]
    inputs = [Tensor(to_device(x.copy(), device), requires_grad=True) for x in points]
    y = f(*inputs)
    r = np.random.default_rng(seed).standard_normal(y.shape)
    y.backward(to_device(r, device))

    def E() -> float:
        y = f(*(Tensor(to_device(x, device)) for x in points))
        return float((r * to_device(y.data, "cpu")).sum())

    largest = 0.0
    for k, (x, tensor) in enumerate(zip(points, inputs, strict=True)):
        claimed = np.zeros_like(x) if tensor.grad is None else to_device(tensor.grad, "cpu")
        for i in np.ndindex(x.shape):
            measured = _central_difference(E, x, i, step)
            error = float(abs(claimed[i] - measured) / max(1.0, abs(measured)))
            if not error <= tolerance:
                raise AssertionError(
                    f"gradient of input {k} at {i}: backward says {claimed[i]:.9g}, central differences "
                    f"{measured:.9g} (error {error:.2g} > {tolerance:g})"
                )
            largest = max(largest, error)
    return largest


def _central_difference(E: Callable[[], float], x: np.ndarray, i: tuple[int, ...], step: float) -> float:
    before = x[i]
    h = step * max(1.0, abs(before))
    x[i] = before + h
    above = E()
    x[i] = before - h
    below = E()
    x[i] = before
    return (above - below) / (2 * h)
