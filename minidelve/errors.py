"""What a user can meet when something cannot be done: one exception for each kind, and how all are worded.

Every message is one line of up to three parts: what was found, what was expected, and the cure.

>>> raise RunError("--short-side 40 is smaller than the crop", expected="at least 56", cure="leave it out")
Traceback (most recent call last):
    ...
minidelve.errors.RunError: --short-side 40 is smaller than the crop; expected at least 56; leave it out

A program may print it alone and stop, with exit code 2: no traceback helps against a truncated JPEG. A fault of
our own is not a UserError and keeps its traceback.
"""

from __future__ import annotations


class UserError(ValueError):
    """Something that the user can mend.

    found      the value, by the name that the user knows it under, and what is wrong with it
    expected   what would have been right
    cure       what to do
    """

    def __init__(self, found: str, *, expected: str = "", cure: str = ""):
        parts = [found, f"expected {expected}" if expected else "", cure]
        super().__init__(" ".join("; ".join(part for part in parts if part).splitlines()))


class DataError(UserError):
    """The user's data cannot be used as it is."""


class DataChanged(DataError):
    """A file of the data set is another one than when it was opened. No image that is left out mends that."""


class MissingSplit(DataError):
    """The data set is there but has no such split, as ImageNet's validation images without the others."""


class RunError(UserError):
    """A run that cannot start or go on as asked."""


class Diverged(RunError):
    """A loss, a gradient or a weight that is not finite."""


class CheckpointError(UserError):
    """A checkpoint file that is missing, damaged or of another kind."""
