"""The paper keeps the rate inside its momentum, PyTorch outside: the same walk until the rate drops."""

import numpy as np
import pytest

from minidelve import nn, optim

torch = pytest.importorskip("torch", reason="PyTorch is not installed: no oracle for its rule")
MU, EPS, DECAY = 0.9, 0.05, 5e-4


def walk_both(rates, rng) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One weight under our rule and PyTorch's, same gradients; (ours, theirs, our last D)."""
    start = rng.standard_normal((3, 4))
    ours, theirs = nn.Parameter(start.copy()), torch.tensor(start, requires_grad=True)
    paper = optim.SGD([ours], lr=rates[0], momentum=MU, weight_decay=DECAY)
    pytorch = torch.optim.SGD([theirs], lr=rates[0], momentum=MU, weight_decay=DECAY)
    for rate in rates:
        ours.grad = rng.standard_normal((3, 4))
        theirs.grad = torch.tensor(ours.grad)
        paper.lr = pytorch.param_groups[0]["lr"] = rate
        paper.step()
        pytorch.step()
    return ours.data, theirs.detach().numpy(), paper.momenta[0]


def test_at_a_constant_rate_it_is_pytorchs_walk(rng):
    ours, theirs, _ = walk_both([EPS] * 10, rng)
    np.testing.assert_allclose(ours, theirs, rtol=1e-13)


def test_after_a_drop_the_ball_keeps_its_speed_and_pytorchs_is_braked(rng):
    """Ours: D' = mu D + eps' g.  PyTorch's, with D = eps v: a step eps' v' = mu (eps'/eps) D + eps' g."""
    state = rng.bit_generator.state
    _, _, D = walk_both([EPS] * 10, rng)
    rng.bit_generator.state = state
    ours, theirs, _ = walk_both([EPS] * 10 + [EPS / 10], rng)
    np.testing.assert_allclose(theirs - ours, MU * D * (1 - 1 / 10), rtol=1e-9)
    assert np.abs(theirs - ours).max() > 0.01
