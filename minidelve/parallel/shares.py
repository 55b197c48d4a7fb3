"""The conv layers of a network on all cores: each takes a share of the batch through all of them.

The paper trains on several GPUs like this (section 3): every GPU runs the conv layers forward on its
part of the mini-batch; before the first fully connected layer they meet, and one GPU does the rest
on the whole batch; backwards the same way, and the weights' gradients are added up. Here a core
plays the GPU.

If each op used all cores, they would meet after every op, many times a step, and waking a sleeping
core takes longer than a small op. Here they meet twice a step, once forward and once back.

It is one Function. Its forward runs each share through *replicas* of the layers: the same arrays in
Tensors of the share's own, so that each share builds a graph of its own and collects gradients of
its own. Its backward walks those graphs, and adds:

    y[share]  = layers(x[share])
    dx[share] = walk back from dy[share]
    dw        = sum over shares of dw            every image used the same w

Adding is always done in the same order: with the same number of threads a run repeats bit for bit.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from minidelve.backend import array_module, can_share, in_shares
from minidelve.nn.chain import run_chain
from minidelve.nn.layers import Dropout
from minidelve.nn.module import Module, Parameter
from minidelve.ops.pieces import total
from minidelve.tensor import Function, Tensor


class InShares(Function):
    takes = "any"

    def forward(self, x, *parameters, layers):
        def run_share(share):
            start = Tensor(x[share], requires_grad=self.needs[0])
            own = [Tensor(w, requires_grad=needed) for w, needed in zip(parameters, self.needs[1:])]
            return share, start, own, run_chain(replicas(layers, own), start)

        self.passes = in_shares(run_share, len(x), x)  # their graphs; none, where no input wants a gradient
        return array_module(x).concatenate([y.data for *_, y in self.passes])

    def backward(self, df):
        def walk_back(which):  # of the passes: the number of threads may differ from forward's
            gradients = []
            for share, start, own, y in self.passes[which]:
                for leaf in (start, *own):
                    leaf.grad = None
                y.backward(df[share], retain_graph=self.retain_graph)
                gradients.append([gradient_of(leaf) for leaf in (start, *own)])
            return gradients

        by_thread = in_shares(walk_back, len(self.passes), df)
        dxs, *dws = zip(*(gradients for several in by_thread for gradients in several), strict=True)
        dx = array_module(df).concatenate(dxs) if self.needs[0] else None
        return dx, *(total(dw) if needed else None for dw, needed in zip(dws, self.needs[1:]))

    def free(self):
        super().free()
        self.passes = []


def gradient_of(leaf: Tensor) -> Any:
    """The leaf's gradient; 0 for a Parameter that its layer does not use, None where none was asked for."""
    if leaf.grad is None and leaf.requires_grad:
        return array_module(leaf.data).zeros_like(leaf.data)
    return leaf.grad


def replicas(layers: Sequence[Module], parameters: Sequence[Tensor]) -> list[Module]:
    """Copies of the layers whose Parameters are replaced, in order of definition, by `parameters`."""
    fresh = iter(parameters)
    copies = []
    for layer in layers:
        twin = copy.copy(layer)
        vars(twin).update({name: next(fresh) for name, value in vars(layer).items() if isinstance(value, Parameter)})
        copies.append(twin)
    return copies


def can_be_replicated(layer: Module) -> bool:
    """Whether a copy with other Parameters computes the same and touches nothing that the layer owns."""
    return not isinstance(layer, Dropout) and layer.hook is None and not any(layer.named_children())


def run_in_shares(layers: Sequence[Module], x: Tensor) -> Tensor:
    """layers(x), computed side by side on shares of the batch where that pays; the same but for rounding.

    Where one of the layers cannot be replicated, all run on the whole batch: one with sub-modules (a replica would
    share them), dropout (it draws for the whole batch), or one with a hook (it wants to see the whole batch).
    """
    if not can_share(len(x), x.data) or not all(map(can_be_replicated, layers)):
        return run_chain(layers, x)
    parameters = [value for layer in layers for value in vars(layer).values() if isinstance(value, Parameter)]
    return InShares.apply(x, *parameters, layers=layers)
