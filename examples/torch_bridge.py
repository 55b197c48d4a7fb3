"""An op of ours inside PyTorch's graph, and one of PyTorch's inside ours: python examples/torch_bridge.py

Needs PyTorch (pip install torch). Both sides build a graph on the way forward and walk it backward, so a bridge is a
node of the one graph that holds a piece of the other: it runs the piece forward, and hands the gradient that arrives
to the piece's own backward pass. Each side then checks the other by its own means.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

import minidelve as md
from minidelve.testing import check_gradients


def for_torch(op: Callable[..., md.Tensor]) -> Callable[..., torch.Tensor]:
    """A function of our tensors as one of PyTorch's: for_torch(md.prelu)(y, a)."""

    class Ours(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *inputs):
            # PyTorch runs this without recording, so what is computed here is in our graph alone. ctx keeps it.
            ctx.inputs = [md.Tensor(x.detach().numpy(), requires_grad=True) for x in inputs]
            ctx.output = op(*ctx.inputs)
            return torch.from_numpy(np.ascontiguousarray(ctx.output.data))

        @staticmethod
        @torch.autograd.function.once_differentiable  # our backward pass has no gradient of its own
        def backward(ctx, df):
            for x in ctx.inputs:
                x.grad = None  # else a second backward pass adds to the first one's
            ctx.output.backward(df.numpy(), retain_graph=True)  # gradcheck comes back with other gradients
            return tuple(torch.from_numpy(np.ascontiguousarray(x.grad)) for x in ctx.inputs)

    return Ours.apply


def from_torch(function: Callable[..., torch.Tensor]) -> Callable[..., md.Tensor]:
    """A function of PyTorch's tensors as one of ours: from_torch(torch.tanh)(y)."""

    class Theirs(md.Function):
        def forward(self, *arrays):
            # Copies: from_numpy shares memory and warns of arrays that cannot be written.
            self.inputs = [torch.from_numpy(np.array(x)).requires_grad_() for x in arrays]
            self.output = function(*self.inputs)
            return self.output.detach().numpy()

        def backward(self, df):
            found = torch.autograd.grad(self.output, self.inputs, torch.from_numpy(np.array(df)), retain_graph=True)
            return tuple(gradient.numpy() for gradient in found)

    return Theirs.apply


if __name__ == "__main__":
    rng = np.random.default_rng(0)

    # Ours in PyTorch: its gradcheck holds our derivations against central differences, in float64.
    def random(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.standard_normal(shape)).requires_grad_()

    ops = {
        "prelu": (md.prelu, (random(2, 3, 4), random(3))),
        "conv2d": (lambda x, w, b: md.conv2d(x, w, b, padding=1), (random(2, 3, 5, 5), random(4, 3, 3, 3), random(4))),
        "spatial_pyramid_pool2d": (lambda x: md.spatial_pyramid_pool2d(x, [2, 1]), (random(2, 3, 5, 4),)),
    }
    for name, (op, inputs) in ops.items():
        torch.autograd.gradcheck(for_torch(op), inputs)
        print(f"torch.autograd.gradcheck agrees with the gradient of our {name}")

    # PyTorch's in ours, checked likewise; and at work in a network between two layers of ours.
    gelu = from_torch(torch.nn.functional.gelu)
    check_gradients(gelu, rng.standard_normal((4, 3)))
    print("check_gradients agrees with the gradient of PyTorch's gelu")

    class Gelu(md.nn.Module):
        def forward(self, y):
            return gelu(y)

    net = md.nn.Sequential(md.nn.Linear(2, 16), Gelu(), md.nn.Linear(16, 2))
    sgd = md.optim.SGD(net.parameters(), lr=0.1)
    x = md.Tensor(rng.standard_normal((200, 2)).astype(np.float32))
    inside = (np.square(x.data).sum(axis=1) < 1).astype(int)  # inside the unit circle or not
    for _ in range(200):
        loss = md.cross_entropy(net(x), inside)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
    right = (net(x).data.argmax(axis=1) == inside).mean()
    print(f"{100 * right:.0f}% of the points are on the right side of the circle")
