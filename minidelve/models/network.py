"""Network: the layers of a table one after the other, under the paper's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minidelve import nn, ops
from minidelve.nn.chain import run_chain
from minidelve.parallel.shares import run_in_shares
from minidelve.tensor import Tensor


class Network(nn.Sequential):
    """Layers one after the other under the paper's names: net.conv1, net.conv2_1_act, net.fc3."""

    def __init__(self, layers: Sequence[tuple[str, nn.Module]], title: str):
        super().__init__()
        self.title = title
        for name, layer in layers:
            setattr(self, name, layer)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W) -> logits (N, classes)."""
        return through(list(self), x)

    def loss(self, x: Tensor, targets: Any) -> tuple[Tensor, Tensor]:
        """(what training makes small, logits): here the cross entropy of the logits with targets (N,)."""
        logits = self(x)
        return ops.cross_entropy(logits, targets), logits


def through(layers: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Every layer in turn; those before the first fully connected one on shares of the batch (parallel/shares.py)."""
    conv, head = split_at_first_fc(layers)
    return run_chain(head, run_in_shares(conv, x) if conv else x)


def split_at_first_fc(layers: Sequence[nn.Module]) -> tuple[Sequence[nn.Module], Sequence[nn.Module]]:
    """(all layers before the first fully connected one, that one and all after it)."""
    first_fc = next((i for i, layer in enumerate(layers) if isinstance(layer, nn.Linear)), len(layers))
    return layers[:first_fc], layers[first_fc:]
