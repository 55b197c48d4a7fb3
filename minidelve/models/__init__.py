"""The paper's networks by name: `create("lab14", num_classes=10)`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from minidelve.models.auxiliary import AUX_WEIGHT, AuxiliaryNetwork
from minidelve.models.large import MODEL_A, MODEL_B, MODEL_C, VGG19
from minidelve.models.network import Network
from minidelve.models.small14 import LAB14, SMALL14, SMALL30
from minidelve.models.table import (
    ACTIVATIONS,
    FC_INITS,
    INITS,
    LRELU_SLOPE,
    UNFILLED,
    FullyConnected,
    Row,
    build,
    init_of_fc,
    initialize,
    resized,
    starting_slope,
)

TABLES: dict[str, Sequence[Row]] = {
    "small14": SMALL14, "lab14": LAB14, "small30": SMALL30,
    "model_a": MODEL_A, "model_b": MODEL_B, "model_c": MODEL_C, "vgg19": VGG19,
}  # fmt: skip


def create(
    name: str,
    num_classes: int,
    activation: str = "prelu",
    init: str = "he",
    seed: int = 0,
    *,
    slope: float = LRELU_SLOPE,
    width: float = 1.0,
    levels: Sequence[int] | None = None,
    fc: int | None = None,
    fc_init: str = "table",
    aux_after: str | None = None,
    aux_weight: float = AUX_WEIGHT,
) -> Network:
    """The network `name` with freshly drawn weights.

    name         small14, small30, model_a, model_b, model_c or vgg19 (224 pixels), lab14 (56 pixels);
                 their pyramid takes images of other sizes too
    activation   prelu (a slope per channel), prelu-shared (one per layer), lrelu (fixed) or relu
    init         he (equations 10, 10a), he-backward (14), xavier (std sqrt(1/n)) or gaussian (std 0.01); the fully
                 connected layers of all but lab14 have the fixed 0.01, 0.01, 0.001 of section 2.2 with each of them;
                 "unfilled" leaves in the weights whatever lay in memory, for shapes or for loading others
    seed         the same seed gives the same weights and the same dropout
    slope        of lrelu, taken into account by he and he-backward (10a)
    width        a factor for the channels of every conv layer, rounded, at least one channel is left
    levels       of the pyramid, in place of the table's
    fc           units of fc1 and fc2, in place of the table's; `width` leaves them alone
    fc_init      of the fully connected layers: "table", as above, or "he" with each `init`.  The fixed standard
                 deviations are meant for 4,096 units: where `fc` gives few, hardly any signal passes
    aux_after    a conv or pooling layer that an auxiliary classifier reads in training (models/auxiliary.py)
    aux_weight   of the auxiliary classifier's loss

    Raises ValueError for a value that is none of these.

    >>> create("lab14", num_classes=20).fc3
    Linear(512, 20)
    >>> create("lab14", num_classes=20, width=0.5, levels=(2, 1), fc=100).fc1
    Linear(320, 100)
    """
    for what, value, known in (
        ("model", name, tuple(TABLES)),
        ("activation", activation, ACTIVATIONS),
        ("init", init, (*INITS, UNFILLED)),
        ("fc_init", fc_init, FC_INITS),
    ):
        if value not in known:
            raise ValueError(f"{what} {value!r} is unknown; expected one of: {', '.join(known)}")
    if num_classes < 1:
        raise ValueError(f"num_classes is {num_classes}; expected at least 1")
    _check_number("slope", slope, "at least 0, such as 0.01", slope >= 0)
    _check_number("width", width, "above 0, such as 0.5", width > 0)
    _check_number("aux_weight", aux_weight, "above 0, such as 0.3", aux_weight > 0)
    if slope != LRELU_SLOPE and activation != "lrelu":
        raise ValueError(f"slope is {slope}, but {activation} has no fixed slope; leave it out, or take lrelu")
    if aux_weight != AUX_WEIGHT and aux_after is None:
        raise ValueError(f"aux_weight is {aux_weight}, but there is no auxiliary classifier; give aux_after too")
    if levels is not None and not (np.iterable(levels) and len(levels) and all(_is_count(n) for n in levels)):
        raise ValueError(f"levels are {levels!r}; expected integers of at least 1, such as (6, 3, 2, 1)")
    if fc is not None and not _is_count(fc):
        raise ValueError(f"fc is {fc!r}; expected an integer of at least 1, such as 512")

    table = resized(TABLES[name], width, levels, fc)
    network = build(name, table, num_classes, activation, init, seed, slope, fc_init)
    if aux_after is None:
        return network
    rng = np.random.default_rng(seed).spawn(1)[0]  # of its own: the layers start as they would without it
    std = table[-1].std if isinstance(table[-1], FullyConnected) and fc_init == "table" else None
    fill = partial(initialize, init=init_of_fc(init, fc_init), slope=starting_slope(activation, slope), std=std)
    return AuxiliaryNetwork(network, aux_after, aux_weight, rng, fill)


def from_config(config: Mapping[str, Any], num_classes: int, init: str | None = None) -> Network:
    """The network that a run's options describe; `init` in place of the run's.

    An option that the run does not know, because it is older than the option, has its default.
    Raises KeyError without model, activation and init, ValueError as `create` does.
    """
    options = ("slope", "width", "levels", "fc", "fc_init", "aux_after", "aux_weight")
    known = {name: config[name] for name in options if name in config}
    first = (config["model"], num_classes, config["activation"], init or config["init"], config.get("seed", 0))
    return create(*first, **known)


def _check_number(what: str, value: float, expected: str, good: bool) -> None:
    if not (good and math.isfinite(value)):
        raise ValueError(f"{what} is {value}; expected a number {expected}")


def _is_count(value: Any) -> bool:
    return bool(isinstance(value, int | np.integer) and value >= 1)


__all__ = [
    "ACTIVATIONS", "FC_INITS", "INITS", "TABLES", "UNFILLED", "AuxiliaryNetwork", "Network", "create", "from_config",
]  # fmt: skip
