"""The paper's networks by name: `create("lab14", num_classes=10)`."""

from __future__ import annotations

from collections.abc import Sequence

from minidelve.models.small14 import LAB14, SMALL14
from minidelve.models.table import ACTIVATIONS, INITS, Network, Row, build

TABLES: dict[str, Sequence[Row]] = {"small14": SMALL14, "lab14": LAB14}


def create(name: str, num_classes: int, activation: str = "prelu", init: str = "he", seed: int = 0) -> Network:
    """The network `name` with freshly drawn weights.

    name         small14 (224-pixel images) or lab14 (64-pixel images)
    activation   prelu (a slope per channel), prelu-shared (one per layer), lrelu (0.01) or relu
    init         he (equations 10, 10a), he-backward (14), xavier (std sqrt(1/n)) or gaussian (std 0.01)
    seed         the same seed gives the same weights and the same dropout

    Raises ValueError for another name, activation, init or number of classes.

    >>> create("lab14", num_classes=20).fc3
    Linear(512, 20)
    """
    for what, value, known in (
        ("model", name, TABLES),
        ("activation", activation, ACTIVATIONS),
        ("init", init, INITS),
    ):
        if value not in known:
            raise ValueError(f"{what} {value!r} is unknown; expected one of: {', '.join(known)}")
    if num_classes < 1:
        raise ValueError(f"num_classes is {num_classes}; expected at least 1")
    return build(name, TABLES[name], num_classes, activation, init, seed)


__all__ = ["ACTIVATIONS", "INITS", "TABLES", "Network", "create"]
