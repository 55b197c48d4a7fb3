"""The generator that an op or a layer draws from."""

from __future__ import annotations

from typing import Any


def check_generator(what: str, rng: Any) -> None:
    """TypeError unless rng is None or can draw, as NumPy's generators can; a seed or a switch cannot."""
    if rng is not None and not hasattr(rng, "standard_normal"):
        seed = rng if isinstance(rng, int) and not isinstance(rng, bool) else "seed"
        raise TypeError(f"{what}: rng is {rng!r:.40}; expected a generator; write rng=np.random.default_rng({seed})")
