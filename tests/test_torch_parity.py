"""Step for step with PyTorch: the same lab14, weights, batches and rate give the same parameters after 50 steps."""

import numpy as np
import pytest

import minidelve as md
from minidelve import models, optim

torch = pytest.importorskip("torch", reason="PyTorch is not installed: no oracle for training")


class Pyramid(torch.nn.Module):
    """n x n maxima for each level: adaptive pooling spans [floor(i L / n), ceil((i+1) L / n)) too."""

    def forward(self, x):
        pool = torch.nn.functional.adaptive_max_pool2d
        return torch.cat([pool(x, n).flatten(1) for n in (3, 2, 1)], dim=1)


def torch_lab14(num_classes: int) -> torch.nn.Sequential:
    """lab14 as a PyTorch user would write it, dropout left out."""
    conv, linear, prelu, pool = torch.nn.Conv2d, torch.nn.Linear, torch.nn.PReLU, torch.nn.MaxPool2d
    layers = [conv(3, 32, 7, 2, 3), prelu(32), pool(2)]
    for i, c in enumerate([32, 64, 64, 64]):
        layers += [conv(c, 64, 2, padding=i % 2), prelu(64)]
    layers += [pool(2)]
    for i, c in enumerate([64, *[128] * 5]):
        layers += [conv(c, 128, 2, padding=i % 2), prelu(128)]
    layers += [Pyramid(), linear(128 * 14, 512), prelu(512), linear(512, 512), prelu(512), linear(512, num_classes)]
    return torch.nn.Sequential(*layers)


def train_both(dtype, steps: int, size: int, batch: int, lr: float, num_classes: int = 10) -> dict[str, float]:
    """{parameter name: largest difference relative to the parameter's largest value} after `steps` of each.

    Biases begin at random numbers, not at 0: beside 0 there is no relative difference.
    """
    rng = np.random.default_rng(0)
    ours = models.create("lab14", num_classes)
    ours.fc1_drop.p = ours.fc2_drop.p = 0.0
    for name, p in ours.named_parameters():
        if name.endswith(".bias"):
            p.data += 0.1 * rng.standard_normal(p.shape, np.float32)
    theirs = torch_lab14(num_classes).to(getattr(torch, np.dtype(dtype).name))
    twins = list(theirs.parameters())
    for (_, p), twin in zip(ours.named_parameters(), twins, strict=True):
        p.data = p.data.astype(dtype)
        twin.data = torch.tensor(np.ascontiguousarray(p.data))
    paper = optim.SGD(ours.parameters(), lr=lr)
    slopes = [m.weight for m in theirs.modules() if isinstance(m, torch.nn.PReLU)]
    others = [p for p in twins if not any(p is a for a in slopes)]
    pytorch = torch.optim.SGD(
        [{"params": others, "weight_decay": 5e-4}, {"params": slopes, "weight_decay": 0.0}], lr=lr, momentum=0.9
    )
    for _ in range(steps):
        x, t = rng.standard_normal((batch, 3, size, size)).astype(dtype), rng.integers(0, num_classes, batch)
        paper.zero_grad()
        md.cross_entropy(ours(md.Tensor(x)), t).backward()
        paper.step()
        pytorch.zero_grad()
        torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(t)).backward()
        pytorch.step()
    return {
        name: float(np.abs(p.data - twin.detach().numpy()).max() / np.abs(twin.detach().numpy()).max())
        for (name, p), twin in zip(ours.named_parameters(), twins, strict=True)
    }


@pytest.mark.parametrize(("dtype", "lr", "limit"), [(np.float64, 1e-2, 1e-8), (np.float32, 1e-4, 1e-3)])
def test_50_steps_of_lab14_end_at_pytorchs_parameters(dtype, lr, limit):
    """A small rate in float32: a rounding error that turns a unit at its kink doubles every few steps at 1e-2."""
    differences = train_both(dtype, steps=50, size=24, batch=8, lr=lr)
    assert len(differences) == 14 * 2 + 13
    assert {name: d for name, d in differences.items() if not d < limit} == {}  # a NaN is not < limit
