"""Two results: whether they are alike, where they differ, and in what way, in the words of a hint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

TOLERANCE = {"float32": 1e-4, "float64": 1e-9}  # of the largest number of the right result
NOISE = {"float32": 2e-6, "float64": 1e-14}  # of the largest input: what is left where it should cancel
FEW = 4  # numbers, from which on what they share is no chance
CHANCE = 0.05  # that numbers are wrong where a sign is without having to do with it
NUMBERS = "biufc"  # kinds of dtypes


@dataclass(frozen=True)
class Pair:
    """What came back of one output in one case, what is right, and the inputs and other right outputs of the case.

    scale   the largest of the inputs (scale_of)
    """

    got: np.ndarray
    right: np.ndarray
    dtype: np.dtype
    inputs: Mapping[str, Any]
    others: Mapping[str, np.ndarray]
    scale: float = 0.0

    def alike(self, got: np.ndarray) -> bool:
        """Whether this would have been right."""
        return alike(got, self.right, self.dtype, self.scale)

    @property
    def ratio(self) -> float | None:
        """How many times too large all numbers are; None if they share no factor."""
        largest = np.abs(self.right).argmax()
        with np.errstate(all="ignore"):
            ratio = float(self.got.flat[largest]) / float(self.right.flat[largest])
        return ratio if ratio and np.isfinite(ratio) and self.alike(self.got / ratio) else None

    @property
    def wrong(self) -> np.ndarray:
        """Which numbers are not right."""
        return ~close(self.got, self.right, self.dtype, self.scale)


def scale_of(inputs: Mapping[str, Any]) -> float:
    """The largest finite number among the arrays of floats that went in; 0.0 if there is none."""
    arrays = [x[np.isfinite(x)] for x in inputs.values() if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
    return max((float(np.abs(x).max()) for x in arrays if x.size), default=0.0)


def alike(got: np.ndarray, right: np.ndarray, dtype: np.dtype, scale: float = 0.0) -> bool:
    """Whether two results have one shape and, but for rounding in `dtype`, the same numbers. scale: of the inputs."""
    return got.shape == right.shape and bool(close(got, right, dtype, scale).all())


def close(got: np.ndarray, right: np.ndarray, dtype: np.dtype, scale: float = 0.0) -> np.ndarray:
    """Which numbers of two results of one shape are the same, but for rounding in `dtype`; NaN is like NaN.

    Where numbers cancel, and nothing is left of the inputs but their rounding, that tells nothing.
    """
    if (got.dtype.kind in NUMBERS) != (right.dtype.kind in NUMBERS):  # a text beside a number
        return np.zeros(right.shape, bool)
    if right.dtype.kind not in "fc":
        return np.asarray(got == right)
    finite = np.abs(right[np.isfinite(right)])
    largest, noise = float(finite.max()) if finite.size else 0.0, NOISE[dtype.name] * scale
    if largest <= noise:
        largest = min(scale, 1.0) or 1.0
    with np.errstate(all="ignore"):
        near = np.abs(got - right) <= max(TOLERANCE[dtype.name] * largest, noise)
        # np.isclose says the same, five times as slowly: the judge asks thousands of times.
        return np.asarray(near | (got == right) | ((got != got) & (right != right)))


def where(name: str, case: str, got: np.ndarray, right: np.ndarray, dtype: np.dtype, scale: float = 0.0) -> str:
    """The first hint: what of a result is not as it should be, and where first.

    >>> where("da", "two channels", np.array([1.0, 4.0]), np.array([1.0, 2.0]), np.dtype("float64"))
    'da[1] is 4, expected 2 (case: two channels; 1 of 2 differ)'
    """
    if got.shape != right.shape:
        return f"{name} has shape {got.shape}, expected {right.shape} (case: {case})"
    if right.dtype.kind == "b" and not right.shape:
        return f"{name}: {got}, expected {right} (case: {case})"
    wrong = ~close(got, right, dtype, scale)
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    at = f"{name}[{', '.join(map(str, place))}]" if place else name
    numbers = f"; {int(wrong.sum())} of {right.size} differ" if right.size > 1 else ""
    mine, expected = told_apart(got[place], right[place])
    return f"{at} is {mine}, expected {expected} (case: {case}{numbers})"


def number(x: object, digits: int = 6) -> str:
    """A number of a hint."""
    return f"{float(x):.{digits}g}" if isinstance(x, (float, np.floating)) else str(x)


def told_apart(x: object, y: object) -> tuple[str, str]:
    """Two numbers with as many digits as tell them apart.

    >>> told_apart(0.25, 1 / 3), told_apart(np.float64(-3.160961), np.float64(-3.160964))
    (('0.25', '0.333333'), ('-3.160961', '-3.160964'))
    """
    for digits in range(6, 18):
        if (one := number(x, digits)) != (other := number(y, digits)):
            break
    return one, other


# -- in what way ---------------------------------------------------------------------------------------------


def manner(pairs: Sequence[Pair]) -> str | None:
    """In what way an output is wrong, where all the cases that differ tell the same; else None.

    >>> right = np.array([1.0, -2.0, 3.0, 0.5])
    >>> manner([Pair(2 * right, right, right.dtype, {}, {})])
    'every number is 2 times what it should be'
    """
    rules = SHAPES if any(pair.got.shape != pair.right.shape for pair in pairs) else VALUES
    if words := of_texts(pairs):
        return words
    comparable = all(pair.got.dtype.kind in "biuf" and pair.right.dtype.kind in "biuf" for pair in pairs)
    if not comparable or any(not pair.right.size or pair.right.dtype.kind == "b" for pair in pairs):
        return None
    with np.errstate(all="ignore"):  # a wrong number may be of any size
        return next((words for rule in rules if (words := rule(pairs))), None)


def of_texts(pairs: Sequence[Pair]) -> str | None:
    """An error in place of a result, a result in place of an error, or a number written otherwise."""
    if any(pair.got.dtype.kind != "U" or pair.right.dtype.kind != "U" or pair.right.shape for pair in pairs):
        return None
    texts = [(str(pair.got), str(pair.right)) for pair in pairs]
    if all(right.endswith("Error") and not got.endswith("Error") for got, right in texts):
        return "no error is raised where one should be"
    if all(got.endswith("Error") and not right.endswith("Error") for got, right in texts):
        return "an error is raised where none should be"
    if all(got.replace(".0", "") == right for got, right in texts):
        return "the numbers are right, and fractions where they should be whole"
    return None


def in_all(words: str, holds: Callable[[Pair], bool]) -> Callable[[Sequence[Pair]], str | None]:
    """The rule that says this if it holds in every case, and for enough numbers."""

    def rule(pairs: Sequence[Pair]) -> str | None:
        return words if enough(pairs) and all(holds(pair) for pair in pairs) else None

    return rule


def enough(pairs: Sequence[Pair]) -> bool:
    """Whether there are so many numbers that what they share is no chance."""
    return sum(pair.right.size for pair in pairs if pair.right.any()) >= FEW


def not_finite(pairs: Sequence[Pair]) -> str | None:
    """How many numbers are infinite or NaN that should not be, in the case that has the most of them."""
    bad = [(~np.isfinite(pair.got) & np.isfinite(pair.right)).sum() for pair in pairs]
    worst = int(np.argmax(bad))
    return f"{bad[worst]} of {pairs[worst].right.size} are infinite or NaN" if bad[worst] else None


def is_an_input(pairs: Sequence[Pair]) -> str | None:
    """The output is something that went in, or another result."""
    for what in ("inputs", "others"):
        for name in getattr(pairs[0], what):
            arrays = [getattr(pair, what).get(name) for pair in pairs]
            arrays = [x if isinstance(x, np.ndarray) and x.dtype.kind == "f" else None for x in arrays]
            one = len({float(x.flat[0]) for x in arrays if x is not None and x.size == 1}) == 1  # one number, such as 1
            if (
                not one
                and enough(pairs)
                and all(
                    x is not None and x.any() and alike(pair.got, x, pair.dtype, pair.scale)
                    for x, pair in zip(arrays, pairs)
                )
            ):
                return f"it is {name}" + (" as it came in" if what == "inputs" else ", another result")
    return None


def times(pairs: Sequence[Pair]) -> str | None:
    """All numbers are wrong by one factor: of all cases, or in each by the length of an axis of an input."""
    ratios = [pair.ratio for pair in pairs if pair.right.any() and np.isfinite(pair.right).all()]
    known = [ratio for ratio in ratios if ratio is not None]
    if not known or len(known) < len(ratios) or not enough(pairs):
        return None
    if np.allclose(known, known[0], rtol=1e-3):
        return factor(known[0])
    for name, x in pairs[0].inputs.items():
        for axis in range(getattr(x, "ndim", 0)):
            lengths = [pair.inputs[name].shape[axis] for pair in pairs if pair.right.any()]
            for sizes, done in ((lengths, "multiplied"), ([1 / length for length in lengths], "divided")):
                if np.allclose(known, sizes, rtol=1e-3):
                    return f"every number is {done} by the length of axis {axis} of {name}"
    if min(pair.right.size for pair in pairs) > 1:
        return "every number of a case is wrong by one factor, and it is another one in each case"
    return None


def factor(ratio: float) -> str:
    """How many times too large all numbers are, in words."""
    if np.isclose(ratio, -1, rtol=1e-3):
        return "every number has the wrong sign"
    near = 1 / ratio if abs(ratio) < 1 else ratio
    whole = round(near)
    if abs(ratio) < 1 and np.isclose(near, whole, rtol=1e-3):
        return f"every number is 1/{abs(whole)} of what it should be" + (", with the wrong sign" if ratio < 0 else "")
    return f"every number is {ratio:.4g} times what it should be"


def off_by(pairs: Sequence[Pair]) -> str | None:
    """All numbers are too large by the same."""
    shifts = [float(pair.got.flat[0]) - float(pair.right.flat[0]) for pair in pairs]
    if not enough(pairs) or not all(pair.alike(pair.got - shift) for pair, shift in zip(pairs, shifts)):
        return None
    if np.allclose(shifts, shifts[0], rtol=1e-3):
        return f"every number is off by {number(shifts[0])}"
    return "every number of a case is off by the same" if min(pair.right.size for pair in pairs) > 1 else None


def wrong_where(pairs: Sequence[Pair]) -> str | None:
    """What is wrong is where an input has one sign: the fewest such places, and not by chance."""
    signs = {"above 0": np.greater, "below 0": np.less, "0": np.equal}
    found: list[tuple[float, bool, str]] = []
    drawn = [pair for pair in pairs if pair.dtype == pairs[0].dtype]  # float32 has the same draw again
    count = sum(int(pair.wrong.sum()) for pair in drawn)
    for name in pairs[0].inputs:
        given = [np.asarray(pair.inputs.get(name)) for pair in pairs]
        if any(x.dtype.kind not in "iuf" or x.shape != pair.right.shape for x, pair in zip(given, pairs)):
            continue
        for words, sign in signs.items():
            places = [sign(x, 0) for x in given]
            if all((pair.wrong <= p).all() for pair, p in zip(pairs, places)) and enough(pairs):
                share = sum(int(p.sum()) for p in places) / sum(p.size for p in places)
                found.append((share, words == "0", f"it is wrong only where {name} is {words}"))
    share, at_zero, said = min(found, default=(1.0, False, ""))
    return said if at_zero and share < 0.5 or share**count < CHANCE else None


def at_one_index(pairs: Sequence[Pair]) -> str | None:
    """What is wrong is at one end of an axis, or all else is wrong. A single number is there by chance."""
    if sum(int(pair.wrong.sum()) for pair in pairs if pair.dtype == pairs[0].dtype) < 2:
        return None
    for axis in range(min(pair.right.ndim for pair in pairs)):
        for index in (0, -1):
            rests = [np.delete(pair.wrong, index, axis) for pair in pairs]
            if sum(rest.size for rest in rests) >= FEW and not any(rest.any() for rest in rests):
                return f"only [{':, ' * axis}{index}] of it is wrong"
            own = [np.take(pair.wrong, [index], axis) for pair in pairs]
            long = all(pair.right.shape[axis] > 1 for pair in pairs) and sum(rest.size for rest in rests) >= FEW
            if long and all(rest.all() for rest in rests) and not any(x.any() for x in own):
                return f"only [{':, ' * axis}{index}] of it is right"
    return None


def by_whole_steps(pairs: Sequence[Pair]) -> str | None:
    """Whole numbers in place of fractions, or whole numbers of which some are 1 too large or too small."""
    if not enough(pairs) or any(pair.right.dtype.kind not in "iuf" or not pair.right.ndim for pair in pairs):
        return None
    if all(pair.right.dtype.kind == "f" and alike(pair.got, np.floor(pair.right), pair.dtype) for pair in pairs):
        return "the fractions are lost: every number is rounded down"
    if all(pair.right.dtype.kind in "iu" for pair in pairs):
        steps = {int(step) for pair in pairs for step in np.unique(np.subtract(pair.got, pair.right, dtype=float))}
        if steps in ({0, 1}, {0, -1}):
            return f"those that are wrong are 1 too {'large' if 1 in steps else 'small'}"
    return None


def summed_over(pairs: Sequence[Pair]) -> str | None:
    """The result has an axis that should have been summed over, or lacks one."""
    for axis in range(min(pair.got.ndim for pair in pairs)):
        if all(pair.alike(pair.got.sum(axis=axis)) for pair in pairs) and enough(pairs):
            return f"it would be right, summed over its axis {axis}"
    if all(pair.got.size == 1 and close_sum(pair, 1) for pair in pairs) and enough(pairs):
        return "it is the sum of all that it should hold"
    for axis in range(min(pair.right.ndim for pair in pairs)):
        if all(alike(pair.got, pair.right.sum(axis=axis), pair.dtype) for pair in pairs) and enough(pairs):
            return f"axis {axis} of what it should be was summed over"
    return None


def close_sum(pair: Pair, count: int) -> bool:
    """Whether all that came back, `count` times, adds up to all that should have."""
    return bool(np.isclose(pair.got.sum() * count, pair.right.sum(), rtol=TOLERANCE[pair.dtype.name]))


SHAPES = (
    in_all("it is transposed", lambda pair: pair.alike(pair.got.T)),
    in_all(
        "the numbers are right, the shape is not",
        lambda pair: pair.got.size == pair.right.size and pair.alike(pair.got.reshape(pair.right.shape)),
    ),
    is_an_input,
    summed_over,
)
VALUES = (
    not_finite,
    in_all("every number is 0", lambda pair: not pair.got.any()),
    is_an_input,
    times,
    off_by,
    in_all(
        "it is transposed",
        lambda pair: pair.got.ndim == 2 and len({*pair.got.shape}) == 1 and pair.alike(pair.got.T),
    ),
    in_all(
        "it is reversed",
        lambda pair: pair.got.ndim > 0 and (pair.alike(np.flip(pair.got)) or pair.alike(np.flip(pair.got, 0))),
    ),
    in_all(
        "the numbers are right, and in another order",
        lambda pair: alike(np.sort(pair.got, axis=None), np.sort(pair.right, axis=None), pair.dtype),
    ),
    wrong_where,
    at_one_index,
    by_whole_steps,
    in_all("the numbers are right but for signs", lambda pair: alike(np.abs(pair.got), np.abs(pair.right), pair.dtype)),
)
