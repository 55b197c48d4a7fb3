"""Arguments of ops that are plain numbers, or generators."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidelve.errors import shown


def number(op: str, name: str, value: Any, cure: str = "") -> int | float:
    """A number of Python's or NumPy's, or an array without axes, as one of Python's, which widens no array.

    Raises TypeError for anything else, with the cure, and for one beyond float64.
    """
    plain = value.item() if isinstance(value, (np.generic, np.ndarray)) and np.ndim(value) == 0 else value
    plain = float(plain) if isinstance(plain, np.floating) else plain  # a long double's item is one again
    if not isinstance(plain, (int, float)):
        raise TypeError(f"{op}: {name} is a {type(value).__name__}; expected a number{cure and f' ({cure})'}")
    try:
        float(plain)
    except OverflowError:
        raise TypeError(f"{op}: {name} is too large an integer; expected a number that float64 holds") from None
    return plain


def check_generator(what: str, rng: Any) -> None:
    """TypeError unless rng is None or can draw, as NumPy's generators can; a seed or a switch cannot."""
    if rng is not None and not hasattr(rng, "standard_normal"):
        seed = rng if isinstance(rng, int) and not isinstance(rng, bool) else "seed"
        raise TypeError(f"{what}: rng is {shown(rng)}; expected a generator; write rng=np.random.default_rng({seed})")
