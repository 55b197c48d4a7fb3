"""Lab 7 with Nesterov's momentum: what has been written in its place, and what to say to it."""

import runpy
from pathlib import Path

from minidelve.labs.task import Mistakes

lab7 = runpy.run_path(str(Path(__file__).parents[2] / "mistakes.py"))
mistakes = Mistakes([mistake for mistake in lab7["mistakes"].known if mistake.task != "momentum_step"])

AHEAD = "how far the place ahead moves"
DECAY = "the weight decay"
STATE = "what is kept in D"


@mistakes.of(
    "momentum_step", "ne-heavy", AHEAD,
    "That is the heavy ball of (4). a is the place ahead: it moves by more than D, as it looks ahead anew.",
)  # fmt: skip
def _(a, D, gradient, mu, eps, decay):
    D[...] = mu * D + eps * (gradient + decay * a)
    a -= D


@mistakes.of(
    "momentum_step", "ne-twice", AHEAD,
    "D holds the new step already. From b to b the way is mu D + step; you went D + mu D.",
)  # fmt: skip
def _(a, D, gradient, mu, eps, decay):
    D[...] = mu * D + eps * (gradient + decay * a)
    a -= (1 + mu) * D


@mistakes.of(
    "momentum_step", "ne-nomu", AHEAD,
    "D + step instead of mu D + step: who looks ahead sees the ball after friction.",
)  # fmt: skip
def _(a, D, gradient, mu, eps, decay):
    step = eps * (gradient + decay * a)
    D[...] = mu * D + step
    a -= D + step


@mistakes.of(
    "momentum_step", "ne-only", AHEAD, "The step of this gradient is missing: the place ahead moves by mu D and by it."
)
def _(a, D, gradient, mu, eps, decay):
    D[...] = mu * D + eps * (gradient + decay * a)
    a -= mu * D


@mistakes.of(
    "momentum_step", "ne-outside", "eps stands in another place than in (4)",
    "eps outside D is PyTorch's rule, nesterov=True: the same until eps drops. Here eps belongs inside D.",
)  # fmt: skip
def _(a, D, gradient, mu, eps, decay):
    direction = gradient + decay * a
    D[...] = mu * D + direction
    a -= eps * (mu * D + direction)


@mistakes.of(
    "momentum_step", "ne-kept", STATE,
    "What a moved by is not D: keep mu D + step out of D, else the look ahead is taken again in each step.",
)  # fmt: skip
def _(a, D, gradient, mu, eps, decay):
    step = eps * (gradient + decay * a)
    D[...] = mu * (mu * D + step) + step
    a -= D


@mistakes.of(
    "momentum_step", "ne-nostate", STATE,
    "D is forgotten from step to step. Did you bind a new local D instead of writing into it?",
)  # fmt: skip
def _(a, D, gradient, mu, eps, decay):
    step = eps * (gradient + decay * a)
    new = mu * D + step
    a -= mu * new + step


@mistakes.of("momentum_step", "ne-nodecay", DECAY, "Weight decay is missing.")
def _(a, D, gradient, mu, eps, decay):
    D[...] = mu * D + eps * gradient
    a -= mu * D + eps * gradient


@mistakes.of(
    "momentum_step", "ne-decayonce", DECAY,
    "Decay is in D but not in the step that is added once more: both times it is eps (g + decay a).",
)  # fmt: skip
def _(a, D, gradient, mu, eps, decay):
    D[...] = mu * D + eps * (gradient + decay * a)
    a -= mu * D + eps * gradient


@mistakes.of("momentum_step", "ne-decaysign", DECAY, "Decay pushes a away from 0.")
def _(a, D, gradient, mu, eps, decay):
    step = eps * (gradient - decay * a)
    D[...] = mu * D + step
    a -= mu * D + step
