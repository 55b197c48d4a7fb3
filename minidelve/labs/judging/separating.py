"""What the cases in which a result is wrong have in common, and those in which it is right have not.

Nothing is known here of what the function does: the inputs alone are looked at, their lengths, zeros and kinds. Such a
fact may tell the cases apart by chance, so it is told only where hardly any other does.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from math import prod
from typing import Any

import numpy as np

from minidelve.labs.task import Inputs
from minidelve.labs.trial.calling import LARGE, Case

MOST_FACTS = 2  # that tell the cases apart: of more, none is told
CHANCE = 0.05  # that all of the right cases are right because they have few numbers
Facts = dict[str, str]  # what is said, by what is the same if it is said of another array


def separated_by(inputs: Mapping[Case, Inputs], shares: Mapping[str, float], sizes: Mapping[str, int]) -> str | None:
    """The fact by which the wrong cases differ from all right ones; None if there is none.

    shares   by the name of each wrong case, which part of its numbers is wrong
    sizes    by the name of each case, how many numbers it has

    >>> cases = {("one row", "float64"): {"z": np.ones((1, 3))}, ("two rows", "float64"): {"z": np.ones((2, 3))}}
    >>> separated_by(cases, {"two rows": 0.9}, {"one row": 3, "two rows": 6})
    'right where axis 0 of z has length 1, wrong in all other cases'
    >>> separated_by(cases, {"two rows": 0.2}, {"one row": 3, "two rows": 6})    # it may be right by chance
    """
    facts = {label: facts_of(given) for (label, _), given in inputs.items() if label != LARGE}
    wrong = [each for label, each in facts.items() if label in shares]
    right = [each for label, each in facts.items() if label not in shares]
    if not wrong or not right:
        return None
    share = sum(shares.values()) / len(shares)
    if prod((1 - share) ** sizes.get(label, 0) for label in facts if label not in shares) > CHANCE:
        return None
    for these, others, is_ in ((wrong, right, ("wrong", "right")), (right, wrong, ("right", "wrong"))):
        shared = {key: said for key, said in these[0].items() if all(key in each for each in these)}
        only = [said for key, said in shared.items() if not any(key in each for each in others)]
        if 0 < len(only) <= MOST_FACTS:
            return f"{is_[0]} where {' and '.join(only)}, {is_[1]} in all other cases"
    return None


def facts_of(inputs: Inputs) -> Facts:
    """What can be said of a case's inputs."""
    facts: Facts = {}
    for name, x in inputs.items():
        facts = facts_of_one(name, x) | facts  # of several arrays of which the same is true, the first
    tuples = {name: x for name, x in inputs.items() if isinstance(x, tuple)}
    for (one, x), (two, y) in combinations(tuples.items(), 2):
        if x == y:
            facts[f"{one} {two}"] = f"{one} is {two}"
    return facts


def facts_of_one(name: str, x: Any) -> Facts:
    """What can be said of one input."""
    said: Facts = {}
    if isinstance(x, np.ndarray):
        said = {f"axes {x.ndim}": f"{name} has {x.ndim} axes" if x.ndim != 1 else f"{name} has one axis"}
        said |= {f"length {i}": f"axis {i} of {name} has length 1" for i, length in enumerate(x.shape) if length == 1}
        if x.dtype.kind == "f" and x.size:
            told = {"a NaN": np.isnan(x).any(), "a number beyond 100": (np.abs(x) > 100).any()}
            told |= {"a 0": (x == 0).any(), "a 1": (x == 1).any()}
            said |= {f"{name} {what}": f"{name} has {what}" for what, is_so in told.items() if is_so}
    elif isinstance(x, tuple) and x:
        said = {f"numbers {len(x)}": f"{name} has {len(x)} numbers" if len(x) > 1 else f"{name} has one number"}
        if len(x) > 1:
            is_one = len(set(x)) == 1
            said[f"{name} alike {is_one}"] = f"the numbers of {name} {'are alike' if is_one else 'differ'}"
    elif x is None or isinstance(x, str | bool):
        said = {f"{name} {x}": f"{name} is {x}"}
    elif isinstance(x, int | float):
        sign = "below 0" if x < 0 else "above 0" if x else "0"
        said = {f"{name} {sign}": f"{name} is {sign}"}
    return said
