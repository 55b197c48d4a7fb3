"""What a user can meet when something cannot be done: one exception for each kind, and how they are worded.

Every message is one line of three parts: what was found, what was expected, and the cure. A program may print
it alone and stop, with exit code 2: no traceback helps against a truncated JPEG. A fault of our own is no
UserError and keeps its traceback.
"""

from __future__ import annotations


class UserError(ValueError):
    """Something that the user can mend; one line with the value, what was expected and the cure."""


class DataError(UserError):
    """The user's data cannot be used as it is."""


class MissingSplit(DataError):
    """The data set is there but has no such split, as ImageNet's validation images without the others."""


class RunError(UserError):
    """A run that cannot start or go on as asked."""


class Diverged(RunError):
    """A loss, a gradient or a weight that is no longer finite."""


class CheckpointError(UserError):
    """A checkpoint file that is missing, damaged or of another kind."""
