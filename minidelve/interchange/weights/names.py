"""What a parameter of a network is called in other programs.

    minidelve     as in state_dict()
    torch         as in torch.nn.Sequential(layers), by number
    torchvision   as in its VGG, by number in one stack before the pyramid and one behind it; a PReLU likewise
    caffe         as in VGG's .caffemodel, and a PReLU as caffemodel.py says

>>> from minidelve import models
>>> vgg19 = models.create("vgg19", 10, width=0.1, fc=8)
>>> for naming in NAMINGS:
...     names = theirs(naming, vgg19)
...     print(naming, names["conv1_1.weight"], names["conv1_1_act.a"], names["fc1.bias"])
torchvision features.0.weight features.1.weight classifier.0.bias
caffe conv1_1.weight conv1_1.slope fc6.bias
minidelve conv1_1.weight conv1_1_act.a fc1.bias
torch 0.weight 1.weight 37.bias
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from minidelve import nn
from minidelve.models import Network

CAFFES_FC1 = 6  # VGG counts on from its five stages of convolutions: fc1 is fc6 there
TORCH_KINDS = {"a": "weight"}  # PReLU's slopes


class Place(NamedTuple):
    """Where a parameter stands.

    layer, kind     its name is layer.kind, such as conv1_1 and weight
    number          of the layer in the network, from 0
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
    return f"{place.number}.{TORCH_KINDS.get(place.kind, place.kind)}"


def of_torchvision(place: Place) -> str:
    """Two stacks of layers by number."""
    return f"{place.part}.{place.in_part}.{TORCH_KINDS.get(place.kind, place.kind)}"


def of_caffe(place: Place) -> str:
    """The paper's names, fully connected layers counted on from the convolutions."""
    layer = place.layer.removesuffix("_act")
    if layer.startswith("fc"):
        layer = f"fc{int(layer[2:]) - 1 + CAFFES_FC1}"
    return f"{layer}.{'slope' if place.kind == 'a' else place.kind}"


NAMINGS: dict[str, Callable[[Place], str]] = {
    "torchvision": of_torchvision, "caffe": of_caffe, "minidelve": of_minidelve, "torch": of_torch,
}  # fmt: skip


def theirs(naming: str, network: Network) -> dict[str, str]:
    """Our name of each parameter that scores depend on -> the other program's."""
    return {of_minidelve(place): NAMINGS[naming](place) for place in places(network)}


def places(network: Network) -> Iterator[Place]:
    """The place of every parameter, in order.

    Those of an auxiliary classifier (models/auxiliary.py), which only helps to train, are left out.
    """
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
