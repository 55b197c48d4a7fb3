"""A second, smaller classifier half way up, for training only: what the paper's initialization does without.

GoogLeNet (Szegedy et al. 2014) and deeply-supervised nets (Lee et al. 2014) reach deep layers by
classifying from a middle layer as well. The paper names them among the ways to train very deep nets
(section 2.2); it stands here to be compared with He initialization.

h is the output of the tapped layer (after its activation), z the logits, t the targets:

    x -- layers up to the tap --> h -- the other layers --> z
                                  |
                                  +--> pyramid pooling --> linear --> z'

    E = cross_entropy(z, t) + weight * cross_entropy(z', t)

so dE/dh has two terms, and the second comes straight from a loss. The pyramid is the network's own:
the classifier reads the map in the middle just as fc1 reads the last one. GoogLeNet's weight is 0.3.

Calling the network gives z alone: evaluation and prediction know nothing of the second classifier.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minidelve import nn, ops
from minidelve.models.network import Network, through
from minidelve.nn.layers import Initializer
from minidelve.tensor import Tensor


class AuxiliaryNetwork(Network):
    """A network's layers, and a classifier `aux` after the layer named `after`.

    Its children are the network's layers, which run one after the other; `aux` stands beside them, but
    counts among the modules and parameters: aux.fc.weight, aux.fc.bias.

    Raises ValueError unless `after` is a conv or pooling layer.
    """

    def __init__(self, network: Network, after: str, weight: float, rng: np.random.Generator, init: Initializer):
        super().__init__(list(network.named_children()), network.title)
        names = [name for name, _ in network.named_children()]
        taps = [name for name in names[: names.index("spp")] if not name.endswith("_act")]
        if after not in taps:
            raise ValueError(
                f"aux_after {after!r} is not a conv or pooling layer of {network.title}; "
                f"expected one of: {', '.join(taps)}"
            )
        last = f"{after}_act" if f"{after}_act" in names else after
        self.after, self.weight = after, weight
        self.cut = names.index(last) + 1  # how many layers lead to h
        channels = [len(layer.weight) for layer in list(self)[: self.cut] if isinstance(layer, nn.Conv2d)][-1]
        spp, last_fc = network[names.index("spp")], network[-1]
        assert isinstance(spp, nn.SpatialPyramidPool2d) and isinstance(last_fc, nn.Linear)
        levels, classes = spp.levels, len(last_fc.weight)
        fc = nn.Linear(channels * sum(n * n for n in levels), classes, rng=rng, init=init)
        self.aux = Network([("spp", nn.SpatialPyramidPool2d(levels)), ("fc", fc)], "auxiliary classifier")

    def named_children(self) -> Iterator[tuple[str, nn.Module]]:
        """The layers that run one after the other; without `aux`."""
        return ((name, layer) for name, layer in super().named_children() if name != "aux")

    def named_modules(self, prefix: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, nn.Module]]:
        """Every module, those of `aux` last."""
        seen = set() if seen is None else seen
        yield from super().named_modules(prefix, seen)
        yield from self.aux.named_modules(f"{prefix}.aux" if prefix else "aux", seen)

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(z, z') for images (N, 3, H, W): the logits, and those of the auxiliary classifier."""
        layers = list(self)
        h = through(layers[: self.cut], x)
        return through(layers[self.cut :], h), self.aux(h)

    def loss(self, x: Tensor, targets: Any) -> tuple[Tensor, Tensor]:
        """(E, z): the weighted sum of both cross entropies with targets (N,), and the logits."""
        logits, guess = self.both(x)
        main, beside = ops.cross_entropy(logits, targets), ops.cross_entropy(guess, targets)
        return ops.add(main, ops.multiply(beside, self.weight)), logits

    def extra(self) -> str:
        return f"auxiliary classifier after {self.after}, weight {self.weight}"
