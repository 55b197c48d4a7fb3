"""What a parameter of a network is called in other programs.

    minidelve     as in state_dict():                      conv1_1.weight   conv1_1_act.a      fc1.bias
    torch         as in torch.nn.Sequential(layers):       0.weight         1.weight           38.bias
    torchvision   as in its VGG, and a PReLU likewise:     features.0.weight features.1.weight classifier.0.bias
    caffe         as caffemodel.py says, and its VGG:      conv1_1.weight   conv1_1.slope      fc6.bias

>>> from minidelve import models
>>> names = theirs("torchvision", models.create("lab14", 10))
>>> names["conv2_1.weight"], names["conv2_1_act.a"], names["fc3.bias"]
('features.3.weight', 'features.4.weight', 'classifier.6.bias')
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from minidelve import nn
from minidelve.models import Network

FIRST_FC = 6  # Caffe numbers the layers through: after five stages of convolutions
TORCH = {"a": "weight"}  # PReLU's slopes


class Place(NamedTuple):
    """Where a parameter stands.

    layer, kind     its name is layer.kind
    number          of the layer in the network
    part, in_part   "features" before the pyramid and "classifier" after it, and the layer's number there
    """

    layer: str
    kind: str
    number: int
    part: str
    in_part: int


def of_minidelve(place: Place) -> str:
    """Our own names."""
    return f"{place.layer}.{place.kind}"


def of_torch(place: Place) -> str:
    """Layers by number."""
    return f"{place.number}.{TORCH.get(place.kind, place.kind)}"


def of_torchvision(place: Place) -> str:
    """Two stacks of layers by number."""
    return f"{place.part}.{place.in_part}.{TORCH.get(place.kind, place.kind)}"


def of_caffe(place: Place) -> str:
    """The paper's names, fully connected layers counted on from the convolutions."""
    layer = place.layer.removesuffix("_act")
    if layer.startswith("fc"):
        layer = f"fc{int(layer[2:]) + FIRST_FC - 1}"
    return f"{layer}.{'slope' if place.kind == 'a' else place.kind}"


NAMINGS: dict[str, Callable[[Place], str]] = {
    "torchvision": of_torchvision, "caffe": of_caffe, "minidelve": of_minidelve, "torch": of_torch,
}  # fmt: skip


def theirs(naming: str, network: Network) -> dict[str, str]:
    """Our name of each parameter that scores depend on -> the other program's."""
    return {of_minidelve(place): NAMINGS[naming](place) for place in places(network)}


def places(network: Network) -> Iterator[Place]:
    """The place of every parameter, in order; without those of an auxiliary classifier."""
    layers = list(network.named_children())
    pyramid = next(i for i, (_, layer) in enumerate(layers) if isinstance(layer, nn.SpatialPyramidPool2d))
    for i, (name, layer) in enumerate(layers):
        part, in_part = ("features", i) if i < pyramid else ("classifier", i - pyramid - 1)
        for kind, value in vars(layer).items():
            if isinstance(value, nn.Parameter):
                yield Place(name, kind, i, part, in_part)


def likeliest(names: Collection[str], network: Network) -> str:
    """The naming under which most of the names are the network's; the first of equals."""
    return max(NAMINGS, key=lambda naming: len(set(theirs(naming, network).values()).intersection(names)))
