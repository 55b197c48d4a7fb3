"""The experiment of lab 7 with Nesterov's momentum: two balls in a valley, and a network that your loop trains.

On E = lambda/2 a^2 the heavy ball (4) swings, and shrinks by sqrt(mu) a step in every direction. Who looks ahead sees
that it is about to roll too far: Nesterov's ball shrinks by sqrt(mu (1 - eps lambda)), the faster the steeper the
slope. The training is that of lab 7.
"""

import runpy
from pathlib import Path

import numpy as np

from minidelve import nn, optim
from minidelve.backend import use
from minidelve.experiments import style
from minidelve.experiments.momentum import envelope
from minidelve.progress import say

lab7 = runpy.run_path(str(Path(__file__).parents[2] / "experiment.py"))
keep, of_the_training, draw_training = lab7["keep"], lab7["of_the_training"], lab7["draw_training"]

MU, RATE, STEPS = 0.9, 0.02, 60
CURVATURES = np.array([1.0, 40.0])  # lambda along the valley, and across it
START = np.array([2.0, 1.0])
SHRINKING = "along", "across"
TOLERANCE = {f"shrinking_{direction}": (1e-4, 0) for direction in SHRINKING} | {
    name: tolerance for name, tolerance in lab7["TOLERANCE"].items() if name.startswith(("lr", "error", "loss"))
}


def main(out: Path, seed: int, quick: bool = False) -> dict[str, float]:
    """The numbers of both parts; momentum.png and training.png in `out`."""
    yours, heavy = roll_yours(), roll_heavy()
    numbers = {f"shrinking_{direction}": envelope(yours[:, i], (20, 12)[i]) for i, direction in enumerate(SHRINKING)}
    say("1. Two balls in a valley: by which factor they shrink in a step")
    say("                   yours   Nesterov's, derived   the heavy ball of (4)")
    for direction, curvature in zip(SHRINKING, CURVATURES, strict=True):
        derived = np.sqrt(MU * (1 - RATE * curvature))
        say(f"   {direction:<12} {numbers[f'shrinking_{direction}']:8.4f} {derived:14.4f} {np.sqrt(MU):20.4f}")
    keep(out / "momentum.png", lambda: draw(yours, heavy))
    history, more = of_the_training(out, seed, quick)
    keep(out / "training.png", lambda: draw_training(history, more))
    return numbers | more


def roll_yours():
    """Positions of your ball, a row a step."""
    parameter = nn.Parameter(START.copy())
    sgd = optim.SGD([parameter], lr=RATE, momentum=MU, weight_decay=0.0)
    positions = [START]
    for _ in range(STEPS):
        parameter.grad = CURVATURES * parameter.data
        with use("reference"):
            sgd.step()
        positions.append(parameter.data.copy())
    return np.stack(positions)


def roll_heavy():
    """The same of the heavy ball, (4) written out."""
    a, D, positions = START, np.zeros(2), [START]
    for _ in range(STEPS):
        D = MU * D + RATE * CURVATURES * a  # (4)
        a = a - D
        positions.append(a)
    return np.stack(positions)


def draw(yours, heavy):
    """Both ways down, seen from above, and how high they are after each step."""
    figure, (left, right) = style.panels("A valley, seen from above, and the way down", columns=2)
    x, y = np.meshgrid(np.linspace(-2.2, 2.4, 200), np.linspace(-1.1, 1.2, 200))
    height = (CURVATURES[0] * x**2 + CURVATURES[1] * y**2) / 2
    left.contour(x, y, height, levels=np.geomspace(0.01, 20, 9), colors="0.85", linewidths=1)
    for i, (ball, label) in enumerate([(yours, "yours"), (heavy, "the heavy ball of (4)")]):
        left.plot(*ball.T, label=label, **style.line(i))
        right.plot((ball**2 @ CURVATURES) / 2, label=label, **style.line(i, 5))
    left.set(xlabel="a, along the valley", ylabel="a, across the valley")
    right.set(yscale="log", xlabel="step", ylabel="E, how high the ball is")
    style.legend(left, right)
    return figure
