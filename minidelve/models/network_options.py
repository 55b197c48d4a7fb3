"""The options of a network: its activation, how it starts, and the shape of its layers."""

from __future__ import annotations

from dataclasses import dataclass

from minidelve.models.activations import ACTIVATIONS
from minidelve.models.option import at_least, check, levels_list, not_negative, option, positive

INITS = ("he", "he-backward", "xavier", "gaussian")
UNFILLED = "unfilled"  # an `init` that leaves in the weights whatever lay in memory
FC_INITS = ("table", "he")


# fmt: off
@dataclass
class LayerOptions:
    """Options of the layers that stand one after the other."""

    activation: str = option("prelu", "after every layer but the last", choices=ACTIVATIONS, shapes=True)
    init: str = option("he", "initial weights", choices=INITS, beside=(UNFILLED,))
    slope: float = option(
        0.01, "of lrelu; the ICCV version of the paper also tries 0.25",
        not_negative, metavar="A", in_title=True)
    width: float = option(
        1.0, "a factor for the channels of all conv layers, such as 0.5",
        positive, metavar="FACTOR", in_title=True, shapes=True)
    levels: list[int] | None = option(
        None, "of the pyramid, in place of the model's",
        levels_list, metavar="N,N", unset="the model's own", in_title=True, shapes=True)
    fc: int | None = option(
        None, "units of fc1 and fc2, in place of the model's",
        at_least(1), metavar="UNITS", unset="the model's own", in_title=True, shapes=True)
    fc_init: str = option(
        "table", "initial weights of the fully connected layers: the model's, or he",
        choices=FC_INITS, in_title=True)


@dataclass
class AuxiliaryOptions:
    """Options of the classifier that stands beside them (auxiliary.py)."""

    aux_after: str | None = option(
        None, "an auxiliary classifier after this conv or pooling layer, in training only, as in GoogLeNet",
        metavar="LAYER", unset="no auxiliary classifier", in_title=True)
    aux_weight: float = option(
        0.3, "W in the loss that trains with --aux-after, main + W aux",
        positive, metavar="W")
# fmt: on


@dataclass
class NetworkOptions(AuxiliaryOptions, LayerOptions):
    """Every option of a network, checked. Raises ValueError for a value that none of them allows."""

    def __post_init__(self) -> None:
        check(self)
        if self.slope != LayerOptions.slope and self.activation != "lrelu":
            raise ValueError(
                f"slope is {self.slope}, but {self.activation} has no fixed slope; leave it out, or take lrelu"
            )
        if self.aux_weight != AuxiliaryOptions.aux_weight and self.aux_after is None:
            raise ValueError(
                f"aux_weight is {self.aux_weight}, but there is no auxiliary classifier; give aux_after too"
            )
