"""The network of fisher.py: how it is built, measured, and trained.

At the start the units are alike and know nothing of each other, which the derivation in fisher.py makes use of.
Training moves the slopes and the biases, and gives the units something in common. What becomes of the block then?
We train the network to tell the answers of a *teacher*, a network of the same form with random weights that stay,

    z* = teacher(x) + noise of variance 1          x from N(0, 1), new ones in every step

by making -log p(z* | x) = (z - z*)^2 / 2 small with the paper's rule (4), and stop at a few moments to measure.

The teacher's units are ReLUs, for every network: nothing in the task asks for slopes above 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minidelve import Tensor, nn, no_grad, ops, optim
from minidelve.analysis import watch
from minidelve.backend import device_of, to_device
from minidelve.experiments.rows import Row
from minidelve.nn import init

MOMENTS = (10, 30, 100, 300, 1000)  # steps after which the block is measured
BATCH = 100  # of a step
MANY = 1000  # inputs to be measured with at a time
RATE = 0.03


def network(inputs: int, units: int, slope: float, rng: np.random.Generator, device: str = "cpu") -> nn.Sequential:
    """x (N, inputs) -> z (N, 1) with one hidden layer, started for its slope (10a). Its modules are called 0, 1, 2.

    A slope of 0 is a ReLU, with no slope to learn.
    """
    first = nn.Linear(inputs, units, rng=rng, init=lambda w, rng: init.he_normal_(w, a=slope, rng=rng))
    f = nn.PReLU(units, init=slope) if slope else nn.ReLU()
    net = nn.Sequential(first, f, nn.Linear(units, 1, rng=rng))
    net.to(device)
    return net


def train(net: nn.Sequential, teacher: nn.Sequential, steps: int, rng: np.random.Generator) -> Iterator[int]:
    """Train net (N, inputs) -> (N, 1) for n steps, stopping at each of MOMENTS: `for step in train(...)`."""
    weight = next(net.parameters())
    (units, inputs), device = weight.shape, weight.device
    # The mean response makes one direction of V steep, the steeper the more units there are.
    rate = min(RATE, 2 / units)
    optimizer = optim.SGD(net.parameters(), rate, momentum=0.9, weight_decay=0.0)
    for step in range(1, steps + 1):
        x, noise = (to_device(rng.standard_normal((BATCH, n)).astype(np.float32), device) for n in (inputs, 1))
        with no_grad():
            answer = teacher(Tensor(x)).data + noise
        error = ops.subtract(net(Tensor(x)), Tensor(answer))
        optimizer.zero_grad()
        ops.multiply(ops.multiply(error, error), 0.5).mean().backward()
        optimizer.step()
        if step in MOMENTS:
            yield step


def measure(net: nn.Sequential, batches: int, rng: np.random.Generator) -> Row:
    """The scaled element of the block, over all pairs of different units, and what it is made of.

    measured   its mean                        size       the mean of its size
    slope      the units' mean slope           slope_sd   its standard deviation over them
    response   E[h] / sqrt(E[h^2]), mean over the units
    """
    weights, device = net.state_dict(), next(net.parameters()).device
    sums: list[Any] = [0.0] * 5
    for _ in range(batches):
        x = rng.standard_normal((MANY, weights["0.weight"].shape[1])).astype(np.float32)
        dV, db, h = derivatives(net, to_device(x, device), rng)
        terms = dV.T @ db, (dV**2).sum(axis=0), (db**2).sum(axis=0), h.sum(axis=0), (h**2).sum(axis=0)
        sums = [total + term for total, term in zip(sums, terms, strict=True)]
    block, output_diagonal, bias_diagonal, h_sum, h_squares = (to_device(total, "cpu") for total in sums)
    diagonal = np.sqrt(np.outer(output_diagonal, bias_diagonal))
    # A unit that is off for every input has no derivatives, and no share in the block.
    pairs, alive = ~np.eye(len(h_sum), dtype=bool) & (diagonal > 0), h_squares > 0
    scaled = (block * np.sign(weights["2.weight"][0]))[pairs] / diagonal[pairs]  # sign of V_q
    slopes = weights.get("1.a", np.zeros(1))
    response = h_sum[alive] / np.sqrt(batches * MANY * h_squares[alive])
    return {
        "measured": scaled.mean(), "size": abs(scaled).mean(), "response": response.mean(),
        "slope": slopes.mean(dtype=float), "slope_sd": slopes.std(dtype=float),
    }  # fmt: skip


def derivatives(net: nn.Sequential, x: Any, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """(d log p / dV_j, d log p / db_q, h_j), each (N, units), for answers that the network itself gives; s = 1.

    What arrives at u and at z in backward is each image's own derivative: the parameters' gradients, which are
    sums over the batch, are not needed.
    """
    with no_grad():
        z = net(Tensor(x)).data
    answer = z + to_device(rng.standard_normal(z.shape).astype(np.float32), device_of(z))
    h: dict[str, Any] = {}
    arrived: dict[str, Any] = {}
    with watch(net, h.__setitem__, arrived.__setitem__):
        error = ops.subtract(net(Tensor(x)), Tensor(answer))
        ops.multiply(ops.multiply(error, error), -0.5).sum().backward()  # log p but for a constant
    wide = np.float64
    return (arrived["2"] * h["1"]).astype(wide), arrived["0"].astype(wide), h["1"].astype(wide)
