"""A network of ours rebuilt in PyTorch, layer by layer, with the same weights; and its optimizer.

PyTorch is imported here and nowhere else in the package, when it is asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minidelve import nn


class TorchMissing(RuntimeError):
    """PyTorch is not installed; one line with the cure."""


def load_torch(threads: int) -> Any:
    """The module, set to so many threads; TorchMissing if there is none."""
    try:
        import torch
    except ImportError as error:
        raise TorchMissing("--against torch: PyTorch is not installed; pip install torch, or leave it out") from error
    torch.set_num_threads(threads)
    return torch


def twin_of(torch: Any, network: nn.Sequential, dtype: str = "float32") -> Any:
    """A torch.nn.Sequential of the same layers with the same weights; ValueError for a layer it does not know."""
    layers = []
    for _, layer in network.children():
        match layer:
            case nn.Conv2d():
                out, inn, *kernel = layer.weight.shape
                bias = layer.bias is not None
                layers.append(torch.nn.Conv2d(inn, out, tuple(kernel), layer.stride, layer.padding, bias=bias))
            case nn.Linear():
                out, inn = layer.weight.shape
                layers.append(torch.nn.Linear(inn, out, bias=layer.bias is not None))
            case nn.PReLU():
                layers.append(torch.nn.PReLU(len(layer.a)))
            case nn.ReLU():
                layers.append(torch.nn.ReLU())
            case nn.LeakyReLU():
                layers.append(torch.nn.LeakyReLU(layer.slope))
            case nn.MaxPool2d():
                layers.append(torch.nn.MaxPool2d(layer.kernel_size, layer.stride, ceil_mode=layer.ceil_mode))
            case nn.SpatialPyramidPool2d():
                layers.append(pyramid(torch, layer.levels))
            case nn.Dropout():
                layers.append(torch.nn.Dropout(layer.p))
            case _:
                raise ValueError(f"twin_of: knows no PyTorch layer for {layer}")
    twin = torch.nn.Sequential(*layers).to(getattr(torch, dtype))
    with torch.no_grad():
        for theirs, ours in zip(twin.parameters(), network.parameters(), strict=True):
            theirs.copy_(torch.from_numpy(np.ascontiguousarray(ours.data)))
    return twin


def pyramid(torch: Any, levels: tuple[int, ...]) -> Any:
    """Spatial pyramid pooling as PyTorch would write it; its adaptive bins are the paper's."""

    class Pyramid(torch.nn.Module):
        def forward(self, x):
            return torch.cat([torch.nn.functional.adaptive_max_pool2d(x, n).flatten(1) for n in levels], dim=1)

    return Pyramid()


def sgd_for(torch: Any, twin: Any, lr: float) -> Any:
    """PyTorch's SGD with the paper's constants, and no weight decay on PReLU's slopes."""
    slopes = [p for m in twin.modules() if isinstance(m, torch.nn.PReLU) for p in m.parameters()]
    rest = [p for p in twin.parameters() if not any(p is slope for slope in slopes)]
    groups = [{"params": rest, "weight_decay": 5e-4}, {"params": slopes, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=lr, momentum=0.9)
